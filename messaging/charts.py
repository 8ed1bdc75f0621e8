"""Charts as numbers that a template writes into SVG: the drawing stretches, its labels stay HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from messaging.overview import Day

WIDTH, HEIGHT = 1000, 400
LINES: Final = 4
TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Column:
    """One day's stretch of the drawing: what a pointer on it is told."""

    x: str
    width: str
    day: Day


@dataclass(frozen=True, slots=True)
class LineChart:
    """Points for two polylines and an area, the scale, the days named below, and a column a day."""

    sent: str
    received: str
    area: str
    scale: list[int]
    ticks: list[Day]
    columns: list[Column]


def line_chart(days: Sequence[Day]) -> LineChart:
    """Two lines over the days. At least two days."""
    top = round_top(max((max(day.sent, day.received) for day in days), default=0))
    step = WIDTH / (len(days) - 1)
    sent = _points([day.sent for day in days], top, step)
    return LineChart(
        sent=sent,
        received=_points([day.received for day in days], top, step),
        area=f"0,{HEIGHT} {sent} {WIDTH},{HEIGHT}",
        scale=[top * place // LINES for place in range(LINES, -1, -1)],
        ticks=[days[round(place * (len(days) - 1) / (TICKS - 1))] for place in range(TICKS)],
        columns=[_column(place, day, step) for place, day in enumerate(days)],
    )


def round_top(most: int) -> int:
    """The lowest round number, in quarters a whole one, that nothing rises above."""
    size = 1
    while True:
        for factor in (4, 8, 12, 20, 24, 32):
            if most <= factor * size:
                return factor * size
        size *= 10


def _points(values: Sequence[int], top: int, step: float) -> str:
    return " ".join(f"{place * step:.1f},{HEIGHT - value * HEIGHT / top:.1f}" for place, value in enumerate(values))


def _column(place: int, day: Day, step: float) -> Column:
    left, right = max(place - 0.5, 0) * step, min((place + 0.5) * step, WIDTH)
    return Column(f"{left:.1f}", f"{right - left:.1f}", day)
