"""The far side of a socket: a TCP server that does with each request what a test tells it, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable

Behaviour = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def http(status: str, body: str = "", headers: str = "") -> bytes:
    """A whole HTTP/1.1 reply."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body.encode())}\r\n{headers}\r\n{body}".encode()


class FarSide:
    """`async with FarSide(behaviour) as far:` listens on `far.url`; `far.requests` is what truly arrived."""

    def __init__(self, *behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._behaviours = list(behaviours)
        self.requests: list[bytes] = []
        self.connections = 0
        self.arrived, self.ended = asyncio.Event(), asyncio.Event()
        self._serving: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> FarSide:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._serving.append(asyncio.ensure_future(self._converse(reader, writer)))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self._take_turns(reader, writer)
        writer.close()
        self.ended.set()

    async def _take_turns(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _request(reader):
            self.requests.append(request)
            behave = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
            self.arrived.set()
            await behave(request, writer)


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Head and body of the next request; empty when the connection ended."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return head + await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def answers(reply: bytes) -> Behaviour:
    """Answers every request with these bytes."""

    async def behave(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()

    return behave


def hangs_up(before: bytes = b"") -> Behaviour:
    """Closes the connection after reading the request, having answered `before`."""

    async def behave(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        writer.close()

    return behave


def resets() -> Behaviour:
    """Resets the connection after reading the request."""

    async def behave(request: bytes, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    return behave


def falls_silent() -> Behaviour:
    """Reads the request and never answers."""

    async def behave(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return behave


def then_closes(reply: bytes) -> Behaviour:
    """Answers, keeps the connection open for the client, then closes it while it is idle."""

    async def behave(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return behave


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
