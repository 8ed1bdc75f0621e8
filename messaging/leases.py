"""Which texts go next, and who holds them: one short transaction over sending numbers that are due.

The unit of work is the sending number. Its row is locked (numbers that another worker looks at are skipped), its
tokens are refilled, and only texts at the head of their conversation are taken: those with no earlier text of the
conversation queued or sending. The row then says when to look at it next. No text of it is forgotten: whoever adds or
frees one waits for this lock, and then sets an earlier time.

Whose turn it is: numbers that had more to send than their last turn took stand behind those that had not, so one
organization's fifty thousand texts do not delay another's one. A quarter of the room is theirs all the same. Within
each, whoever waits longest is first. From one number replies go first, then what is due longest.

A lease keeps the status `queued`: it is a promise to try until `leased_until`. When it runs out, the text is free.
Of what is waited for in here, allowances that numbers share (paces.py) come last, in one order, and nobody else locks
them: so this can be part of no deadlock.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from messaging import paces, pacing, states
from messaging.heads import Head, Heads, heads_of
from messaging.models import SendingNumber
from messaging.paces import Paces, Sharing
from messaging.statements import Statement
from provisioning.ids import new_id

LOCKED_ELSEWHERE: Final = timedelta(seconds=1)
"""When to look again at a text whose row somebody else was just changing."""
_A_NUMBERS_SHARE: Final = 2
"""So many times its share of the room is looked for at each number, as not every number has as much."""
_A_SHARE: Final = 4
"""One in so many places is kept for numbers with a backlog."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Texts that this worker may dispatch until `until`, in the order of their turns."""

    token: uuid.UUID
    message_ids: list[uuid.UUID]
    until: datetime

    def split(self, texts: int) -> tuple[Lease, Lease]:
        """The first so many texts, and the rest."""
        first, rest = self.message_ids[:texts], self.message_ids[texts:]
        return replace(self, message_ids=first), replace(self, message_ids=rest)


class _Number(NamedTuple):
    """A sending number that is due, locked, as `_DUE` answers."""

    pk: uuid.UUID
    tokens: float
    tokens_at: datetime | None
    texts_a_minute: float
    burst: int
    account_id: uuid.UUID
    texts_a_second: float | None
    campaign_id: uuid.UUID | None
    segments_a_minute: int | None
    brand_id: uuid.UUID | None
    segments_a_day: int | None

    @property
    def sharing(self) -> Sharing:
        return Sharing(*self[5:])

    def bucket(self, now: datetime) -> pacing.Bucket:
        return pacing.Bucket(self.tokens, self.tokens_at, self.texts_a_minute, self.burst).refilled(now)


_DUE: Final = Statement(
    """
    SELECT number.number_id, number.tokens, number.tokens_at, number.texts_a_minute, number.burst,
        account.id, account.texts_a_second, campaign.id, campaign.segments_a_minute, brand.id, brand.segments_a_day
    FROM messaging_sendingnumber number
    JOIN messaging_carrieraccount account ON account.id = number.carrier_account_id
    JOIN provisioning_phonenumber phone ON phone.id = number.number_id
    LEFT JOIN provisioning_campaign campaign ON campaign.id = phone.campaign_id
    LEFT JOIN provisioning_brand brand ON brand.id = campaign.brand_id
    WHERE number.backlog = %(backlog)s AND number.next_due_at IS NOT NULL AND number.next_due_at <= %(now)s
    AND NOT number.paused AND NOT account.paused
    ORDER BY number.next_due_at LIMIT %(most)s {lock free of number}
    """,
    answers={
        "number_id": "uuid", "tokens": "float", "tokens_at": "time", "texts_a_minute": "float", "burst": "int",
        "account_id": "uuid", "texts_a_second": "float", "campaign_id": "uuid", "segments_a_minute": "int",
        "brand_id": "uuid", "segments_a_day": "int",
    },
)  # fmt: skip
_FREE: Final = Statement(
    """
    SELECT id FROM messaging_message
    WHERE id {in ids} AND status = 'queued' AND due_at <= %(now)s AND due_at >= %(oldest)s
    AND (leased_until IS NULL OR leased_until <= %(now)s) AND (retry_at IS NULL OR retry_at <= %(now)s)
    ORDER BY id {lock free}
    """,
    answers={"id": "uuid"},
)
_LEASE: Final = Statement(
    "UPDATE messaging_message SET lease_token = %(token)s, leased_until = %(until)s WHERE id {in ids}"
)
_TURN: Final = Statement(
    """
    UPDATE messaging_sendingnumber AS stored SET tokens = given.tokens, tokens_at = given.tokens_at,
        next_due_at = given.next_due_at, backlog = given.backlog
    FROM {given} WHERE stored.number_id = given.id
    """,
    given={"id": "uuid", "tokens": "float", "tokens_at": "time", "next_due_at": "time", "backlog": "bool"},
)


@dataclass(slots=True)
class _Look:
    """One locked number: what could go from it now, first ones first, and what was taken."""

    number: _Number
    sharing: Sharing
    bucket: pacing.Bucket
    heads: Heads
    later: list[datetime]
    chosen: list[Head] = field(default_factory=list)
    shared_at: datetime | None = None
    """When what the number shares with others allows more; None while it does."""

    def choose(self, shared: Paces) -> bool:
        """Take one more text, automatic replies first: they go past pacing. False: there is none that may go."""
        place, automatic = len(self.chosen), self.heads.automatic
        if place < len(automatic):
            shared.overdraw(self.sharing, automatic[place].segments)
            self.chosen.append(automatic[place])
            return True
        people = self.heads.people[: self.bucket.whole]
        if place - len(automatic) >= len(people):
            return False
        head = people[place - len(automatic)]
        if not shared.may_go(self.sharing, head.segments):
            self.shared_at = shared.when(self.sharing, head.segments)
            return False
        self.chosen.append(head)
        return True

    def settle(self, leased: set[uuid.UUID], now: datetime) -> tuple[object, ...]:
        """The tokens that are left, when the number has something to do next, and whether it has a backlog."""
        paced = sum(head.id in leased for head in self.heads.people)
        self.bucket = self.bucket.taken(paced)
        if any(head.id not in leased for head in self.heads.automatic):
            self.later.append(now)
        more = paced < len(self.heads.people)
        if more:
            self.later.append(max(now, self.bucket.next_token_at(now), self.shared_at or now))
        if any(head.id not in leased for head in self.chosen):
            self.later = [max(at, now + LOCKED_ELSEWHERE) for at in self.later]
        return self.number.pk, self.bucket.tokens, self.bucket.at, min(self.later, default=None), more


def take(now: datetime, room: int) -> Lease | None:
    """Lease at most `room` texts that may go now, one a number and round before a second. None: no number is due."""
    until = now + timedelta(seconds=settings.RELAY_LEASE_SECONDS)
    with transaction.atomic(durable=True):
        numbers = _due_numbers(now, room)
        if not numbers:
            return None
        looks = _look(numbers, now, room)
        shared = paces.locked((look.sharing for look in looks), now)
        chosen = _choose(looks, room, shared)
        free = _claim(chosen, now) if chosen else set()
        lease = Lease(new_id(), [pk for pk in chosen if pk in free], until)
        leased = set(lease.message_ids)
        _LEASE.run(ids=leased, token=lease.token, until=until)
        _give_back(looks, leased, shared)
        _TURN.write([look.settle(leased, now) for look in looks])
        shared.write()
    return lease


def next_due_at() -> datetime | None:
    """When the next number has something to do. Each of the two looks is at the first entry of its index."""
    due = _unpaused().filter(next_due_at__isnull=False).order_by("next_due_at").values_list("next_due_at", flat=True)
    found = (due.filter(backlog=backlog).first() for backlog in (False, True))
    return min((at for at in found if at is not None), default=None)


def is_any_due(now: datetime) -> bool:
    """A look without a lock, where it spares something: on SQLite even an empty `take` holds up every other writer."""
    return connection.vendor != "sqlite" or _unpaused().filter(next_due_at__lte=now).exists()


def _unpaused() -> QuerySet[SendingNumber]:
    return SendingNumber.objects.filter(paused=False, carrier_account__paused=False)


def _due_numbers(now: datetime, most: int) -> list[_Number]:
    """Those that wait longest, locked; those with a backlog behind the others, but never quite without a turn."""
    first = [_Number._make(row) for row in _DUE.rows(now=now, backlog=False, most=most - most // _A_SHARE)]
    room = most - len(first)
    return first + [_Number._make(row) for row in (_DUE.rows(now=now, backlog=True, most=room) if room else ())]


def _look(numbers: Collection[_Number], now: datetime, room: int) -> list[_Look]:
    """What could go from each number, in one query. One text more than may go tells that there are more.

    Of many numbers few texts each are looked for: what fills the room twice over, not the whole room from each.
    """
    buckets = {number.pk: number.bucket(now) for number in numbers}
    paced = min(max(bucket.whole for bucket in buckets.values()), _A_NUMBERS_SHARE * math.ceil(room / len(numbers)))
    found = heads_of(buckets, now, people=paced + 1, automatic=room + 1)
    return [
        _Look(number, number.sharing, buckets[number.pk], found[number.pk], list(found[number.pk].later))
        for number in numbers
    ]


def _choose(looks: Collection[_Look], room: int, shared: Paces) -> list[uuid.UUID]:
    """One text a number, then a second, until the room is full or nothing may go."""
    open_looks, chosen = list(looks), list[uuid.UUID]()
    while open_looks and len(chosen) < room:
        open_looks = [look for look in open_looks[: room - len(chosen)] if look.choose(shared)]
        chosen += [look.chosen[-1].id for look in open_looks]
    return chosen


def _claim(message_ids: Collection[uuid.UUID], now: datetime) -> set[uuid.UUID]:
    """Those of the texts that can be locked at once and may still go."""
    return {pk for (pk,) in _FREE.rows(ids=message_ids, now=now, oldest=now - states.TOO_OLD_AFTER)}


def _give_back(looks: Collection[_Look], leased: set[uuid.UUID], shared: Paces) -> None:
    """What was taken for texts that somebody else was just changing."""
    for look in looks:
        for head in look.chosen:
            if head.id not in leased:
                shared.give_back(look.sharing, head.segments)
