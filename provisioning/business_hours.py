"""When a location is open: how hours are typed, checked, shown and kept.

A week is a set of spans, several a day if need be; no span at all means always open. Midnight as an end is the end of
the day, so that hours past midnight are two spans: the evening's until 00:00 and the morning's from 00:00.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from itertools import pairwise
from typing import Final

from django.utils.translation import gettext as _

from provisioning.models import BusinessHours, Location, Weekday
from provisioning.models.business_hours import MIDNIGHT
from provisioning.refusals import Refusal

MOST_SPANS: Final = 8
"""A day has no more spans than this."""

_CLOCK = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?\s*([ap])?(?:\.?m\.?)?", re.ASCII | re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:-|–|—|\bto\b)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Open from `opens` until `closes`, where midnight is the end of the day."""

    weekday: int
    opens: time
    closes: time

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}–{self.closes:%H:%M}"

    @property
    def end(self) -> tuple[int, int]:
        """When it ends, as hours and minutes that can be compared."""
        return (24, 0) if self.closes == MIDNIGHT else (self.closes.hour, self.closes.minute)


Week = tuple[Span, ...]


def week_of(location: Location) -> Week:
    """The location's spans, in order. Prefetch business_hours for many."""
    rows = location.business_hours.all()
    return tuple(sorted(Span(row.weekday, row.opens, row.closes) for row in rows))


def day_in_words(week: Week, weekday: int) -> str:
    """`09:00–12:00, 13:00–17:00`; empty when closed. It is read back by read_day()."""
    return ", ".join(str(span) for span in week if span.weekday == weekday)


def week_in_words(week: Week) -> str:
    """`Monday–Friday 09:00–17:00; Saturday 10:00–14:00`: days in a row with the same hours are one."""
    if not week:
        return _("Always open")
    days = [day_in_words(week, weekday) for weekday in Weekday.values]
    said = []
    for first, hours in enumerate(days):
        if not hours or (first and days[first - 1] == hours):
            continue
        last = first
        while last + 1 < len(days) and days[last + 1] == hours:
            last += 1
        name = str(Weekday(first).label) if first == last else f"{Weekday(first).label}–{Weekday(last).label}"
        said.append(f"{name} {hours}")
    return "; ".join(said)


def read_day(typed: str, weekday: int) -> list[Span]:
    """What was typed for one day: `9-17`, `9:00–12:00, 1pm–5pm`; empty is closed. Refusal: `hours_not_understood`."""
    spans = []
    for part in re.split(r"[,;&]|\band\b", typed):
        if part.strip():
            ends = _BETWEEN.split(part.strip())
            if len(ends) != 2:
                raise _not_understood(part)
            spans.append(Span(weekday, _clock(ends[0], part), _clock(ends[1], part)))
    return spans


def _clock(typed: str, part: str) -> time:
    """`9`, `9:30`, `9h30`, `9am`, `24:00`."""
    found = _CLOCK.fullmatch(typed)
    if found is None:
        raise _not_understood(part)
    hours, minutes, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
    if half and not 1 <= hours <= 12:
        raise _not_understood(part)
    if half:
        hours = hours % 12 + (12 if half == "p" else 0)
    if (hours, minutes) == (24, 0):
        return MIDNIGHT
    if hours > 23 or minutes > 59:
        raise _not_understood(part)
    return time(hours, minutes)


def _not_understood(part: str) -> Refusal:
    sentence = _("“%(typed)s” is not a time span. Write it like 09:00–17:00, several with a comma.")
    return Refusal("hours_not_understood", sentence % {"typed": part.strip()[:40]})


def checked(spans: Iterable[Span]) -> Week:
    """The spans in order. Refusal: `hours_end_first`, `hours_overlap`, `too_many_hours`."""
    week = tuple(sorted(set(spans)))
    for weekday in Weekday.values:
        _check_day([span for span in week if span.weekday == weekday])
    return week


def _check_day(spans: Sequence[Span]) -> None:
    if not spans:
        return
    words = {"day": str(Weekday(spans[0].weekday).label)}
    if len(spans) > MOST_SPANS:
        raise _refusal("too_many_hours", spans[0], _("%(day)s has too many time spans. Give at most 8."), words)
    for span in spans:
        if span.end <= (span.opens.hour, span.opens.minute):
            sentence = _(
                "%(day)s closes before it opens. End the day at 00:00 and open the next at 00:00 to go past midnight."
            )
            raise _refusal("hours_end_first", span, sentence, words)
    for earlier, later in pairwise(spans):
        if (later.opens.hour, later.opens.minute) < earlier.end:
            words |= {"earlier": str(earlier), "later": str(later)}
            sentence = _("%(day)s: %(earlier)s and %(later)s overlap. Change one of them.")
            raise _refusal("hours_overlap", later, sentence, words)


def _refusal(code: str, span: Span, sentence: str, words: Mapping[str, object]) -> Refusal:
    return Refusal(code, sentence % words, field="business_hours", weekday=span.weekday)


def keep(location: Location, week: Week) -> None:
    """Replace the location's spans, in the caller's transaction."""
    location.business_hours.all().delete()
    BusinessHours.objects.bulk_create(
        BusinessHours(
            organization_id=location.organization_id, location=location, weekday=span.weekday, opens=span.opens,
            closes=span.closes,
        )
        for span in week
    )  # fmt: skip
