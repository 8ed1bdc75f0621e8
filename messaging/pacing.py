"""How fast a number may text: a token bucket in the sending number's row, so it is exact across workers and restarts.

The bucket holds `burst` tokens and refills at `texts_a_minute`; a text takes one. Pacing delays, it never refuses.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from messaging.models import Message, SendingNumber
from messaging.models.messages import IS_WAITING, Status
from messaging.statements import Statement
from messaging.wakeups import wake_relay

FARTHEST: Final = timedelta(hours=1)
"""Nobody who has a text to send means to look later than this: what they wait for may be changed meanwhile."""
BATCH: Final = 500
_LOOK_AGAIN: Final = Statement(
    """
    UPDATE messaging_sendingnumber SET next_due_at = %(at)s
    WHERE number_id {in ids} AND (next_due_at IS NULL OR next_due_at > %(at)s)
    """,
)
_LOOK_AGAIN_AT_ONE: Final = Statement(
    """
    UPDATE messaging_sendingnumber SET next_due_at = CASE WHEN next_due_at < %(at)s THEN next_due_at ELSE %(at)s END
    WHERE number_id = %(id)s
    """,
)
"""Whatever the row says: so it waits for a relay that is just looking at it, and counts from what that one wrote."""
_LOCK: Final = Statement(
    "SELECT number_id FROM messaging_sendingnumber WHERE number_id {in ids} ORDER BY number_id {lock}",
    answers={"number_id": "uuid"},
)
_GRAIN = 1e-9
"""What adding fractions may lose: a bucket that is this little short of a token has it."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` as they were at `at`; None: never used, so full. `rate` is in texts a minute."""

    tokens: float
    at: datetime | None
    rate: float
    burst: int

    def refilled(self, now: datetime) -> Bucket:
        """The bucket as it is now. A clock that went back adds nothing and takes nothing."""
        if self.at is None:
            return replace(self, tokens=float(self.burst), at=now)
        gained = max(0.0, (now - self.at).total_seconds()) * self.rate / 60
        return replace(self, tokens=min(float(self.burst), self.tokens + gained), at=max(self.at, now))

    @property
    def whole(self) -> int:
        """How many texts may go now."""
        return max(0, math.floor(self.tokens + _GRAIN))

    def taken(self, texts: int) -> Bucket:
        """The bucket after so many texts."""
        return replace(self, tokens=max(0.0, self.tokens - texts))

    def next_token_at(self, now: datetime) -> datetime:
        """When the next text may go, or FARTHEST; now when one may go at once. Of a refilled bucket."""
        missing = max(0.0, 1.0 - self.tokens)
        seconds = min(missing * 60 / self.rate, FARTHEST.total_seconds())
        return (self.at or now) + timedelta(microseconds=math.ceil(seconds * 1_000_000))


def bucket_of(number: SendingNumber) -> Bucket:
    return Bucket(number.tokens, number.tokens_at, number.texts_a_minute, number.burst)


def look_again(number_ids: Collection[uuid.UUID], at: datetime) -> None:
    """Let the relay look at these numbers at `at`, or earlier if it meant to. Locks their rows, in order."""
    if len(number_ids) == 1:
        _LOOK_AGAIN_AT_ONE.run(id=next(iter(number_ids)), at=at)
    elif number_ids:
        lock(number_ids)
        look_again_at_locked(number_ids, at)


def look_again_at_locked(number_ids: Collection[uuid.UUID], at: datetime) -> None:
    """`look_again` for rows whose locks the transaction has; without them it would overlook what a relay that is just
    looking at one commits meanwhile."""
    if number_ids:
        _LOOK_AGAIN.run(ids=number_ids, at=at)


def lock(number_ids: Collection[uuid.UUID]) -> None:
    """Lock the rows of these numbers, in order of id; the last locks that a transaction takes."""
    _LOCK.rows(ids=number_ids)


def look_at_waiting(numbers: QuerySet[SendingNumber], now: datetime) -> None:
    """What held these numbers up is gone: let those with waiting texts look now, batch by batch, and wake the relay."""
    waiting = numbers.filter(Exists(Message.objects.filter(IS_WAITING, number_id=OuterRef("pk")))).order_by("pk")
    after = uuid.UUID(int=0)
    while ids := list(waiting.filter(pk__gt=after).values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            try_again(ids, now)
            look_again(ids, now)
            wake_relay()
        after = ids[-1]


def try_again(number_ids: Collection[uuid.UUID], now: datetime, *, tried: bool = False) -> None:
    """Let texts go now that were put off because something held them up; with `tried`, also those that a carrier did
    not take. Locks texts, so before numbers are; those that somebody else is just changing are left out."""
    put_off = Message.objects.filter(number_id__in=number_ids, status=Status.QUEUED, retry_at__gt=now)
    if not tried:
        put_off = put_off.filter(attempts=0)
    free = put_off.select_for_update(no_key=True, skip_locked=True).order_by("pk")
    Message.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(retry_at=None)
