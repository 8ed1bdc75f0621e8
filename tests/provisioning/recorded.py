"""What a test's writes told the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from provisioning.changes import Change, changed


@contextmanager
def recorded() -> Iterator[list[Change]]:
    """Every change of the block, in order."""
    changes: list[Change] = []

    def listen(change: Change, **_kept: Any) -> None:
        changes.append(change)

    changed.connect(listen)
    try:
        yield changes
    finally:
        changed.disconnect(listen)
