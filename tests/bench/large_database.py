"""A database with one large organization, for a measurement that takes a process of its own, and what that takes.

A process that filled the database has held 100,000 rows: what is measured runs in a fresh one, which is asked for by
`--measure` and reads who signs in from its arguments.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def settings_of_a_measurement() -> Iterator[None]:
    """A data folder that is thrown away, few words in the log."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        os.environ["HUB_DATA"] = os.environ.get("HUB_DATA") or folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "texting_hub.settings"
        os.environ["LOG_LEVEL"] = "ERROR"
        yield


def measured(module: str, *, users: int, locations: int = 200, arguments: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the module's own `--measure` prints, on a database beside the one that DATABASE_URL names."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor == "sqlite":
        call_command("migrate", verbosity=0)
        return _asked(module, users, locations, arguments)
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    url = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = url.rsplit("/", 1)[0] + f"/{connection.settings_dict['NAME']}"
    try:
        return _asked(module, users, locations, arguments)
    finally:
        os.environ["DATABASE_URL"] = url
        connection.creation.destroy_test_db("", verbosity=0)


def _asked(module: str, users: int, locations: int, arguments: tuple[str, ...]) -> dict[str, Any]:
    from tests.bench.large_organization import fill

    large = fill(users, locations)
    command = [sys.executable, "-m", module, "--measure", str(large.full_admin.pk), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_megabytes() -> float:
    """The most memory this process has had (VmHWM: of this program alone, unlike getrusage, which remembers what the
    process was before it became this program)."""
    status = Path("/proc/self/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1024
