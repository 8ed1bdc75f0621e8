"""Numbers that the provider paused: they send nothing, whatever the carrier reports, and their organization reads why.

The pause itself is messaging's (messaging/routing.py), which tells of it through `register()`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioning.models import PhoneNumber


@dataclass(frozen=True, slots=True)
class Pause:
    """`reason` is empty where none was kept with the number."""

    reason: str


_readers: list[Callable[[PhoneNumber], Pause | None]] = []


def register(reader: Callable[[PhoneNumber], Pause | None]) -> None:
    """Called by the app that pauses numbers, once it is loaded."""
    _readers[:] = [reader]


def pause_of(number: PhoneNumber) -> Pause | None:
    """The number's pause; None where it is not paused, or was deleted from the inventory."""
    return _readers[0](number) if _readers and number.released_at is None else None
