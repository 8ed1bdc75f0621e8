"""Each number's bursts, opt-outs and errors, today and over seven days, out of daily counters; troubled ones first."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import F, Max, Q, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from messaging.models import DailyCount, Message, SendingNumber
from messaging.models.messages import IS_WAITING
from messaging.operations.figures import MOST

DAYS: Final = 7
SHOWN: Final = 100
OPT_OUT_WEIGHS: Final = 5
"""A STOP is a complaint; a failed text may be a wrong number."""
ORDERS: Final = ("trouble", "bursts", "texts")


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one number over some days."""

    accepted: int
    busiest_minute: int
    opted_out: int
    failed: int

    @property
    def opt_out_rate(self) -> float | None:
        """People who replied STOP, in per cent of the texts sent; None where none was."""
        return self.opted_out * 100 / self.accepted if self.accepted else None

    @property
    def error_rate(self) -> float | None:
        """Texts refused, blocked or not delivered, in per cent of the texts sent."""
        return self.failed * 100 / self.accepted if self.accepted else None


_NOTHING: Final = Sums(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class NumberFigures:
    """One row of the page."""

    sending: SendingNumber
    today: Sums
    week: Sums
    waiting: int


def figures(now: datetime, organization_id: uuid.UUID | None, paused: bool, order: str) -> list[NumberFigures]:
    """At most a hundred numbers that texted within seven days, in this order, then paused ones: four queries."""
    today = now.astimezone(UTC).date()
    since = today - timedelta(days=DAYS - 1)
    rows = list(_sums(Q(day__gte=since, day__lte=today), Q(day=today), organization_id, paused, order)[:SHOWN])
    numbers = _sending([row["number_id"] for row in rows])
    quiet = _quiet(list(numbers), organization_id)
    waiting = _waiting([*numbers, *(number.pk for number in quiet)])
    found = [
        NumberFigures(
            numbers[row["number_id"]],
            Sums(row["accepted_now"], row["busiest_now"], row["opted_out_now"], row["failed_now"]),
            Sums(row["accepted_all"], row["busiest_all"], row["opted_out_all"], row["failed_all"]),
            waiting[row["number_id"]],
        )
        for row in rows
        if row["number_id"] in numbers
    ]
    return found + [NumberFigures(number, _NOTHING, _NOTHING, waiting[number.pk]) for number in quiet]


def _sums(days: Q, today: Q, organization_id: uuid.UUID | None, paused: bool, order: str) -> Any:
    """By the index of everybody's days, or of one organization's."""
    counts = DailyCount.objects.filter(days).order_by()
    if organization_id is not None:
        counts = counts.filter(organization_id=organization_id)
    if paused:
        counts = counts.filter(number__sending__paused=True)
    sums = counts.values("number_id").annotate(
        **{f"{name}_all": Sum(name) for name in ("accepted", "opted_out", "failed")},
        **{f"{name}_now": Coalesce(Sum(name, filter=today), 0) for name in ("accepted", "opted_out", "failed")},
        busiest_all=Max("busiest_minute"),
        busiest_now=Coalesce(Max("busiest_minute", filter=today), 0),
    )
    orders: dict[str, Combinable] = {
        "trouble": F("opted_out_all") * OPT_OUT_WEIGHS + F("failed_all"),
        "bursts": F("busiest_all"),
        "texts": F("accepted_all"),
    }
    return sums.annotate(rank=orders[order]).order_by("-rank", "-accepted_all", "number_id")


def _sending(number_ids: list[uuid.UUID]) -> dict[uuid.UUID, SendingNumber]:
    return {number.pk: number for number in _numbers().filter(pk__in=number_ids)}


def _quiet(listed: list[uuid.UUID], organization_id: uuid.UUID | None) -> list[SendingNumber]:
    """Paused numbers that did not text within the days: whoever resumes them must find them."""
    paused = _numbers().filter(paused=True, number__released_at__isnull=True).exclude(pk__in=listed)
    if organization_id is not None:
        paused = paused.filter(organization_id=organization_id)
    return list(paused.order_by("pk")[: SHOWN - len(listed)])


def _numbers() -> QuerySet[SendingNumber]:
    return SendingNumber.objects.select_related("number", "organization", "carrier_account")


def _waiting(number_ids: list[uuid.UUID]) -> Counter[uuid.UUID]:
    """Texts waiting, counted until 10,001 are found over all of the page's numbers."""
    texts = Message.objects.filter(IS_WAITING, number_id__in=number_ids).values_list("number_id", flat=True)
    return Counter(texts[: MOST + 1])
