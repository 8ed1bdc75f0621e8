"""A carrier that costs next to nothing: takes texts as the simulator's wire does, and posts signed receipts.

    python -m tests.bench.fast_carrier PORT DELAY_MS WEBHOOK_SECRET

It counts what it truly took, by reference and in order. POST /v1/messages takes a text (answered after the delay);
the receipt goes to the text's own callback_url, up to 20 of one address in a request, as carriers send them.
GET /ledger tells what was taken and how many receipts were taken from it; POST /forget begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sys
import time
from collections import defaultdict, deque
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson

TOGETHER, POSTERS = 20, 2


class Ledger:
    def __init__(self, secret: str) -> None:
        self.secret = secret.encode()
        self.taken: list[tuple[str, str]] = []
        self.owed: dict[str, deque[bytes]] = defaultdict(deque)
        self.told = 0
        self.news = asyncio.Event()

    def take(self, text: dict[str, str]) -> bytes:
        identifier = f"c-{len(self.taken)}"
        self.taken.append((text["reference"], text["to"]))
        if text["callback_url"]:
            event = {
                "type": "message.receipt", "id": identifier, "reference": text["reference"], "status": "delivered",
                "code": "", "at": datetime.now(UTC).isoformat(),
            }  # fmt: skip
            self.owed[text["callback_url"]].append(orjson.dumps(event))
            self.news.set()
        return identifier.encode()

    def forget(self) -> None:
        self.taken, self.told = [], 0


class Answering(asyncio.Protocol):
    def __init__(self, ledger: Ledger, delay: float) -> None:
        self.ledger, self.delay, self.read = ledger, delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        while (end := self.read.find(b"\r\n\r\n")) >= 0:
            head = self.read[:end]
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.read) < end + 4 + length:
                return
            body = self.read[end + 4 : end + 4 + length]
            self.read = self.read[end + 4 + length :]
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        if path == b"/v1/messages":
            self._send(202, b'{"id":"%s"}' % self.ledger.take(orjson.loads(body)), self.delay)
        elif path == b"/ledger":
            self._send(200, orjson.dumps({"taken": self.ledger.taken, "told": self.ledger.told}))
        elif path == b"/count":
            self._send(200, orjson.dumps({"taken": len(self.ledger.taken), "told": self.ledger.told}))
        else:
            self.ledger.forget()
            self._send(200, b"{}")

    def _send(self, status: int, body: bytes, delay: float = 0.0) -> None:
        reply = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
            status, len(body), body,
        )  # fmt: skip
        if delay:
            asyncio.get_running_loop().call_later(delay, self.transport.write, reply)
        else:
            self.transport.write(reply)


async def post_receipts(ledger: Ledger) -> None:
    """Post what is owed, a batch at a time over one kept-alive connection; again until it is taken."""
    streams: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
    while True:
        url = next((url for url, owed in ledger.owed.items() if owed), None)
        if url is None:
            ledger.news.clear()
            await ledger.news.wait()
            await asyncio.sleep(0.005)
            continue
        owed = ledger.owed[url]
        batch = [owed.popleft() for _ in range(min(TOGETHER, len(owed)))]
        if await _posted(streams, url, b"[" + b",".join(batch) + b"]", ledger.secret):
            ledger.told += len(batch)
        else:
            owed.extend(batch)
            await asyncio.sleep(0.2)


async def _posted(
    streams: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]], url: str, body: bytes, secret: bytes
) -> bool:
    parts = urlsplit(url)
    try:
        if url not in streams:
            streams[url] = await asyncio.open_connection(parts.hostname, parts.port)
        reader, writer = streams[url]
        stamp = str(int(time.time())).encode()
        signature = hmac.new(secret, stamp + b"." + body, hashlib.sha256).hexdigest().encode()
        writer.write(
            b"POST %s HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"x-simulator-timestamp: %s\r\nx-simulator-signature: %s\r\n\r\n%s"
            % (parts.path.encode(), parts.netloc.encode(), len(body), stamp, signature, body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        if b"connection: close" in head.lower():
            streams.pop(url)[1].close()
        return head.split(b" ", 2)[1] == b"200"
    except (OSError, asyncio.IncompleteReadError, IndexError):
        streams.pop(url, None)
        return False


async def main(port: int, delay: float, secret: str) -> None:
    ledger = Ledger(secret)
    server = await asyncio.get_running_loop().create_server(
        lambda: Answering(ledger, delay), "127.0.0.1", port, backlog=1000
    )
    posters = [asyncio.create_task(post_receipts(ledger)) for _ in range(POSTERS)]
    await asyncio.gather(server.serve_forever(), *posters)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000, sys.argv[3]))
