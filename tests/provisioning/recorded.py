"""What a test's writes told the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from provisioning.changes import Change, changed


@contextmanager
def recorded() -> Iterator[list[Change]]:
    """Every change of the block, in order."""
    heard: list[Change] = []

    def listen(changes: Sequence[Change], **_kept: Any) -> None:
        heard.extend(changes)

    changed.connect(listen)
    try:
        yield heard
    finally:
        changed.disconnect(listen)
