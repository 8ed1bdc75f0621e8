"""Which process a number means: process numbers are used again, a number with its start time is not."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path


def started(pid: int) -> str | None:
    """When that process started, in the system's own terms; None when it does not run (a zombie does not)."""
    if Path("/proc/self/stat").exists():
        return _started_linux(pid)
    return _started_elsewhere(pid)


def _started_linux(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, start_ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot} {start_ticks}"


def _started_elsewhere(pid: int) -> str | None:
    """macOS and the BSDs have no /proc; ps knows."""
    asked = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _space, start = asked.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else start.strip()


def runs(pid: int, start: str) -> bool:
    """Whether the very process that had this number and start time still runs."""
    return started(pid) == start


def end_group(pid: int, start: str) -> bool:
    """Kill the process group of that very process; False when it is gone already."""
    if not runs(pid, start):
        return False
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
