"""How fast a number may text: a token bucket in the sending number's row, so it is exact across workers and restarts.

The bucket holds `burst` tokens and refills at `texts_a_minute`; a text takes one. Pacing delays, it never refuses.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import F, Value
from django.db.models.functions import Coalesce, Least

from messaging.models import SendingNumber

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
        """When the next text may go; now when one may go at once. Of a refilled bucket."""
        missing = max(0.0, 1.0 - self.tokens)
        return (self.at or now) + timedelta(microseconds=math.ceil(missing * 60_000_000 / self.rate))


def bucket_of(number: SendingNumber) -> Bucket:
    return Bucket(number.tokens, number.tokens_at, number.texts_a_minute, number.burst)


def look_again(number_ids: Collection[uuid.UUID], at: datetime) -> None:
    """Let the relay look at these numbers at `at`, or earlier if it meant to. Locks their rows, in order."""
    if not number_ids:
        return
    if len(number_ids) > 1:
        lock(number_ids)
    earlier = Least(Coalesce(F("next_due_at"), Value(at)), Value(at))
    SendingNumber.objects.filter(pk__in=number_ids).update(next_due_at=earlier)


def lock(number_ids: Collection[uuid.UUID]) -> None:
    """Lock the rows of these numbers, in order of id; the last locks that a transaction takes."""
    numbers = SendingNumber.objects.filter(pk__in=number_ids).order_by("pk")
    list(numbers.select_for_update(no_key=True).values_list("pk"))
