"""Whether a port is free, asked before anything is started; and whether a page answers there."""

from __future__ import annotations

import http.client
import socket

from texting_hub.up.words import Trouble, _

HOST = "127.0.0.1"
DEFAULT_PORT = 8000


def is_free(port: int) -> bool:
    """Nobody listens on it and we may. Both are asked: some systems let us bind beside a listener on all addresses."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def check(port: int, *, pair: bool) -> None:
    """Trouble when the port, or with `pair` also the one after it, cannot be had."""
    if port < 1024:
        raise Trouble(
            _("Port %(port)d is reserved for the system. Choose one from 1024 up: ./hub up --port 8000")
            % {"port": port}
        )
    wanted = [port, port + 1] if pair else [port]
    if wanted[-1] > 65535:
        raise Trouble(_("Port %(port)d is out of range. Choose one below 65535: ./hub up --port 8000") % {"port": port})
    for candidate in wanted:
        if not is_free(candidate):
            raise Trouble(_busy_sentence(candidate, port, pair))


def _busy_sentence(busy: int, port: int, pair: bool) -> str:
    facts = {"busy": busy, "free": _next_free(port, pair), "port": port}
    if busy == port:
        sentence = _("Port %(busy)d is in use by another program.") % facts
    else:
        sentence = _("Port %(busy)d, which the carrier simulator needs beside port %(port)d, is in use.") % facts
    return sentence + " " + _("Close that program, or choose another port: ./hub up --port %(free)d") % facts


def _next_free(port: int, pair: bool) -> int:
    """The next round hundred that is free: what the sentence suggests."""
    start = (port // 100 + 1) * 100
    for candidate in range(start, 65000, 100):
        if is_free(candidate) and (not pair or is_free(candidate + 1)):
            return candidate
    return start


def is_ready(port: int) -> bool:
    """Whether the web process on that port answers, and its database too. Trouble when it answers with an error."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    if status not in {200, 503}:
        raise Trouble(_("The web process answers with an error (HTTP %(status)d).") % {"status": status})
    return status == 200
