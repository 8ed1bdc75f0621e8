"""How texts ended, counted by organization, day of acceptance, status and reason; what Overview draws.

Who changes a status appends what left and what joined (`note`), in the same transaction; `fold` adds that up once a
minute. So a count is never scanned from messages, never waits for another writer, and outlives the purge.
Only what people wrote is counted: automatic replies are neither accepted texts nor anybody's failures.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from django.db import transaction
from django.db.models import Count, F, Max, Sum
from django.db.models.functions import TruncDate

from messaging.models import DailyCount, Message, OrganizationDay, OutcomeDay, OutcomeDelta
from messaging.models.messages import Direction, Kind, Status
from messaging.statements import Statement
from provisioning.models import Organization

COUNTED: Final = (
    Status.UNCONFIRMED, Status.CANCELLED, Status.FAILED, Status.BLOCKED, Status.SENT, Status.DELIVERED,
    Status.UNDELIVERED,
)  # fmt: skip
"""What is neither waiting nor on the wire."""


class Counted(Protocol):
    """What is looked at of a text."""

    @property
    def organization_id(self) -> uuid.UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def accepted_at(self) -> datetime: ...


Move = tuple[Counted, str, str, str, str]
"""A text, its status and reason before, its status and reason from now on."""

_APPEND: Final = Statement(
    """
    INSERT INTO messaging_outcomedelta (organization_id, day, status, reason, amount)
    SELECT organization_id, day, status, reason, amount FROM {given} WHERE 1 = 1
    """,
    given={"organization_id": "uuid", "day": "day", "status": "text", "reason": "text", "amount": "int"},
)
BATCH: Final = 10_000
_AMOUNTS: Final = ("accepted", "segments", "received", "withheld")


def note(moves: Iterable[Move]) -> None:
    """Append what these moves change. One insert, inside the transaction that moves them."""
    amounts: Counter[tuple[uuid.UUID, date, str, str]] = Counter()
    for text, old, old_reason, new, new_reason in moves:
        if text.kind == Kind.PERSON:
            day = text.accepted_at.astimezone(UTC).date()
            amounts[text.organization_id, day, old, old_reason] -= 1
            amounts[text.organization_id, day, new, new_reason] += 1
    _APPEND.write([(*key, amount) for key, amount in amounts.items() if amount and key[2] in COUNTED])


def fold(limit: int = BATCH) -> int:
    """Add up what was appended, in one transaction: read, added and removed are the same rows. How many they were."""
    with transaction.atomic():
        taken = list(OutcomeDelta.objects.select_for_update(skip_locked=True).order_by("pk")[:limit])
        sums: Counter[tuple[uuid.UUID, date, str, str]] = Counter()
        for delta in taken:
            sums[delta.organization_id, delta.day, delta.status, delta.reason] += delta.amount
        for (organization_id, day, status, reason), amount in sorted(sums.items()):
            _add(organization_id, day, status, reason, amount)
        OutcomeDelta.objects.filter(pk__in=[delta.pk for delta in taken]).delete()
    return len(taken)


def _add(organization_id: uuid.UUID, day: date, status: str, reason: str, amount: int) -> None:
    named = {"organization_id": organization_id, "day": day, "status": status, "reason": reason}
    if amount and not OutcomeDay.objects.filter(**named).update(texts=F("texts") + amount):
        OutcomeDay.objects.bulk_create([OutcomeDay(**named)], ignore_conflicts=True)
        OutcomeDay.objects.filter(**named).update(texts=F("texts") + amount)


def sum_days(organization: Organization, since: date) -> None:
    """Bring an organization's days from `since` on up to what its numbers' daily counts say. Repeating does no harm."""
    of_days = DailyCount.objects.filter(organization=organization, day__gte=since).order_by().values("day")
    sums = of_days.annotate(**{f"{name}_sum": Sum(name) for name in _AMOUNTS})
    rows = [
        OrganizationDay(
            organization=organization, day=row["day"], **{name: row[f"{name}_sum"] for name in _AMOUNTS}
        )
        for row in sums
    ]  # fmt: skip
    OrganizationDay.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["organization", "day"], update_fields=list(_AMOUNTS)
    )


def bring_up_to_date(now: datetime) -> None:
    """Everything that is pending: outcomes, and today's and yesterday's sums of every organization with texts."""
    while fold() == BATCH:
        pass
    since = now.astimezone(UTC).date() - timedelta(days=1)
    for organization in Organization.objects.all():
        latest = DailyCount.objects.filter(organization=organization).aggregate(day=Max("day"))["day"]
        if latest is not None and latest >= since:
            sum_days(organization, since)


def recount(organization: Organization) -> None:
    """Count everything anew from the texts that are kept. Days whose texts were purged keep what they have.

    For rows that were written past the relay (the demonstration's history) and for installations older than these
    counters; run it while the relay stands still, so that nothing moves between the count and its end.
    """
    with transaction.atomic():
        of_people = Message.objects.filter(
            organization=organization, direction=Direction.OUTBOUND, kind=Kind.PERSON, status__in=COUNTED
        )
        by_day = of_people.annotate(day=TruncDate("accepted_at", tzinfo=UTC)).order_by()
        rows = list(by_day.values("day", "status", "reason").annotate(texts=Count("pk")))
        days = {row["day"] for row in rows}
        OutcomeDelta.objects.filter(organization=organization, day__in=days).delete()
        OutcomeDay.objects.filter(organization=organization, day__in=days).delete()
        OutcomeDay.objects.bulk_create(OutcomeDay(organization=organization, **row) for row in rows)
    sum_days(organization, date(2000, 1, 1))
