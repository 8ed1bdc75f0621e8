"""One HTTP/1.1 exchange with a carrier, and the one question that matters about it: may the carrier have the text?

`Wire.post` answers with the carrier's reply, or raises NotTaken (not a byte of the request left) or Unconfirmed (some
may have). To be certain of that there is no HTTP client library in between: connections are asyncio's, the protocol
is h11's, and the line at which bytes begin to leave is in `_attempt`, below. Before it there are only DNS, TCP and TLS.
(Measured with 100 connections: httpx 4.0 ms of CPU a request, because its pool looks at every connection for every
request; httpcore’s bare connections 0.4 ms; this 0.17 ms.)

Nothing in here retries, follows a redirect, unpacks a body, or takes a proxy from the environment. A connection that
the far side closed while it was idle is found by looking at its socket before it is used; should it close just as we
write, that is Unconfirmed. To make that rare, idle connections are given up after KEEP_ALIVE_SECONDS, before servers
commonly do (5 seconds for many).
"""

from __future__ import annotations

import asyncio
import select
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import h11
import httpx

from messaging.carriers import exchanges
from messaging.carriers.base import NotTaken, SendError, Unconfirmed
from messaging.carriers.exchanges import NOTHING, Exchange, Kept

KEEP_ALIVE_SECONDS: Final = 3.0
LONGEST_REPLY: Final = 64 * 1024
"""Bytes of a reply's body that are read: no carrier answers a text with more."""


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


class _Connection(asyncio.Protocol):
    """One open connection, used by one request at a time. What comes in while it is idle ends it."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._busy = False
        self._ended = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._busy:
            self.close()
            return
        self._http.receive_data(data)
        self._wake()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        """Nothing more will come: what h11 makes of that depends on how far the reply is."""
        if not self._ended:
            self._ended = True
            self._http.receive_data(b"")
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def is_usable(self) -> bool:
        """Not ended, and silent: what an idle connection has to say, even if the loop has not read it yet, is bad."""
        if self._ended or self._transport.is_closing() or self.rested_too_long():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def rested_too_long(self) -> bool:
        return time.monotonic() - self.idle_since > KEEP_ALIVE_SECONDS

    def encoded(self, request: h11.Request, content: bytes) -> bytes:
        """The request's bytes. Raises h11.LocalProtocolError when it is no valid request."""
        events = (request, *([h11.Data(data=content)] if content else []), h11.EndOfMessage())
        parts = [self._http.send(event) for event in events]
        return b"".join(part for part in parts if part)

    async def exchange(self, encoded: bytes) -> Reply:
        """Write the request, read the reply. Raises h11.RemoteProtocolError when that breaks off."""
        self._busy = True
        self._transport.write(encoded)
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            if head is not None and (isinstance(event, h11.EndOfMessage) or len(body) >= LONGEST_REPLY):
                return Reply(head.status_code, _decoded(head), bytes(body[:LONGEST_REPLY]))

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return event

    def rest(self) -> bool:
        """Make ready for the next request. False: there can be none, or more than the reply came."""
        if self._ended or self._http.trailing_data != (b"", False):
            return False
        if (self._http.our_state, self._http.their_state) != (h11.DONE, h11.DONE):
            return False
        self._http.start_next_cycle()
        self._busy = False
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
            request = h11.Request(method=method, target=target, headers=list(named.items()))
        except (ValueError, h11.LocalProtocolError) as error:
            raise NotTaken(type(error).__name__) from error
        return await self._attempt(origin, request, content)

    async def _attempt(self, origin: _Origin, request: h11.Request, content: bytes) -> Reply:
        connection: _Connection | None = None
        leaving = False
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._rested(origin) or await self._connected(origin)
                encoded = connection.encoded(request, content)
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


def _decoded(head: h11.Response) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
