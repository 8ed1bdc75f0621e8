"""Which texts go next, and who holds them: one short transaction over sending numbers that are due.

The unit of work is the sending number. Its row is locked (numbers that another worker looks at are skipped), its
tokens are refilled, and only texts at the head of their conversation are taken: those with no earlier text of the
conversation queued or sending. The row then says when to look at it next. No text of it is forgotten: whoever adds or
frees one waits for this lock, and then sets an earlier time.

A lease keeps the status `queued`: it is a promise to try until `leased_until`. When it runs out, the text is free.
Nothing in here waits for a lock, so it can be part of no deadlock.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from messaging import pacing, states
from messaging.heads import Heads, heads_of
from messaging.models import Message, SendingNumber
from messaging.models.messages import Status
from provisioning.ids import new_id

LOCKED_ELSEWHERE: Final = timedelta(seconds=1)
"""When to look again at a text whose row somebody else was just changing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Texts that this worker may dispatch until `until`."""

    token: uuid.UUID
    message_ids: list[uuid.UUID]
    until: datetime


@dataclass(slots=True)
class _Look:
    """One locked number: what could go from it now, first ones first, and what was taken."""

    number: SendingNumber
    bucket: pacing.Bucket
    heads: Heads
    later: list[datetime]
    chosen: list[uuid.UUID] = field(default_factory=list)

    def choose(self) -> bool:
        """Take one more text, automatic replies first: they go past pacing. False: there is none that may go."""
        free = [*self.heads.automatic, *self.heads.people[: self.bucket.whole]]
        if len(self.chosen) >= len(free):
            return False
        self.chosen.append(free[len(self.chosen)])
        return True

    def settle(self, leased: set[uuid.UUID], now: datetime) -> None:
        """Write down the tokens that went, and when the number has something to do next."""
        paced = [pk for pk in self.heads.people if pk in leased]
        self.bucket = self.bucket.taken(len(paced))
        if any(pk not in leased for pk in self.heads.automatic):
            self.later.append(now)
        if len(paced) < len(self.heads.people):
            self.later.append(max(now, self.bucket.next_token_at(now)))
        if any(pk not in leased for pk in self.chosen):
            self.later = [max(at, now + LOCKED_ELSEWHERE) for at in self.later]
        self.number.tokens, self.number.tokens_at = self.bucket.tokens, self.bucket.at
        self.number.next_due_at = min(self.later, default=None)


def take(now: datetime, room: int) -> Lease | None:
    """Lease at most `room` texts that may go now, one a number and round before a second. None: no number is due."""
    until = now + timedelta(seconds=settings.RELAY_LEASE_SECONDS)
    with transaction.atomic(durable=True):
        numbers = _due_numbers(now, room)
        if not numbers:
            return None
        looks = _look(numbers, now, room)
        lease = Lease(new_id(), _claim(_choose(looks, room), now), until)
        Message.objects.filter(pk__in=lease.message_ids).update(lease_token=lease.token, leased_until=until)
        leased = set(lease.message_ids)
        for look in looks:
            look.settle(leased, now)
        SendingNumber.objects.bulk_update([look.number for look in looks], ["tokens", "tokens_at", "next_due_at"])
    return lease


def next_due_at() -> datetime | None:
    """When the next number has something to do."""
    return (
        _unpaused()
        .filter(next_due_at__isnull=False)
        .order_by("next_due_at")
        .values_list("next_due_at", flat=True)
        .first()
    )


def is_any_due(now: datetime) -> bool:
    """A look without a lock: on SQLite even an empty `take` would hold up every other writer."""
    return _unpaused().filter(next_due_at__lte=now).exists()


def leasable(now: datetime) -> Q:
    """Queued texts that are due, not too old, held by no worker and not put off by the carrier."""
    ready = Q(status=Status.QUEUED, due_at__lte=now, due_at__gte=now - states.TOO_OLD_AFTER)
    not_put_off = Q(retry_at__isnull=True) | Q(retry_at__lte=now)
    return ready & states.lease_free(now) & not_put_off


def _unpaused() -> QuerySet[SendingNumber]:
    return SendingNumber.objects.filter(paused=False, carrier_account__paused=False)


def _due_numbers(now: datetime, most: int) -> list[SendingNumber]:
    """The numbers that wait longest, locked; those that another worker looks at are skipped."""
    due = _unpaused().filter(next_due_at__lte=now).order_by("next_due_at", "pk")
    return list(due.select_for_update(no_key=True, skip_locked=True, of=("self",))[:most])


def _look(numbers: Collection[SendingNumber], now: datetime, room: int) -> list[_Look]:
    """What could go from each number, in one query. One text more than may go tells that there are more."""
    buckets = {number.pk: pacing.bucket_of(number).refilled(now) for number in numbers}
    paced = min(max(bucket.whole for bucket in buckets.values()), room)
    found = heads_of(buckets, now, people=paced + 1, automatic=room + 1)
    return [_Look(number, buckets[number.pk], found[number.pk], list(found[number.pk].later)) for number in numbers]


def _choose(looks: Collection[_Look], room: int) -> list[uuid.UUID]:
    """One text a number, then a second, until the room is full or nothing may go."""
    open_looks = list(looks)
    left = room
    while open_looks and left:
        open_looks = [look for look in open_looks[:left] if look.choose()]
        left = room - sum(len(look.chosen) for look in looks)
    return [pk for look in looks for pk in look.chosen]


def _claim(message_ids: Collection[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """Those of the texts that can be locked at once and may still go."""
    free = Message.objects.filter(leasable(now), pk__in=message_ids)
    return list(free.select_for_update(no_key=True, skip_locked=True).order_by("pk").values_list("pk", flat=True))
