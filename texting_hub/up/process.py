"""One process of a copy: its own session and group, its own log, and an end that takes its children along.

No process may outlive the supervisor:
- each is told to the watchdog by itself, before it becomes its program: there is no moment in which it is unknown;
- Linux also kills it at the very moment its parent dies (PR_SET_PDEATHSIG);
- a group is killed whole when its leader ends, so that a pool's children do not stay behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from texting_hub.up import identity

PR_SET_PDEATHSIG = 1
LOG_BYTES = 5_000_000
LOGS_KEPT = 2


def die_with_parent(announce: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """For `preexec_fn`: killed when the parent dies, also when it died just before this was said."""
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def in_the_child() -> None:
        announce()
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return in_the_child


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `stop_seconds` is how long an orderly end may take before it is ended by force."""

    name: str
    title: str
    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    stop_seconds: float = 5


class Watchdog:
    """The supervisor's line to its watchdog, and a new watchdog when the old one died."""

    def __init__(self) -> None:
        self.groups: set[int] = set()
        self._start()

    def _start(self) -> None:
        script = Path(__file__).with_name("watchdog.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        for group in self.groups:
            self._write(f"+{group}")

    def _write(self, word: str) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), f"{word}\n".encode())

    def announce(self) -> None:
        """Called in a child between fork and exec."""
        self._write(f"+{os.getpid()}")

    def add(self, group: int) -> None:
        self.groups.add(group)

    def remove(self, group: int) -> None:
        self.groups.discard(group)
        self._write(f"-{group}")

    def look_after(self) -> None:
        """Start it again when it is gone."""
        if self.process.poll() is not None:
            self._start()

    def dismiss(self) -> None:
        """All groups ended in order."""
        self._write("end")
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


@dataclass(slots=True)
class Child:
    """A program that was started, with what a restart needs to know."""

    program: Program
    log: Path
    watchdog: Watchdog
    process: subprocess.Popen[bytes] | None = None
    start: str = ""
    started_at: float = 0
    failures: int = 0
    retry_at: float | None = None
    restarts: int = 0
    began_at_byte: int = 0
    """Where this start's output begins in the log."""

    def spawn(self) -> None:
        """Start it; its output goes to its log."""
        with open_log(self.log) as log:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            log.write(f"--- {stamp} starting {self.program.name}\n".encode())
            log.flush()
            self.began_at_byte = log.tell()
            self.process = subprocess.Popen(
                self.program.command,
                env=dict(self.program.environment), cwd=self.program.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(self.watchdog.announce),  # noqa: PLW1509  (the supervisor has one thread)
            )  # fmt: skip
        self.watchdog.add(self.process.pid)
        self.start = identity.started(self.process.pid) or ""
        self.started_at = time.monotonic()
        self.retry_at = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def ended(self) -> int | None:
        """Its exit code, once, when it has ended; what it left of its group is killed then."""
        if self.process is None:
            return None
        code = self.process.poll()
        if code is not None:
            self._clear()
        return code

    def _clear(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.watchdog.remove(self.process.pid)
        self.process = None

    def ask_to_stop(self) -> None:
        """The orderly end: the leader is told, and tells its own children."""
        if self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        """The end by force, of the whole group."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._clear()

    def output_since(self, position: int) -> tuple[list[str], int]:
        """Whole lines written after that byte, and the byte after them."""
        with self.log.open("rb") as log:
            log.seek(position)
            whole, newline, _rest = log.read().rpartition(b"\n")
        return whole.decode(errors="replace").splitlines(), position + len(whole) + len(newline)

    def tail(self, lines: int = 5) -> list[str]:
        """The end of its log."""
        try:
            return self.log.read_text(errors="replace").splitlines()[-lines:]
        except OSError:
            return []


def open_log(path: Path) -> BinaryIO:
    """For appending, 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return os.fdopen(descriptor, "ab")


def rotate(path: Path, limit: int = LOG_BYTES, kept: int = LOGS_KEPT) -> bool:
    """Copy a log that grew past `limit` bytes aside and empty it in place: its writer keeps its open file."""
    try:
        if path.stat().st_size <= limit:
            return False
        for number in range(kept, 1, -1):
            older, newer = path.with_suffix(f".log.{number}"), path.with_suffix(f".log.{number - 1}")
            if newer.exists():
                newer.replace(older)
        shutil.copy(path, path.with_suffix(".log.1"))  # keeps 0600
        os.truncate(path, 0)
    except OSError:
        return False
    return True
