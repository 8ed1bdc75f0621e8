"""A carrier that does what it is told, as a process of its own: `python -m tests.faults.carrier FOLDER`.

It speaks the simulator's protocol. What it takes it writes to `ledger.jsonl` before it answers: one line a text, so the
ledger says what truly happened, whatever the hub believes. Each text follows the script of its body, one step an
attempt; without a script, or after its last step, it is taken and answered. It knows nothing of the hub's code.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Headers = dict[str, str]


@dataclass(frozen=True)
class Step:
    """What the carrier does with one attempt: whether it takes the text, and what it lets the sender know."""

    takes: bool
    says: str
    """answer, hang_up, silence, or an HTTP status."""
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    waits: bool = False
    """Until it is told to go on: after it took the text, if it takes it."""
    receipt_first: str = ""
    """A claim that it posts, and sees answered, before it answers itself."""


STEPS = {
    "take": Step(True, "answer"),
    "take, receipt first": Step(True, "answer", receipt_first="delivered"),
    "take, wait, answer": Step(True, "answer", waits=True),
    "take, hang up": Step(True, "hang_up"),
    "take, silence": Step(True, "silence"),
    "silence": Step(False, "silence"),
    "hang up": Step(False, "hang_up"),
    "take, 500": Step(True, "500", '{"code": "error"}'),
    "500": Step(False, "500", '{"code": "error"}'),
    "take, garbage 200": Step(True, "200", "<html>Welcome</html>"),
    "garbage 200": Step(False, "200", "<html>Welcome</html>"),
    "take, garbage 202": Step(True, "202", '{"id": '),
    "throttle": Step(False, "429", '{"code": "throttled"}', (("Retry-After", "2"),)),
    "refuse": Step(False, "400", '{"code": "4720"}'),
}


class Carrier:
    def __init__(self, folder: Path, secret: str) -> None:
        self.secret = secret
        self.ledger = (folder / "ledger.jsonl").open("a", buffering=1)
        self.attempts = (folder / "attempts.jsonl").open("a", buffering=1)
        self.scripts: dict[str, list[str]] = {}
        self.go_on, self.over = asyncio.Event(), asyncio.Event()
        self.server: asyncio.Server | None = None
        self.open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def listen(self) -> None:
        if self.server is None:
            self.server = await asyncio.start_server(self.connected, "127.0.0.1", self.port, backlog=1024)
            self.port = self.server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """No port is open any more: connecting is refused, and what is connected is hung up on."""
        if self.server is not None:
            self.server.close()
            self.server = None
            for writer in self.open:
                writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            while (request := await read_request(reader)) is not None:
                if not await self.answered(json.loads(request), writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            """The sender went away, or was killed."""
        finally:
            self.open.discard(writer)
            writer.close()

    async def answered(self, text: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        """One attempt; whether the connection stays."""
        step = self.step_of(text["body"])
        note = {name: text[name] for name in ("reference", "from", "to", "body")} | {"at": time.time()}
        self.attempts.write(json.dumps(note) + "\n")
        if step.takes:
            self.ledger.write(json.dumps(note) + "\n")
        if step.waits:
            await self.go_on.wait()
        if step.receipt_first:
            await self.post(text["callback_url"], receipt(text["reference"], step.receipt_first))
        if step.says == "silence":
            await asyncio.sleep(3600)
        if step.says == "hang_up":
            writer.transport.abort()
            return False
        status = 202 if step.says == "answer" else int(step.says)
        body = json.dumps({"id": identifier(text["reference"])}) if step.says == "answer" else step.body
        writer.write(reply(status, body.encode(), dict(step.headers)))
        await writer.drain()
        return True

    def step_of(self, body: str) -> Step:
        script = self.scripts.get(body)
        return STEPS[script.pop(0)] if script else STEPS["take"]

    async def post(self, url: str, document: Any) -> int:
        """A signed webhook; the status of the answer, 0 for none."""
        body = json.dumps(document).encode()
        timestamp = str(int(time.time()))
        signature = hmac.new(self.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"X-Simulator-Timestamp": timestamp, "X-Simulator-Signature": signature}
        try:
            return await post(url, body, headers)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            return 0

    async def controlled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Orders from the test, one JSON line each. When the test is gone, so is the carrier."""
        while line := await reader.readline():
            order = json.loads(line)
            answer = await getattr(self, f"order_{order.pop('order')}")(**order)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        self.over.set()

    async def order_script(self, scripts: dict[str, list[str]]) -> int:
        unknown = {step for script in scripts.values() for step in script} - STEPS.keys()
        if unknown:
            raise KeyError(unknown)
        self.scripts.update(scripts)
        return len(self.scripts)

    async def order_listen(self) -> int:
        await self.listen()
        return self.port

    async def order_refuse(self) -> int:
        await self.refuse()
        return self.port

    async def order_go_on(self) -> bool:
        self.go_on.set()
        return True

    async def order_post(self, url: str, documents: list[Any], at_once: int = 1, repeats: int = 0) -> list[int]:
        """How each was answered at last: "try again" (503) is repeated, so many times."""
        turns = asyncio.Semaphore(at_once)

        async def one(document: Any) -> int:
            async with turns:
                answer = await self.post(url, document)
                for _ in range(repeats):
                    if answer != 503:
                        break
                    await asyncio.sleep(0.1)
                    answer = await self.post(url, document)
                return answer

        return await asyncio.gather(*(one(document) for document in documents))


def identifier(reference: str) -> str:
    return f"carrier-{reference}"


def receipt(reference: str, claim: str, at: float | None = None, code: str = "") -> dict[str, str]:
    moment = time.gmtime(time.time() if at is None else at)
    return {
        "type": "message.receipt", "id": identifier(reference), "reference": reference, "status": claim, "code": code,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", moment),
    }  # fmt: skip


async def read_request(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next request; None when there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    return await reader.readexactly(length_of(head))


def length_of(head: bytes) -> int:
    lines = head.decode("latin-1").lower().split("\r\n")
    return next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)


def reply(status: int, body: bytes, headers: Headers) -> bytes:
    named = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status} Answer", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def post(url: str, body: bytes, headers: Headers) -> int:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    named = {"Host": parts.netloc, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), "Connection: close"]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    try:
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def serve(folder: Path, secret: str) -> None:
    carrier = Carrier(folder, secret)
    await carrier.listen()
    control = await asyncio.start_server(carrier.controlled, "127.0.0.1", 0, limit=2**24)
    ports = {"traffic": carrier.port, "control": control.sockets[0].getsockname()[1]}
    print(json.dumps(ports), flush=True)
    async with control:
        await carrier.over.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
