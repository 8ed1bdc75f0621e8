"""How carriers fare: what they answered lately, how long receipts take, what waits. For Overview and for alerts."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from django.db import transaction
from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncMinute

from messaging.models import CarrierAccount, CarrierBatch, Message, Receipt
from messaging.models.messages import IS_WAITING, Direction, Status
from provisioning.ids import first_id_at
from provisioning.models import Organization

LATELY: Final = timedelta(minutes=15)
KEPT: Final = timedelta(days=1)
DETAILED: Final = timedelta(hours=1)
"""Nothing looks closer than by the minute at what is older (operations/figures.py draws quarters of an hour)."""
PORTION: Final = 5_000
_ADDED_UP: Final = ("taken", "refused", "not_taken", "not_let_in", "unknown", "milliseconds")
ENOUGH: Final = 5
"""Fewer answers than this prove nothing."""
FAILING_FROM: Final = 0.5
TROUBLED_FROM: Final = 0.05
SLOW_RECEIPTS: Final = timedelta(seconds=30)
RECEIPTS_LOOKED_AT: Final = 500
RECEIPTS_READ: Final = 2_000
RECEIPTS_OF: Final = timedelta(hours=1)
TENTH: Final = 10
SILENT_AFTER: Final = timedelta(minutes=2)
"""The relay's worker beats every 15 seconds; one sweep may take a while."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a carrier answered lately. `troubled` are the texts it did not take or may not have taken."""

    texts: int
    troubled: int

    @property
    def share(self) -> float:
        return self.troubled / self.texts if self.texts else 0.0

    @property
    def failing(self) -> bool:
        return self.texts >= ENOUGH and self.share >= FAILING_FROM

    @property
    def in_trouble(self) -> bool:
        return self.texts >= ENOUGH and self.share >= TROUBLED_FROM


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """Milliseconds until an answer came, taken or refused: on average (None: none came) and at most.

    `unanswered` are the texts whose answer never came; they have no such time.
    """

    milliseconds: float | None = None
    slowest: int = 0
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Delay:
    """Between a carrier taking a text and its receipt, in seconds: the median, and what the slowest tenth exceeds."""

    median: float
    slowest_tenth: float
    receipts: int


@dataclass(frozen=True, slots=True)
class Health:
    """Of one organization: its carriers' answers, its receipts' delay (None: none lately), its queue."""

    sending: Answers
    paused: bool
    receipt_delay: timedelta | None
    last_received_at: datetime | None
    waiting: int
    oldest_due_at: datetime | None

    @property
    def percent(self) -> float:
        """Of the texts that the carriers answered lately, those in trouble."""
        return self.sending.share * 100

    @property
    def receipts_slow(self) -> bool:
        return self.receipt_delay is not None and self.receipt_delay > SLOW_RECEIPTS


def note(answers: Iterable[tuple[uuid.UUID, str]], now: datetime) -> None:
    """Keep how a batch was answered: pairs of account and `taken`, `refused`, `not_taken` or `unknown`."""
    counted: defaultdict[uuid.UUID, Counter[str]] = defaultdict(Counter)
    for account_id, answer in answers:
        counted[account_id][answer] += 1
    CarrierBatch.objects.bulk_create(
        CarrierBatch(carrier_account_id=account_id, at=now, **answered) for account_id, answered in counted.items()
    )


def forget(now: datetime) -> None:
    """Drop what is older than a day, and make one row of each minute that is older than an hour.

    By the index of each account's batches, in portions. Repeating, or doing it twice at once, does no harm.
    """
    for account_id in CarrierAccount.objects.values_list("pk", flat=True):
        batches = CarrierBatch.objects.filter(carrier_account_id=account_id)
        _drop(batches.filter(at__lt=now - KEPT))
        _fold(batches.filter(at__lt=(now - DETAILED).replace(second=0, microsecond=0)))


def _drop(batches: QuerySet[CarrierBatch]) -> None:
    while ids := list(batches.order_by("at").values_list("pk", flat=True)[:PORTION]):
        CarrierBatch.objects.filter(pk__in=ids).delete()


def _fold(batches: QuerySet[CarrierBatch]) -> None:
    by_minute = batches.order_by().values("carrier_account_id", minute=TruncMinute("at", tzinfo=UTC))
    several = by_minute.annotate(rows=Count("pk")).filter(rows__gt=1)
    sums = {f"{name}_sum": Sum(name) for name in _ADDED_UP}
    for row in several.annotate(slowest_most=Max("slowest"), **sums):
        with transaction.atomic():
            minute = batches.filter(at__gte=row["minute"], at__lt=row["minute"] + timedelta(minutes=1))
            if minute.delete()[0] != row["rows"]:
                # Somebody else was at it.
                transaction.set_rollback(True)
                continue
            CarrierBatch.objects.create(
                carrier_account_id=row["carrier_account_id"],
                at=row["minute"],
                slowest=row["slowest_most"],
                **{name: row[f"{name}_sum"] for name in _ADDED_UP},
            )


def answers_of(accounts: Iterable[uuid.UUID], now: datetime) -> dict[uuid.UUID, Answers]:
    """What each account answered in the last quarter of an hour."""
    lately = CarrierBatch.objects.filter(carrier_account_id__in=list(accounts), at__gt=now - LATELY).order_by()
    sums = lately.values("carrier_account_id").annotate(
        ok=Sum("taken") + Sum("refused"), bad=Sum("not_taken") + Sum("unknown")
    )
    return {row["carrier_account_id"]: Answers(row["ok"] + row["bad"], row["bad"]) for row in sums}


def answer_times_of(accounts: Iterable[uuid.UUID], now: datetime) -> dict[uuid.UUID, AnswerTimes]:
    """How long each account took to answer in the last quarter of an hour."""
    lately = CarrierBatch.objects.filter(carrier_account_id__in=list(accounts), at__gt=now - LATELY).order_by()
    sums = lately.values("carrier_account_id").annotate(
        answered=Sum("taken") + Sum("refused"), time=Sum("milliseconds"), most=Max("slowest"), lost=Sum("unknown")
    )
    return {
        row["carrier_account_id"]: AnswerTimes(
            row["time"] / row["answered"] if row["answered"] else None, row["most"], row["lost"]
        )
        for row in sums
    }


def unknown_of(accounts: Iterable[uuid.UUID], now: datetime) -> dict[uuid.UUID, tuple[int, int]]:
    """Texts that each account may have taken, and all it was handed, in the last quarter of an hour."""
    lately = CarrierBatch.objects.filter(carrier_account_id__in=list(accounts), at__gt=now - LATELY).order_by()
    sums = lately.values("carrier_account_id").annotate(
        open=Sum("unknown"), texts=Sum("taken") + Sum("refused") + Sum("not_taken") + Sum("unknown")
    )
    return {row["carrier_account_id"]: (row["open"], row["texts"]) for row in sums}


def not_let_in(now: datetime) -> set[uuid.UUID]:
    """Accounts whose credentials are refused: so their carrier said last, within a quarter of an hour, and let in none.

    What waits is tried at least once a minute, so credentials that were mended show as soon as a text goes out.
    """
    said = Q(taken__gt=0) | Q(refused__gt=0) | Q(not_let_in__gt=0)
    last = CarrierBatch.objects.filter(said, carrier_account=OuterRef("pk"), at__gt=now - LATELY).order_by("-at", "-pk")
    let_in = Subquery(last.values(let_in=F("taken") + F("refused"))[:1])
    return set(CarrierAccount.objects.order_by().annotate(let_in=let_in).filter(let_in=0).values_list("pk", flat=True))


def receipt_delays(now: datetime) -> tuple[Delay | None, dict[uuid.UUID, Delay]]:
    """Of the newest receipts of the last hour: over all accounts, and of each. Ids are in order of time."""
    newest = Receipt.objects.filter(pk__gte=first_id_at(now - RECEIPTS_OF), message__isnull=False).order_by("-pk")
    rows = newest.values_list("carrier_account_id", "received_at", "message__sent_at")[:RECEIPTS_READ]
    seconds: dict[uuid.UUID, list[float]] = defaultdict(list)
    for account_id, received_at, sent_at in rows:
        if sent_at is not None:
            seconds[account_id].append(max(0.0, (received_at - sent_at).total_seconds()))
    everything = [one for of_account in seconds.values() for one in of_account]
    return _delay(everything), {pk: delay for pk, found in seconds.items() if (delay := _delay(found)) is not None}


def _delay(seconds: Sequence[float]) -> Delay | None:
    if not seconds:
        return None
    ranked = sorted(seconds)
    return Delay(median(ranked), ranked[len(ranked) * (TENTH - 1) // TENTH], len(ranked))


def of_organization(organization: Organization, now: datetime) -> Health:
    """Five queries, over what waits, the last minutes, the last hour, and back to the last text that arrived."""
    accounts = CarrierAccount.objects.filter(sending_numbers__organization=organization).distinct()
    found = dict(accounts.values_list("pk", "paused"))
    lately = answers_of(found, now).values()
    waiting = Message.objects.filter(IS_WAITING, organization=organization, due_at__lte=now)
    queue = waiting.aggregate(texts=Count("pk"), oldest=Min("due_at"))
    return Health(
        sending=Answers(sum(one.texts for one in lately), sum(one.troubled for one in lately)),
        paused=bool(found) and all(found.values()),
        receipt_delay=_receipt_delay(organization, now),
        last_received_at=_last_received(organization, now),
        waiting=queue["texts"],
        oldest_due_at=queue["oldest"],
    )


def _receipt_delay(organization: Organization, now: datetime) -> timedelta | None:
    """The median between the carrier taking a text and its receipt, of the last hour's newest."""
    delivered = Message.objects.filter(
        organization=organization, accepted_at__gt=now - timedelta(hours=1), status=Status.DELIVERED
    )
    times = delivered.order_by("-accepted_at").values_list("sent_at", "delivered_at")[:RECEIPTS_LOOKED_AT]
    delays = [(arrived - sent).total_seconds() for sent, arrived in times if sent is not None and arrived is not None]
    return timedelta(seconds=max(median(delays), 0.0)) if delays else None


def _last_received(organization: Organization, now: datetime) -> datetime | None:
    """When the last text arrived, looked for among those of a week."""
    arrived = Q(organization=organization, direction=Direction.INBOUND, accepted_at__gt=now - timedelta(days=7))
    return Message.objects.filter(arrived).order_by("-accepted_at").values_list("accepted_at", flat=True).first()
