"""The real simulator on a free port, and a hub that only listens."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
API_KEY, WEBHOOK_SECRET = "the api key", "the webhook secret"
REGISTRY_KEY, REGISTRY_SECRET = "the registry key", "the registry secret"
PACE, HOLD = 0.1, 1.0
BUSINESS, PHONE = "+14155550101", "+14155550122"
PATIENCE = 20.0


def until(look: Callable[[], Any]) -> Any:
    """What `look` returns once it is true; the test fails when that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"{look} stayed {found!r}"
        time.sleep(0.02)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Listener:
    """An HTTP server that keeps what is posted to it, and answers 200 or what it was told to."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(listener.answers.pop(0) if listener.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/webhooks/account/"

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Everything posted, one event each, arrays taken apart."""
        documents = [json.loads(body) for _headers, body in self.posts]
        listed = [event for document in documents for event in (document if isinstance(document, list) else [document])]
        return [event for event in listed if event["type"].endswith(kind)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Simulator:
    """One process of the simulator."""

    def __init__(self, data: Path, webhook_url: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=10, trust_env=False)
        environment = {
            **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            "SIMULATOR_API_KEY": API_KEY,
            "SIMULATOR_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "SIMULATOR_WEBHOOK_URL": webhook_url,
            "SIMULATOR_HUB_URL": "http://127.0.0.1:8000/",
            "SIMULATOR_REGISTRY_KEY": REGISTRY_KEY,
            "SIMULATOR_REGISTRY_SECRET": REGISTRY_SECRET,
            "SIMULATOR_PACE": str(PACE),
            "SIMULATOR_HOLD_SECONDS": str(HOLD),
        }
        self.command = [sys.executable, "-m", "simulator", "--port", str(self.port), "--data", str(data)]
        self.environment = environment
        self.process = subprocess.Popen(self.command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
        until(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.process.stderr.read() if self.process.stderr else ""
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)

    def control(self, name: str, document: Any) -> dict[str, Any]:
        answer = self.http.post(f"/control/{name}", json=document)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def send(self, reference: str, body: str = "Hello", to: str = PHONE, **fields: Any) -> httpx.Response:
        """A text, as the hub's adapter sends it."""
        document = {"reference": reference, "from": BUSINESS, "to": to, "body": body, "callback_url": "", **fields}
        headers = {"Authorization": f"Bearer {API_KEY}"}
        return self.http.post("/v1/messages", json=document, headers=headers)

    def taken(self, reference: str) -> int:
        return int(self.http.get("/v1/taken", params={"reference": reference}).json()["count"])

    def state(self) -> dict[str, int]:
        found: dict[str, int] = self.http.get("/control/state").json()
        return found
