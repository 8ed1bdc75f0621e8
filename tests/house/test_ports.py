"""Busy ports: known before anything starts, told in a sentence that says what to type."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from texting_hub.up import ports
from texting_hub.up.words import Trouble


def listener(port: int = 0, host: str = "127.0.0.1") -> socket.socket:
    made = socket.socket()
    made.bind((host, port))
    made.listen()
    return made


def free_pair() -> int:
    """A port that is free, as is the one after it."""
    for port in range(21000, 30000, 7):
        if ports.is_free(port) and ports.is_free(port + 1):
            return port
    raise AssertionError


def test_a_busy_port_is_a_sentence_with_a_way_out() -> None:
    with listener() as busy:
        port = busy.getsockname()[1]
        with pytest.raises(Trouble, match=rf"Port {port} is in use by another program\. .*\./hub up --port \d+00"):
            ports.check(port, pair=False)


def test_a_listener_on_all_addresses_counts() -> None:
    with listener(host="0.0.0.0") as busy:
        assert not ports.is_free(busy.getsockname()[1])


def test_the_simulators_port_is_asked_for_too() -> None:
    port = free_pair()
    with listener(port + 1):
        with pytest.raises(Trouble, match=f"Port {port + 1}, which the carrier simulator needs"):
            ports.check(port, pair=True)
        ports.check(port, pair=False)


@pytest.mark.parametrize("port", [0, 80, 1023])
def test_system_ports_are_refused(port: int) -> None:
    with pytest.raises(Trouble, match="reserved"):
        ports.check(port, pair=False)


def test_the_last_port_has_no_neighbour() -> None:
    with pytest.raises(Trouble, match="out of range"):
        ports.check(65535, pair=True)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Silent."""


@pytest.fixture
def page() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_ready_is_what_readyz_says(page: HTTPServer, status: int, ready: bool) -> None:
    page.status = status  # type: ignore[attr-defined]
    assert ports.is_ready(page.server_port) is ready


def test_an_error_page_is_not_waited_for(page: HTTPServer) -> None:
    page.status = 500  # type: ignore[attr-defined]
    with pytest.raises(Trouble, match="HTTP 500"):
        ports.is_ready(page.server_port)


def test_nobody_there_is_not_ready() -> None:
    assert ports.is_ready(free_pair()) is False
