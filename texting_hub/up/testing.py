"""`./hub test`: the suite, hermetic. What the caller's shell says of databases and brokers reaches no test.

HUB_TEST_DATABASE_URL and HUB_TEST_REDIS_URL choose real servers instead of SQLite and the embedded Valkey; Django
makes a test database beside the named one, and every test process takes a Redis database number of its own, counted
up from the named one, and empties it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from texting_hub.up.words import ROOT

PROCESSES = 2
_READ_BY_SETTINGS = (
    "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEYS", "HUB_DATA", "PUBLIC_URL", "ALLOWED_HOSTS", "DEMONSTRATION",
    "SIMULATOR_URL", "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "BEHIND_PROXY", "BROKER_PREFIX", "LOG_LEVEL",
    "DJANGO_SETTINGS_MODULE", "DEMO_PASSWORD", "PYTEST_ADDOPTS",
)  # fmt: skip


def environment(given: Mapping[str, str], data: str) -> dict[str, str]:
    """The caller's, less what settings read, plus a data folder that is thrown away."""
    kept = {name: value for name, value in given.items() if name not in _READ_BY_SETTINGS}
    if database := given.get("HUB_TEST_DATABASE_URL"):
        kept["DATABASE_URL"] = database
    return {**kept, "HUB_DATA": data, "PYTHONPATH": str(ROOT)}


def test(arguments: list[str]) -> int:
    """pytest's exit code. Arguments come last, so that they win."""
    usual = ["-n", str(PROCESSES), "-m", "not browser", "-p", "no:cacheprovider"]
    with tempfile.TemporaryDirectory(prefix="hub-test-") as data:
        command = [sys.executable, "-m", "pytest", *usual, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment(os.environ, data), check=False).returncode
