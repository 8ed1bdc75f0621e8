"""Writing the daily counters: one row per number, user and UTC day, made when it is first needed."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Protocol

from django.db.models import F

from messaging.models import DailyCount
from messaging.statements import Statement
from provisioning.models import PhoneNumber

_LOCK: Final = Statement(
    """
    SELECT kept.id, kept.number_id, kept.user_id, kept.day FROM {given} JOIN messaging_dailycount kept
    ON kept.number_id = given.number_id AND kept.user_id = given.user_id AND kept.day = given.day
    ORDER BY kept.id {lock of kept}
    """,
    given={"number_id": "uuid", "user_id": "uuid", "day": "day"},
    answers={"id": "uuid", "number_id": "uuid", "user_id": "uuid", "day": "day"},
)
_FAILED: Final = Statement(
    "UPDATE messaging_dailycount AS stored SET failed = stored.failed + given.texts FROM {given} "
    "WHERE stored.id = given.id",
    given={"id": "uuid", "texts": "int"},
)


class Failed(Protocol):
    """What is looked at of a text that failed."""

    @property
    def number_id(self) -> uuid.UUID: ...
    @property
    def user_id(self) -> uuid.UUID | None: ...
    @property
    def accepted_at(self) -> datetime: ...


def note_failures(texts: Iterable[Failed]) -> None:
    """Count texts that the carrier failed on the day that accepted them; nothing where nothing failed. Two statements.

    Their counters exist since they were accepted; a text without a user (an automatic reply) is nobody's failure.
    """
    keys = Counter(
        (text.number_id, text.user_id, text.accepted_at.astimezone(UTC).date()) for text in texts if text.user_id
    )
    if keys:
        locked = _LOCK.rows(given=list(keys))
        _FAILED.write([(identifier, keys[number, user, day]) for identifier, number, user, day in locked])


def add(number: PhoneNumber, user_id: uuid.UUID | None, now: datetime, **amounts: int) -> None:
    """Add to the counters named (accepted, segments, received, withheld). After conversations are locked, before
    sending numbers are (see messaging/states.py on lock order)."""
    of_number = DailyCount.objects.filter(number=number, day=now.date())
    of_today = of_number.filter(user_id=user_id) if user_id else of_number.filter(user__isnull=True)
    increments = {name: F(name) + amount for name, amount in amounts.items()}
    if of_today.update(**increments):
        return
    new = DailyCount(organization_id=number.organization_id, number=number, user_id=user_id, day=now.date())
    DailyCount.objects.bulk_create([new], ignore_conflicts=True)
    of_today.update(**increments)
