"""`./hub test`: the suite, hermetic. What the caller's shell says of databases and brokers reaches no test.

HUB_TEST_DATABASE_URL and HUB_TEST_REDIS_URL choose real servers instead of SQLite and the embedded Valkey; Django
makes a test database beside the named one, and every test process takes a Redis database number of its own, counted
up from the named one, and empties it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from texting_hub.up.valkey import EmbeddedValkey
from texting_hub.up.words import ROOT

PROCESSES = 2
_READ_BY_SETTINGS = (
    "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "FIELD_KEYS", "HUB_DATA", "PUBLIC_URL",
    "ALLOWED_HOSTS", "DEMONSTRATION", "HUB_BACKUP_PASSPHRASE", "HUB_BACKUP_RECIPIENT",
    "SIMULATOR_URL", "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "BEHIND_PROXY", "BROKER_PREFIX", "LOG_LEVEL",
    "EMAIL_URL", "DEFAULT_FROM_EMAIL", "SECOND_FACTOR_REQUIRED", "METRICS_TOKEN",
    "DJANGO_SETTINGS_MODULE", "DEMO_PASSWORD", "PYTEST_ADDOPTS",
)  # fmt: skip


def environment(given: Mapping[str, str], data: str) -> dict[str, str]:
    """The caller's, less what settings read, plus a data folder that is thrown away."""
    kept = {name: value for name, value in given.items() if name not in _READ_BY_SETTINGS}
    if database := given.get("HUB_TEST_DATABASE_URL"):
        kept["DATABASE_URL"] = database
    return {**kept, "HUB_DATA": data, "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def broker_for_tests() -> Iterator[str]:
    """The address of a Redis that belongs to this test process alone, until it ends."""
    named = os.environ.get("HUB_TEST_REDIS_URL")
    if named:
        yield own_database(named, os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
        return
    with EmbeddedValkey() as server:
        yield server.url


def own_database(address: str, worker: str) -> str:
    """`redis://host/10` is `redis://host/10` for gw0 and `redis://host/11` for gw1."""
    parts = urlsplit(address)
    number = int(parts.path.strip("/") or 0) + int(worker.removeprefix("gw"))
    return parts._replace(path=f"/{number}").geturl()


def test(arguments: list[str]) -> int:
    """pytest's exit code. Arguments come last, so that they win."""
    usual = ["-n", str(PROCESSES), "-m", "not browser and not slow_faults", "-p", "no:cacheprovider"]
    with tempfile.TemporaryDirectory(prefix="hub-test-") as data:
        Path(data, "static").mkdir()
        command = [sys.executable, "-m", "pytest", *usual, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment(os.environ, data), check=False).returncode
