"""Clients that send one text a request over kept-alive connections, as cheaply as possible: they share the machine.

python -m tests.bench.api_clients WORK CONNECTIONS HOST PORT
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path

ANSWERED = b"HTTP/1.1 201 "
A_CONNECTION = 20
"""Requests. A connection stays with one web process, so the next one goes to whichever has time."""


class Client(threading.Thread):
    """One connection, one request at a time."""

    def __init__(self, host: str, port: int, texts: list[list[str]]) -> None:
        super().__init__()
        self.done = False
        self._requests = [_request(host, *text) for text in texts]
        self._address = host, port
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        for place, request in enumerate(self._requests):
            if place and place % A_CONNECTION == 0:
                self._socket.close()
                self._connect()
            self._socket.sendall(request)
            answer = self._answer()
            assert answer.startswith(ANSWERED), answer
        self.done = True

    def _answer(self) -> bytes:
        got = b""
        while True:
            more = self._socket.recv(65536)
            assert more, "the connection was closed"
            got += more
            head, end, body = got.partition(b"\r\n\r\n")
            if end and len(body) >= _length(head):
                return got


def _length(head: bytes) -> int:
    name = b"content-length: "
    at = head.lower().index(name) + len(name)
    return int(head[at : at + 10].split(b"\r\n")[0])


def _request(host: str, token: str, to: str, body: str, key: str) -> bytes:
    document = json.dumps({"to": to, "body": body}).encode()
    return (
        f"POST /api/v1/messages HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(document)}\r\n\r\n"
    ).encode() + document


def main(work: Path, connections: int, host: str, port: int) -> None:
    texts = json.loads(work.read_text())
    clients = [Client(host, port, texts[place::connections]) for place in range(connections)]
    print("ready", flush=True)
    sys.stdin.readline()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if all(client.done for client in clients):
        print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
