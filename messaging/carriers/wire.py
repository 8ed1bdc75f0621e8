"""One HTTP/1.1 exchange with a carrier, and the one question that matters about it: may the carrier have the text?

`Wire.post` answers with the carrier's reply, or raises NotTaken (not a byte of the request left) or Unconfirmed (some
may have). To be certain of that there is no HTTP client library in between: connections are asyncio's, replies are
read by httptools' parser (llhttp, in C, strict), and the line at which bytes begin to leave is in `_attempt`, below.
Before it there are only DNS, TCP and TLS.
(CPU a request with 100 connections, tests/bench/http_clients.py: this 0.06 ms, aiohttp 0.12 ms, this with replies read
by h11 0.14 ms; httpx 4 ms, because its pool looks at every connection for every request.)

Nothing in here retries, follows a redirect, unpacks a body, or takes a proxy from the environment. A connection that
the far side closed while it was idle is found by looking at its socket before it is used; should it close just as we
write, that is Unconfirmed. To make that rare, idle connections are given up after KEEP_ALIVE_SECONDS, before servers
commonly do (5 seconds for many).
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httptools
import httpx

from messaging.carriers import exchanges
from messaging.carriers.base import NotTaken, SendError, Unconfirmed
from messaging.carriers.exchanges import NOTHING, Exchange, Kept

KEEP_ALIVE_SECONDS: Final = 3.0
LONGEST_REPLY: Final = 64 * 1024
"""Bytes of a reply's body that are read: no carrier answers a text with more."""
LONGEST_HEAD: Final = 16 * 1024
"""Bytes in which a reply's status and headers must have come."""
LONGEST: Final = 1024 * 1024
"""Bytes in which a reply must have come, however it is cut into chunks."""

# RFC 9112, 3.2 and RFC 9110, 5: what may stand in a request line, in a field's name and in its value.
_TARGET: Final = re.compile(r"[\x21-\x7e]+")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"(?:[\x21-\x7e](?:[\x21-\x7e \t]*[\x21-\x7e])?)?")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the carrier answered; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where connections go to: those of one origin can take each other's requests."""

    host: str
    port: int
    tls: bool

    @property
    def name(self) -> str:
        """As the Host header says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class _Reading:
    """One reply as it comes in. The parser calls the `on_` methods; raises what the parser raises."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._bytes = 0
        self._has_head = False
        self.may_stay = False
        """Whether the connection is good for another request: the reply said so, and nothing came after it."""
        self.reply: Reply | None = None

    def feed(self, data: bytes) -> None:
        """Read on. Raises httptools.HttpParserError when this is no reply."""
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # What follows a whole reply is none of its business, but nobody asked for it.
            self.may_stay = False
            if self.reply is None:
                raise httptools.HttpParserError(type(error).__name__) from error
        if self.reply is None and self._bytes > (LONGEST if self._has_head else LONGEST_HEAD):
            raise httptools.HttpParserError("endless")

    def end(self) -> None:
        """The connection has ended. That ends a reply which did not announce its length; any other is broken off."""
        if self.reply is None:
            if not self._has_head or self._headers.keys() & {"content-length", "transfer-encoding"}:
                raise httptools.HttpParserError("broken off")
            self._finish()
        self.may_stay = False

    def on_message_begin(self) -> None:
        self.may_stay = False
        if self.reply is None:
            self._headers, self._body = {}, bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Fields behind a body are nobody's business.
        if self.reply is None and not self._has_head:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.reply is None:
            status = self._parser.get_status_code()
            if self._parser.get_http_version() not in ("1.0", "1.1") or not 100 <= status <= 999:
                raise httptools.HttpParserError("no HTTP/1")
            # 1xx is not the answer yet.
            self._has_head, self._status = status >= 200, status

    def on_body(self, data: bytes) -> None:
        if self.reply is None:
            self._body += data
            if len(self._body) >= LONGEST_REPLY:
                self._finish()

    def on_message_complete(self) -> None:
        if self.reply is None and self._has_head:
            self.may_stay = bool(self._parser.should_keep_alive())
            self._finish()

    def _finish(self) -> None:
        self.reply = Reply(self._status, self._headers, bytes(self._body[:LONGEST_REPLY]))


class _Connection(asyncio.Protocol):
    """One open connection, used by one request at a time. What comes in while it is idle ends it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._reading: _Reading | None = None
        self._answer: asyncio.Future[Reply] | None = None
        self._ended = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._reading is None:
            self.close()
        else:
            self._read(self._reading.feed, data)

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        """Nothing more will come: what that means depends on how far the reply is."""
        if not self._ended:
            self._ended = True
            if self._reading is not None:
                self._read(self._reading.end)

    def _read(self, step: Callable[..., None], *data: bytes) -> None:
        """Take a step; tell who waits when the reply is whole, or will never be."""
        assert self._reading is not None
        try:
            step(*data)
        except httptools.HttpParserError as error:
            self._settle(error)
        else:
            if self._reading.reply is not None:
                self._settle(self._reading.reply)

    def _settle(self, outcome: Reply | Exception) -> None:
        if self._answer is None or self._answer.done():
            return
        if isinstance(outcome, Exception):
            self._answer.set_exception(outcome)
        else:
            self._answer.set_result(outcome)

    def is_usable(self) -> bool:
        """Not ended, and silent: what an idle connection has to say, even if the loop has not read it yet, is bad."""
        if self._ended or self._transport.is_closing() or self.rested_too_long():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def rested_too_long(self) -> bool:
        return time.monotonic() - self.idle_since > KEEP_ALIVE_SECONDS

    async def exchange(self, encoded: bytes) -> Reply:
        """Write the request, read the reply. Raises httptools.HttpParserError when that breaks off."""
        self._reading = _Reading()
        self._answer = asyncio.get_running_loop().create_future()
        if self._ended:
            self._read(self._reading.end)
        self._transport.write(encoded)
        return await self._answer

    def rest(self) -> bool:
        """Make ready for the next request. False: there can be none, or more than the reply came."""
        if self._ended or self._reading is None or not self._reading.may_stay:
            return False
        self._reading = self._answer = None
        self.idle_since = time.monotonic()
        return True

    def close(self) -> None:
        self._transport.close()


class Wire:
    """Kept-alive connections to carriers; belongs to the event loop it is used in."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._idle: dict[_Origin, deque[_Connection]] = defaultdict(deque)
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str], kept: Kept = NOTHING) -> Reply:
        """POST once; connecting, writing and reading take at most the timeout together.

        Raises NotTaken or Unconfirmed, whatever goes wrong. `kept` is what an exchange log may keep of the answer.
        """
        return await self._once("POST", url, content, {"content-length": str(len(content)), **headers}, kept)

    async def get(self, url: str, *, headers: Mapping[str, str], kept: Kept = NOTHING) -> Reply:
        """GET once, as `post` does; for questions."""
        return await self._once("GET", url, b"", headers, kept)

    async def _once(self, method: str, url: str, content: bytes, headers: Mapping[str, str], kept: Kept) -> Reply:
        began = time.monotonic()
        try:
            reply = await self._requested(method, url, content, headers)
        except SendError as error:
            _note(method, url, began, 0, f"{type(error).__name__}: {error}")
            raise
        if exchanges.is_recorded():
            _note(method, url, began, reply.status, exchanges.redacted(reply.body, kept))
        return reply

    async def _requested(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            origin, target = _parsed(url)
            named = {"host": origin.name, "accept-encoding": "identity", **headers}
            encoded = _encoded(method, target, named) + content
        except ValueError as error:
            raise NotTaken(type(error).__name__) from error
        return await self._attempt(origin, encoded)

    async def _attempt(self, origin: _Origin, encoded: bytes) -> Reply:
        connection: _Connection | None = None
        leaving = False
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._rested(origin) or await self._connected(origin)
                leaving = True  # From here on the carrier may have it.
                reply = await connection.exchange(encoded)
        except Exception as error:
            kind = Unconfirmed if leaving else NotTaken
            raise kind(type(error).__name__) from error
        else:
            if connection.rest():
                self._idle[origin].append(connection)
                connection = None
            return reply
        finally:
            if connection is not None:
                connection.close()

    def _rested(self, origin: _Origin) -> _Connection | None:
        """The connection that was used last, if it still stands. Those that rested longest are given up."""
        idle = self._idle[origin]
        while idle and idle[0].rested_too_long():
            idle.popleft().close()
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    async def _connected(self, origin: _Origin) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection,
            origin.host,
            origin.port,
            ssl=self._tls_context() if origin.tls else None,
            happy_eyeballs_delay=0.25,
        )
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        """Certificates and host names are verified against certifi's roots."""
        if self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    async def aclose(self) -> None:
        """Close what is idle."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
        await asyncio.sleep(0)


def _note(method: str, url: str, began: float, status: int, response: str) -> None:
    """For the exchange log. Of the address only the path: what is asked about stands behind it."""
    took = round((time.monotonic() - began) * 1000)
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    exchanges.note(Exchange(method, path, status, took, response))


def _parsed(url: str) -> tuple[_Origin, str]:
    """Origin and request target. Raises ValueError when it is no http(s) address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no http(s) address")
    tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Origin(parts.hostname, parts.port or (443 if tls else 80), tls), target


def _encoded(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request. Raises ValueError when a part of it would not stay in its place."""
    if not _TARGET.fullmatch(target):
        raise ValueError("no request target")
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError("no header")
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
