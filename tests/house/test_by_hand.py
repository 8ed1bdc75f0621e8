"""Production's processes by hand: the compose file's commands, as the README shows them, and one text through them.

On Postgres and Redis where HUB_TEST_DATABASE_URL and HUB_TEST_REDIS_URL name them, else on SQLite and Valkey.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.faults.house import API_KEY, SECRET, CarrierProcess
from tests.house.left_behind import until
from tests.house.servers import BROKER, DATABASE, drop_database, own_servers
from texting_hub.up.testing import broker_for_tests
from texting_hub.up.testing import environment as hermetic
from texting_hub.up.words import ROOT

HOST = "texting.example.com"
BEHIND_THE_PROXY = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
WORKERS = ("relay", "general", "beat")
STOP_SECONDS = 30


def commands() -> dict[str, str]:
    """What each process of production is started with."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    found = {name: " ".join(services[name]["command"].split()) for name in ("migrate", "live", *WORKERS)}
    (arguments,) = re.findall(r"^CMD (\[.*?\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL)
    return {**found, "web": shlex.join(json.loads(arguments.replace("\\\n", "")))}


def at_port(command: str, port: int) -> str:
    """The same on this machine alone, at another port."""
    return command.replace("0.0.0.0:8000", f"127.0.0.1:{port}").replace(
        "--host 0.0.0.0 --port 8000", f"--host 127.0.0.1 --port {port}"
    )


def test_the_readme_shows_them() -> None:
    shown = " ".join((ROOT / "README.md").read_text().replace("\\\n", " ").split())
    for name, command in commands().items():
        (inner,) = shlex.split(command)[2:] if name == "migrate" else (command,)
        assert at_port(inner, 8001 if name == "live" else 8000) in shown, name


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ByHand:
    """The processes, their environment and their logs."""

    def __init__(self, folder: Path, servers: dict[str, str]) -> None:
        self.folder, self.ports = folder, {"web": free_port(), "live": free_port()}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        data = folder / "data"
        data.mkdir()
        self.environment = {
            **hermetic(os.environ, str(data)), **servers, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DJANGO_SETTINGS_MODULE": "texting_hub.settings", "PUBLIC_URL": f"https://{HOST}",
            "ALLOWED_HOSTS": f"{HOST},127.0.0.1", "BEHIND_PROXY": "1",
        }  # fmt: skip

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name: str, command: str) -> None:
        arguments = shlex.split(command.replace("/tmp/schedule", str(self.folder / "schedule")))
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                arguments, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def said(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name).read_text()[-3000:]}" for name in self.running)

    def asked(self, name: str, path: str) -> int:
        """The status of an answer; 0 while there is none."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}{path}", trust_env=False).status_code
        return 0

    def stop(self) -> dict[str, int | None]:
        """How each ended when it was asked to."""
        for process in self.running.values():
            process.terminate()
        ends_at = time.monotonic() + STOP_SECONDS
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.1, ends_at - time.monotonic()))
        return {name: process.poll() for name, process in self.running.items()}

    def kill(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[ByHand]:
    servers = own_servers()
    with contextlib.ExitStack() as things:
        things.callback(drop_database, servers.get("DATABASE_URL"))
        if not BROKER:
            servers["REDIS_URL"] = things.enter_context(broker_for_tests())
        made = ByHand(tmp_path, {**servers, "BROKER_PREFIX": f"by-hand-{os.getpid()}:"})
        things.callback(made.kill)
        yield made


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[CarrierProcess]:
    (tmp_path / "carrier").mkdir()
    made = CarrierProcess(tmp_path / "carrier")
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.skipif(bool(os.environ.get("CI")) and not DATABASE, reason="CI runs it once, on Postgres and Redis")
def test_one_text_goes_through_them(by_hand: ByHand, carrier: CarrierProcess) -> None:
    started = commands()
    by_hand.run(*shlex.split(started["migrate"]))
    for name in ("web", "live", *WORKERS):
        by_hand.start(name, at_port(started[name], by_hand.ports.get(name, 0)))
    token = by_hand.run(sys.executable, "-m", "tests.house.one_sender", carrier.url, API_KEY, SECRET).strip()
    for name in by_hand.ports:
        until(lambda name=name: by_hand.asked(name, "/readyz") == 200, seconds=30, told=by_hand.said)
    api = httpx.Client(
        base_url=f"http://127.0.0.1:{by_hand.ports['web']}/api/v1", trust_env=False, timeout=20,
        headers={**BEHIND_THE_PROXY, "Authorization": f"Bearer {token}"},
    )  # fmt: skip
    text: Any = api.post("/messages", json={"to": "+12065550122", "body": "Hello"}).raise_for_status().json()
    until(
        lambda: api.get(f"/messages/{text['id']}").raise_for_status().json()["status"] == "sent",
        seconds=30, told=by_hand.said,
    )  # fmt: skip
    assert [line["reference"] for line in carrier.ledger()] == [text["id"]]
    assert by_hand.asked("web", "/metrics") == 404, "nobody reads them without a token"
    # Uvicorn ends in good order, and then by the signal.
    assert by_hand.stop() == {"web": 0, "live": -signal.SIGTERM, **dict.fromkeys(WORKERS, 0)}, by_hand.said()
    for name in by_hand.ports:
        for line in by_hand.log(name).read_text().splitlines():
            json.loads(line)
