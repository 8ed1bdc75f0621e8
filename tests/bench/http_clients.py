"""CPU that one text on the wire costs, by HTTP client: our Wire, and aiohttp.

    python -m tests.bench.http_clients [--requests 20000] [--connections 100] [--runs 5]

100 requests are on the wire at once, over kept-alive connections, to a small asyncio server in a process of its own
that answers each with a 202 and an id. Counted is the CPU time of the client's process alone, connections made
before. The clients take turns in each run, and minimum, median and maximum are told.

Measured on two shared cores (load 2), Python 3.11, 10,000 requests, five runs; µs a request, min / median / max:

wire (httptools)            60   63   69
wire with h11 instead      130  137  146   the commit before httptools, its aiohttp 92 / 94 / 102
aiohttp 3.14                88  122  151
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable

import django

BODY = b'{"reference":"01a20728-a6dc-72c1-8f10-c878e5fe527f","from":"+14155550101","to":"+12065550122","body":"Hello"}'
HEADERS = {"authorization": "Bearer key", "content-type": "application/json"}
ID = b'{"id": "0123456789012345678901234567890123456789"}'
ANSWER = (
    b"HTTP/1.1 202 Accepted\r\nserver: bench\r\ndate: Thu, 26 Nov 2026 08:00:00 GMT\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(ID), ID)
)
Post = Callable[[], Awaitable[int]]


class Server(asyncio.Protocol):
    """Answers each whole request; its body's length is known."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer.endswith(BODY):
            self._buffer = b""
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def measured(post: Post, requests: int, connections: int) -> float:
    """Microseconds of CPU a request."""
    await asyncio.gather(*(post() for _ in range(connections)))
    left = iter(range(requests))

    async def work() -> None:
        for _ in left:
            assert await post() == 202

    began = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(work() for _ in range(connections)))
    ended = resource.getrusage(resource.RUSAGE_SELF)
    return (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) / requests * 1e6


async def of_wire(url: str, requests: int, connections: int) -> float:
    from messaging.carriers.wire import Wire

    wire = Wire(timeout=10.0)

    async def post() -> int:
        return (await wire.post(url, content=BODY, headers=HEADERS)).status

    try:
        return await measured(post, requests, connections)
    finally:
        await wire.aclose()


async def of_aiohttp(url: str, requests: int, connections: int) -> float:
    import aiohttp

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections), timeout=aiohttp.ClientTimeout(total=10.0)
    ) as session:

        async def post() -> int:
            async with session.post(url, data=BODY, headers=HEADERS, allow_redirects=False) as reply:
                await reply.read()
                return reply.status

        return await measured(post, requests, connections)


CLIENTS = {"wire": of_wire, "aiohttp": of_aiohttp}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
    django.setup()
    server = subprocess.Popen([sys.executable, "-m", "tests.bench.http_clients", "--serve"], stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1/messages"
        costs: dict[str, list[float]] = {name: [] for name in CLIENTS}
        for _ in range(options.runs):
            for name, client in CLIENTS.items():
                costs[name].append(asyncio.run(client(url, options.requests, options.connections)))
    finally:
        server.terminate()
        server.wait()
    for name, found in costs.items():
        print(f"{name:10} {min(found):6.0f} {statistics.median(found):6.0f} {max(found):6.0f} µs of CPU a request")


if __name__ == "__main__":
    main()
