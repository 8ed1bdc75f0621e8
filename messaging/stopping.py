"""Whether this worker was told to stop: one byte that the worker shares with the processes of its pool.

Celery tells only the worker itself (`worker_shutting_down`, at the signal), and waits until its pool has ended what it
is at. The relay asks here, begins nothing more, and takes back what has not begun to leave.
"""

from __future__ import annotations

import mmap
from typing import Any, Final

from celery.signals import worker_init, worker_shutting_down

_BYTE: Final = mmap.mmap(-1, 1)
"""Made before the pool forks, as tasks are imported before."""


def is_asked() -> bool:
    """True from the signal on, in the worker and in every process of its pool."""
    return _BYTE[0] != 0


@worker_init.connect
def _begin(**_signal: Any) -> None:
    _BYTE[0] = 0


@worker_shutting_down.connect
def _end(**_signal: Any) -> None:
    _BYTE[0] = 1
