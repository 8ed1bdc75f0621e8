"""A whole copy with its real programs, from a folder with spaces: it serves, survives a kill, and leaves nothing.

On its embedded servers by default; on a Postgres database of its own and on Redis where HUB_TEST_DATABASE_URL and
HUB_TEST_REDIS_URL name them: then DATABASE_URL and REDIS_URL are what `up` has to obey.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house.left_behind import end, forget_socket, mark, marked, only_linux, until
from tests.house.servers import BROKER, drop_database, own_servers
from texting_hub.up import ports
from texting_hub.up.testing import environment as hermetic
from texting_hub.up.words import ROOT

pytestmark = [pytest.mark.slow, only_linux]

PROCESSES = {"web", "relay", "general", "beat"} | (set() if BROKER else {"valkey"})
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "tests")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project again, in a folder with spaces, beside the same installed packages."""
    root = tmp_path_factory.mktemp("my projects") / "Texting Hub"
    shutil.copytree(ROOT, root, ignore=NOT_COPIED)
    (root / ".venv").symlink_to(Path(sys.prefix))
    return root


class RunningCopy:
    """One `up`, and the other commands for its data folder."""

    def __init__(self, checkout: Path, data: Path, port: int, *options: str) -> None:
        self.port, self.data, self.root = port, data, checkout
        self.environment = hermetic(mark(), str(data)) | {"PYTHONPATH": str(checkout), **own_servers()}
        self.output = data.with_suffix(".output")
        self.start(*options)

    def start(self, *options: str) -> None:
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*self._command(), "up", "--port", str(self.port), *options],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True,
                env=self.environment, cwd="/", start_new_session=True,
            )  # fmt: skip

    def _command(self) -> list[str]:
        return [str(self.root / ".venv" / "bin" / "python"), "-P", "-m", "texting_hub.up"]

    def said(self) -> str:
        return self.output.read_text()

    def wait_until_ready(self) -> None:
        until(
            lambda: "Stop it with Ctrl-C" in self.said() or self.process.poll() is not None, seconds=90, told=self.said
        )
        assert self.process.poll() is None, self.said()

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command(), *arguments], capture_output=True, text=True, env=self.environment, cwd="/", check=False,
            timeout=60,
        )  # fmt: skip

    def processes(self) -> dict[str, int]:
        run = json.loads((self.data / "run.json").read_text())
        return {name: child["pid"] for name, child in run["children"].items()}

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return str(answer.read().decode())


@pytest.fixture
def start(checkout: Path, tmp_path: Path) -> Iterator[Callable[..., RunningCopy]]:
    """`start("--no-demo")` starts a copy on a free port with a data folder of its own."""
    copies: list[RunningCopy] = []

    def start_one(*options: str) -> RunningCopy:
        copies.append(RunningCopy(checkout, tmp_path / f"data {len(copies)}", free_port(), *options))
        return copies[-1]

    yield start_one
    for copy in copies:
        end(copy.process, copy.environment)
        forget_socket(copy.data)
        drop_database(copy.environment.get("DATABASE_URL"))


def free_port() -> int:
    """A port that is free, as is the one after it; every test process looks in a range of its own."""
    first = 24000 + 1000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in range(first, first + 1000, 10):
        if ports.is_free(port) and ports.is_free(port + 1):
            return port
    raise AssertionError


@pytest.mark.once
def test_a_demonstration_serves_its_pages_beside_another_copy(start: Callable[..., RunningCopy]) -> None:
    first = start()
    first.wait_until_ready()
    assert json.loads(first.page("/readyz")) == {"status": "ok", "database": True, "redis": True}
    assert f"hub_csrf_{first.port}" in dict(_cookies(first))
    told = json.loads(first.ask("status", "--json").stdout)
    assert set(told["processes"]) == PROCESSES | {"simulator"}
    assert {entry["role"] for entry in told["sign_ins"]} >= {"full_admin", "compliance_officer", "user"}
    assert urllib.request.urlopen(told["simulator_url"], timeout=30).status == 200

    second = start("--no-demo")
    second.wait_until_ready()
    assert set(second.processes()) == PROCESSES
    assert "Sign in as" not in second.said()
    assert first.ask("manage", "shell", "-c", WHERE).stdout != second.ask("manage", "shell", "-c", WHERE).stdout

    assert second.ask("down").returncode == 0
    until(lambda: not marked(second.environment))
    assert second.ask("status").returncode == 3
    assert first.page("/healthz")
    assert first.ask("down").returncode == 0
    until(lambda: not marked(first.environment))


WHERE = "from django.conf import settings; print(settings.REDIS_URL, settings.DATABASES['default']['NAME'])"


def _cookies(copy: RunningCopy) -> list[tuple[str, str]]:
    answer = urllib.request.urlopen(f"http://127.0.0.1:{copy.port}/sign-in/", timeout=30)
    pairs = [value.split(";")[0].split("=", 1) for value in answer.headers.get_all("Set-Cookie", [])]
    return [(name, value) for name, value in pairs]


def test_a_killed_copy_leaves_nothing_and_starts_again_where_it_was(start: Callable[..., RunningCopy]) -> None:
    copy = start("--no-demo")
    copy.wait_until_ready()
    until(lambda: len(_pool(copy)) == 3, seconds=60)

    copy.process.kill()
    copy.process.wait()
    until(lambda: not marked(copy.environment))

    copy.start("--no-demo")
    copy.wait_until_ready()
    assert "Bringing the database up to date" not in copy.said()
    assert "Collecting static files" not in copy.said()
    copy.process.send_signal(signal.SIGINT)
    assert copy.process.wait(timeout=60) == 0
    until(lambda: not marked(copy.environment))


def _pool(copy: RunningCopy) -> list[int]:
    """The workers' own children: one relaying, two for the rest."""
    workers = {copy.processes()[name] for name in ("relay", "general")}
    return [pid for pid in marked(copy.environment) if _parent(pid) in workers]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_a_running_copy_is_backed_up_and_starts_from_its_backup(
    start: Callable[..., RunningCopy], tmp_path: Path
) -> None:
    copy = start("--no-demo")
    copy.environment["HUB_BACKUP_PASSPHRASE"] = "correct horse battery staple"
    copy.wait_until_ready()
    assert copy.ask("manage", "shell", "-c", MADE).returncode == 0
    path = str(tmp_path / "my backup")
    made = copy.ask("backup", path)
    assert made.returncode == 0, made.stderr
    refused = copy.ask("restore", path, "--replace")
    assert (refused.returncode, "is in use" in refused.stderr) == (1, True)

    assert copy.ask("down").returncode == 0
    restored = copy.ask("restore", path, "--replace")
    assert restored.returncode == 0, restored.stderr
    copy.start("--no-demo")
    copy.wait_until_ready()
    assert "Bringing the database up to date" not in copy.said()
    assert copy.ask("manage", "shell", "-c", TOLD).stdout.strip().endswith("Northwind")
    assert copy.ask("down").returncode == 0
    until(lambda: not marked(copy.environment))


MADE = "from provisioning.models import Organization; Organization.objects.create(name='Northwind')"
TOLD = "from provisioning.models import Organization; print(Organization.objects.get().name)"


def test_a_busy_port_is_a_sentence_and_nothing_is_started(start: Callable[..., RunningCopy]) -> None:
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(("127.0.0.1", free_port()))
        busy.listen()
        copy = start("--port", str(busy.getsockname()[1]))
        assert copy.process.wait(timeout=30) == 1
    assert "is in use by another program" in copy.said()
    assert "Traceback" not in copy.said()
    assert not marked(copy.environment)
