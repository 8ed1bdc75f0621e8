"""Tasks that only beat sends, over and over. Of a pile of them, one run a moment is enough.

While no worker takes tasks, beat's pile up. They may not expire: Celery writes down when by the clock of beat's machine
and looks by the clock of the worker's, so a worker that is seconds ahead would throw every one of them away. Instead
each process knows when it last ran one, by a clock that nobody sets, and lets go what comes within a moment of that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import celery

# Celery's own class takes its type parameters only while types are checked.
if TYPE_CHECKING:
    Task = celery.Task[Any, Any]
else:
    Task = celery.Task

REST: Final = 1.0
"""Seconds. Shorter than the time between any two that beat sends, so that none is let go but of a pile."""


class Sweep(Task):
    """The base of such a task: `@shared_task(name=..., base=Sweep)`. Called as a function it always runs."""

    _ended: float | None = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self.request.called_directly:
            return super().__call__(*arguments, **options)
        if self._ended is not None and time.monotonic() - self._ended < REST:
            return None
        try:
            return self.run(*arguments, **options)
        finally:
            self._ended = time.monotonic()
