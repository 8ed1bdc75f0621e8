"""The database's clock, as the relay and the compliance desk read it; and one for how long something took."""

from __future__ import annotations

import time

from provisioning.clock import aware, database_now

__all__ = ["aware", "database_now", "elapsed"]

_BOOT_TIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since some moment, those that the machine slept through included (where it tells them: Linux)."""
    return time.clock_gettime(_BOOT_TIME)
