"""Finds what a test started, however it was started and whoever its parent is now: by a mark in its environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from texting_hub.up import valkey
from texting_hub.up.folder import DataFolder

NAME = "HUB_TEST_MARK"

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def mark() -> dict[str, str]:
    """The caller's environment with a mark of its own."""
    return {**os.environ, NAME: uuid.uuid4().hex}


def marked(environment: dict[str, str]) -> list[int]:
    """The processes that carry the mark, zombies excepted."""
    wanted = f"{NAME}={environment[NAME]}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                carried = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in carried:
                found.append(int(entry.name))
    return found


def until(condition: Callable[[], object], seconds: float = 20, told: Callable[[], str] = lambda: "") -> None:
    """Wait for other processes, no longer than needed."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"It did not happen within {seconds} s. {told()}")
        time.sleep(0.02)


def end(process: subprocess.Popen[str], environment: dict[str, str]) -> None:
    """After a test, passed or failed: nothing stays."""
    process.kill()
    process.wait()
    for pid in marked(environment):
        os.kill(pid, 9)


def forget_socket(data: Path) -> None:
    """A killed copy leaves its empty socket folder for its next start; a test has no next start."""
    shutil.rmtree(valkey.socket_folder(DataFolder(data).key), ignore_errors=True)
