"""Points at which a worker waits, so that it can be killed or stopped there. Production code knows nothing of it.

A point wraps a public function of the relay. Reaching it makes the file `<name>.reached`; the worker then waits for the
file `<name>.go`. It does so once: what comes after is not held up.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from messaging import departures, leases, policy, relay

AFTER_LEASE = "after the lease"
IN_DISPATCH = "in the transaction that commits sending"
AFTER_SENDING = "after sending was committed"
BEFORE_COMMIT = "before the outcome is committed"

_PLACES: dict[str, tuple[Any, str, bool]] = {
    AFTER_LEASE: (leases, "take", True),
    IN_DISPATCH: (policy, "judge", True),
    AFTER_SENDING: (departures, "dispatch", True),
    BEFORE_COMMIT: (relay, "settle", False),
}
"""The function, and whether the point is behind it or in front."""


def hold(point: str, folder: Path) -> None:
    """Let this process wait at the point, the first time that it gets there with something in its hands."""
    module, name, behind = _PLACES[point]
    function = getattr(module, name)
    waited = False

    @functools.wraps(function)
    def held(*arguments: Any, **options: Any) -> Any:
        nonlocal waited
        found = function(*arguments, **options) if behind else None
        if not waited and (found or not behind):
            waited = True
            wait(point, folder)
        return found if behind else function(*arguments, **options)

    setattr(module, name, held)


def wait(point: str, folder: Path) -> None:
    slug = point.replace(" ", "-")
    (folder / f"{slug}.reached").touch()
    until((folder / f"{slug}.go").exists)


def until(look: Callable[[], object]) -> None:
    while not look():
        time.sleep(0.01)
