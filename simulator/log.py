"""The carrier log: the last things the carrier did, newest first, for whoever looks over its shoulder."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

KEPT = 40


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    sentence: str


class Log:
    """In memory only: it explains what just happened and proves nothing."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self.written = 0

    def add(self, sentence: str) -> None:
        self._lines.appendleft(Line(timezone.now(), sentence))
        self.written += 1

    def lines(self) -> list[Line]:
        return list(self._lines)

    def clear(self) -> None:
        self._lines.clear()
        self.written += 1
