"""The operators' charts, as paths that a template writes into SVG: stacked columns over time, and lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging.charts import HEIGHT, LINES, WIDTH, round_top
from messaging.operations.figures import ANSWERS, DAY, Moment, step_of
from messaging.operations.minutes import Look

GAP: Final = 0.15
"""Of a column's place that stays empty."""


@dataclass(frozen=True, slots=True)
class Area:
    """One column's whole height: what a pointer on it is told."""

    x: str
    width: str
    moment: Moment


@dataclass(frozen=True, slots=True)
class Tick:
    """A round time below a drawing: `place` in its units, `share` of its width in per cent."""

    place: str
    share: str
    at: datetime

    @property
    def begins_day(self) -> bool:
        """Of UTC: then the day is told instead of the time."""
        return step_of(self.at, DAY) == self.at


@dataclass(frozen=True, slots=True)
class Layer:
    """The columns of one answer of carriers, and its texts in all."""

    name: str
    title: str | Promise
    path: str
    texts: int


@dataclass(frozen=True, slots=True)
class Stack:
    """A layer for each answer of carriers; and the line of their answer time on a scale of its own."""

    layers: list[Layer]
    scale: list[int]
    line: str
    line_scale: list[int]
    ticks: list[Tick]
    areas: list[Area]

    @property
    def texts(self) -> int:
        return sum(layer.texts for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Line:
    """A small picture of one thing over time: in `seconds`, or counted."""

    title: str | Promise
    path: str
    top: int
    latest: float | None
    seconds: bool


_TITLES: Final[dict[str, str | Promise]] = {
    "taken": _("Taken"), "refused": _("Refused"), "not_taken": _("Not taken"), "unknown": _("Unknown"),
}  # fmt: skip
_DRAWN: Final[tuple[tuple[str, str | Promise, bool], ...]] = (
    ("waiting", _("Texts waiting"), False),
    ("oldest_seconds", _("Oldest text waiting"), True),
    ("batch", _("Texts of a batch, on average"), False),
    ("receipt_seconds", _("Receipt delay"), True),
    ("unconfirmed", _("Outcome unknown today"), False),
    ("orphans", _("Receipts without a text"), False),
)


def lines(looks: Sequence[Look]) -> list[Line]:
    """A picture of each of what was noted."""
    step = WIDTH / len(looks)
    drawn = []
    for name, title, in_seconds in _DRAWN:
        values: list[float | None] = [getattr(look, name) for look in looks]
        known = [value for value in values if value is not None]
        top = round_top(math.ceil(max(known, default=0)))
        drawn.append(Line(title, _broken_line(values, step, top), top, known[-1] if known else None, in_seconds))
    return drawn


def _broken_line(values: Sequence[float | None], step: float, top: int) -> str:
    """Through what is known; a gap stays one."""
    parts = []
    before: float | None = None
    for index, value in enumerate(values):
        if value is not None:
            place = f"{(index + 0.5) * step:.1f} {HEIGHT - value * HEIGHT / top:.1f}"
            parts.append(f"L{place}" if before is not None else f"M{place}h.1")
        before = value
    return "".join(parts)


def ticks(places: Sequence[datetime], every: timedelta) -> list[Tick]:
    """The round times (UTC) among these beginnings of steps, where each step begins."""
    return [
        Tick(f"{index * WIDTH / len(places):.1f}", f"{index * 100 / len(places):.2f}%", at.astimezone(UTC))
        for index, at in enumerate(places)
        if step_of(at, every) == at
    ]


def stack(moments: Sequence[Moment], every: timedelta) -> Stack:
    """Columns over the moments, with round times below, `every` so often."""
    step = WIDTH / len(moments)
    top = round_top(max(moment.texts for moment in moments))
    slowest = round_top(round(max(moment.answer_milliseconds or 0 for moment in moments)))
    return Stack(
        layers=[
            Layer(name, _TITLES[name], _columns(moments, place, step, top), sum(one.answers[place] for one in moments))
            for place, name in enumerate(ANSWERS)
        ],
        scale=_scale(top),
        line=_line(moments, step, slowest),
        line_scale=_scale(slowest),
        ticks=ticks([moment.at for moment in moments], every),
        areas=[Area(f"{place * step:.1f}", f"{step:.1f}", moment) for place, moment in enumerate(moments)],
    )


def _scale(top: int) -> list[int]:
    return [top * place // LINES for place in range(LINES, -1, -1)]


def _columns(moments: Sequence[Moment], place: int, step: float, top: int) -> str:
    """Every column of one answer, above those of the answers before it."""
    parts = []
    for index, moment in enumerate(moments):
        below, here = sum(moment.answers[:place]), moment.answers[place]
        if here:
            bottom, height = HEIGHT - below * HEIGHT / top, here * HEIGHT / top
            left, width = (index + GAP / 2) * step, (1 - GAP) * step
            parts.append(f"M{left:.1f} {bottom:.1f}h{width:.1f}v-{height:.1f}h-{width:.1f}z")
    return "".join(parts)


def _line(moments: Sequence[Moment], step: float, top: int) -> str:
    """Through the moments with an answer; those without are passed over."""
    points = [
        f"{(index + 0.5) * step:.1f} {HEIGHT - moment.answer_milliseconds * HEIGHT / top:.1f}"
        for index, moment in enumerate(moments)
        if moment.answer_milliseconds is not None
    ]
    return f"M{points[0]}h.1L{' '.join(points)}" if points else ""
