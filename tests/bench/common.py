"""What the benchmarks of texts share: a database and Redis of their own, processes, and what the figures depend on."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.simulator.process import free_port

BROKER = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/8")
"""It is emptied."""


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """A migrated, empty database, an empty Redis and a data folder; child processes find them in the environment."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        os.environ |= {
            "HUB_DATA": folder, "DJANGO_SETTINGS_MODULE": "tests.bench.settings", "LOG_LEVEL": "ERROR",
            "REDIS_URL": BROKER, "NAIVE_BROKER": BROKER, "BROKER_PREFIX": "bench:",
        }  # fmt: skip
        broker().flushdb()
        with _database():
            yield


@contextlib.contextmanager
def _database() -> Iterator[None]:
    import django

    django.setup()
    from django.db import connection

    assert connection.vendor == "postgresql", "It is measured on Postgres: set DATABASE_URL."
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    url = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = url.rsplit("/", 1)[0] + f"/{connection.settings_dict['NAME']}"
    try:
        yield
    finally:
        connection.creation.destroy_test_db("", verbosity=0)


class Processes(contextlib.AbstractContextManager["Processes"]):
    """Processes by name, each a group of its own; killed at the end."""

    def __init__(self) -> None:
        self._all: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        self._all[name] = subprocess.Popen([sys.executable, *arguments], stdout=sys.stderr, start_new_session=True)

    def web(self, *options: str) -> str:
        """Gunicorn with the hub; its address."""
        port = free_port()
        os.environ["PUBLIC_URL"] = address = f"http://127.0.0.1:{port}"
        application = ("-m", "gunicorn", "texting_hub.wsgi:application", "--bind", f"127.0.0.1:{port}")
        self.start("web", *application, "--keep-alive", "60", "--log-level", "error", *options)
        return address

    def __exit__(self, *_error: object) -> None:
        for process in self._all.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def processor_seconds(self) -> dict[str, float]:
        """User and system time of each kind of process, and of Postgres for their connections, so far (Linux)."""
        backends = f" {os.environ['DATABASE_URL'].rsplit('/', 1)[1]} "
        groups = {process.pid: name for name, process in self._all.items()}
        used: dict[str, float] = dict.fromkeys([*self._all, "postgres"], 0.0)
        for status in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                head, _parenthesis, rest = status.read_text().rpartition(")")
                fields = rest.split()
                name = groups.get(int(fields[2]))
                if "(postgres" in head and backends in (status.parent / "cmdline").read_text():
                    name = "postgres"
                if name is not None:
                    used[name] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return used


def on_demand(measure: Callable[[], float]) -> dict[str, Any]:
    """Says when it is ready; then one measurement, told as a line, for each line that is read."""
    print("ready", flush=True)
    values = []
    for _line in sys.stdin:
        values.append(measure())
        print(values[-1], flush=True)
    return {"values": values, "conditions": conditions(), "passed": True}


def row(name: str, values: list[float]) -> str:
    digits = 2 if max(values) < 100 else 0
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"| {name} | {low:.{digits}f} | {middle:.{digits}f} | {high:.{digits}f} |"


def conditions() -> dict[str, Any]:
    """What the figures depend on."""
    from django.db import connection

    with connection.cursor() as cursor:
        told = {}
        for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers"):
            cursor.execute(f"SHOW {name}")
            told[name] = cursor.fetchone()[0]
    return {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": platform.python_version(), **told}


def analyze() -> None:
    """As autovacuum does within a minute; until then Postgres plans as if the tables were empty."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.close()


def until(ready: Any, seconds: float = 60.0, pause: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if ready():
                return
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(pause)


def get(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.load(response)


def post(url: str, body: bytes = b"{}", headers: dict[str, str] | None = None) -> None:
    request = urllib.request.Request(url, body, {"content-type": "application/json", **(headers or {})})
    urllib.request.urlopen(request).close()


def broker() -> Any:
    import redis

    return redis.Redis.from_url(BROKER)
