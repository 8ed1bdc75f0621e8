"""Signals as notes: a handler only counts and wakes the loop, so nothing is ever cut off halfway."""

from __future__ import annotations

import os
import select
import signal
import time
from types import FrameType

SECOND_PRESS_SECONDS = 0.5
"""A closing terminal sends several signals at once; a person's second Ctrl-C comes later than this."""


class Signals:
    """Ctrl-C, SIGTERM and a closed terminal ask for a stop; a child's end is a reason to look."""

    def __init__(self) -> None:
        self.stop_asked_at: float | None = None
        self.in_a_hurry = False
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: meant to outlive its terminal
            signal.signal(signal.SIGHUP, self._note)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.stop_asked_at is None:
            self.stop_asked_at = now
        elif number == signal.SIGINT and now - self.stop_asked_at > SECOND_PRESS_SECONDS:
            self.in_a_hurry = True

    @property
    def stop_asked(self) -> bool:
        return self.stop_asked_at is not None

    def close(self) -> None:
        """All is ended: one more Ctrl-C changes nothing."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def pause(self, seconds: float) -> None:
        """Wait, or less: until any signal."""
        ready, _write, _error = select.select([self._read], [], [], max(seconds, 0))
        if ready:
            os.read(self._read, 4096)
