"""Which texts go next, and who holds them: one short transaction over sending numbers that are due.

The unit of work is the sending number. Its row is locked (numbers that another worker looks at are skipped), its
tokens are refilled, and only texts at the head of their conversation are taken: those with no earlier text of the
conversation queued or sending. The row then says when to look at it next. No text of it is forgotten: whoever adds or
frees one waits for this lock, and then sets an earlier time.

Whose turn it is: each carrier account has room of its own, so that one which answers slowly, or not at all, holds up
nobody else's. Within an account numbers that had more to send than their last turn took stand behind those that had
not; a quarter of the room is theirs all the same. Within each, whoever waits longest is first; but where one
organization fills the room, half of it goes to others that wait behind. So one organization's fifty thousand texts do
not delay another's one, be they of one number or of thousands. From one number replies go first, then what is due
longest.

A lease keeps the status `queued`: it is a promise to try until `leased_until`. When it runs out, the text is free.
Of what is waited for in here, allowances that numbers share (paces.py) come last, in one order, and nobody else locks
them: so this can be part of no deadlock.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import transaction

from messaging import paces, pacing, states
from messaging.heads import Head, Heads, heads_of
from messaging.paces import Paces, Sharing
from messaging.statements import Statement
from provisioning.ids import new_id

LOCKED_ELSEWHERE: Final = timedelta(seconds=1)
"""When to look again at a text whose row somebody else was just changing."""
_A_NUMBERS_SHARE: Final = 2
"""So many times its share of the room is looked for at each number, as not every number has as much."""
_A_SHARE: Final = 4
"""One in so many places is kept for numbers with a backlog."""
_A_CROWD: Final = 4
"""An organization with more than one in so many of the numbers that are looked at may hide others behind it."""
_RARELY: Final = 9
"""To look past a crowd costs what the crowd is long: for so many times that time nobody looks again."""

NO_ROOMS: Final[Mapping[uuid.UUID, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Lease:
    """Texts that this worker may dispatch until `until`, in the order of their turns, and the account of each."""

    token: uuid.UUID
    message_ids: list[uuid.UUID]
    until: datetime
    accounts: Mapping[uuid.UUID, uuid.UUID]

    def split(self, room: int, rooms: Mapping[uuid.UUID, int] = NO_ROOMS) -> tuple[Lease, Lease]:
        """The first texts of each account, as many as it has room for, and the rest. `room`: of who is not named."""
        left, first, rest = dict(rooms), list[uuid.UUID](), list[uuid.UUID]()
        for message_id in self.message_ids:
            account = self.accounts[message_id]
            left[account] = left.get(account, room) - 1
            (first if left[account] >= 0 else rest).append(message_id)
        return replace(self, message_ids=first), replace(self, message_ids=rest)


class Beyond:
    """When to look past an organization that fills an account's room: as often as that takes a tenth of the time at
    most. By account, or one with a crowd would take the turn of all others."""

    def __init__(self) -> None:
        self._again: dict[uuid.UUID, float] = {}

    def is_time(self, account: uuid.UUID) -> bool:
        return time.monotonic() >= self._again.get(account, 0.0)

    def took(self, account: uuid.UUID, seconds: float) -> None:
        self._again[account] = time.monotonic() + _RARELY * seconds


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
    organization_id: uuid.UUID

    @property
    def sharing(self) -> Sharing:
        return Sharing(*self[5:-1])

    def bucket(self, now: datetime) -> pacing.Bucket:
        return pacing.Bucket(self.tokens, self.tokens_at, self.texts_a_minute, self.burst).refilled(now)


def _due_statement(condition: str) -> Statement:
    return Statement(
        f"""
        SELECT number.number_id, number.tokens, number.tokens_at, number.texts_a_minute, number.burst,
            account.id, account.texts_a_second, campaign.id, campaign.segments_a_minute, brand.id,
            brand.segments_a_day, number.organization_id
        FROM messaging_sendingnumber number {{by sending_numbers_turns}}
        JOIN messaging_carrieraccount account ON account.id = number.carrier_account_id
        JOIN provisioning_phonenumber phone ON phone.id = number.number_id
        LEFT JOIN provisioning_campaign campaign ON campaign.id = phone.campaign_id
        LEFT JOIN provisioning_brand brand ON brand.id = campaign.brand_id
        WHERE number.carrier_account_id = %(account)s AND number.backlog = %(backlog)s
        AND number.next_due_at IS NOT NULL AND number.next_due_at <= %(now)s
        AND NOT number.paused AND NOT account.paused {condition}
        ORDER BY number.next_due_at LIMIT %(most)s {{lock free of number}}
        """,  # noqa: S608  (words of ours)
        answers={
            "number_id": "uuid", "tokens": "float", "tokens_at": "time", "texts_a_minute": "float", "burst": "int",
            "account_id": "uuid", "texts_a_second": "float", "campaign_id": "uuid", "segments_a_minute": "int",
            "brand_id": "uuid", "segments_a_day": "int", "organization_id": "uuid",
        },
    )  # fmt: skip


_DUE: Final = _due_statement("")
_BEYOND: Final = _due_statement("AND NOT number.organization_id {in crowd}")
_FIRST_OF_ACCOUNT: Final = """
    SELECT number.next_due_at FROM messaging_sendingnumber number {by sending_numbers_turns}
    WHERE number.carrier_account_id = account.id AND number.backlog = BACKLOG AND number.next_due_at IS NOT NULL
    AND NOT number.paused ORDER BY number.next_due_at LIMIT 1
"""
_NEXT: Final = Statement(
    f"""
    SELECT account.id,
        ({_FIRST_OF_ACCOUNT.replace("BACKLOG", "FALSE")}), ({_FIRST_OF_ACCOUNT.replace("BACKLOG", "TRUE")})
    FROM messaging_carrieraccount account WHERE NOT account.paused
    """,  # noqa: S608  (words of ours)
    answers={"id": "uuid", "first": "time", "of_a_backlog": "time"},
)
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
_UNUSED: Final = Statement(
    """
    SELECT id, number_id FROM messaging_message
    WHERE id {in ids} AND status = 'queued' AND lease_token = %(token)s ORDER BY id {lock}
    """,
    answers={"id": "uuid", "number_id": "uuid"},
)
_GIVE_BACK: Final = Statement("UPDATE messaging_message SET lease_token = NULL, leased_until = NULL WHERE id {in ids}")
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


def take(
    now: datetime, room: int, rooms: Mapping[uuid.UUID, int] = NO_ROOMS, beyond: Beyond | None = None
) -> Lease | None:
    """Lease texts that may go now, one a number and round before a second. None: no number is due that has room.

    Of each account at most as many as `rooms` says, or `room`, where it does not say.
    """
    open_rooms = {account: left for account in due_accounts(now) if (left := rooms.get(account, room)) > 0}
    if not open_rooms:
        return None
    until = now + timedelta(seconds=settings.RELAY_LEASE_SECONDS)
    with transaction.atomic(durable=True):
        numbers = [
            number
            for account, most in open_rooms.items()
            for number in _due_numbers(account, now, most, beyond or Beyond())
        ]
        if not numbers:
            return None
        looks = _look(numbers, now, open_rooms)
        shared = paces.locked((look.sharing for look in looks), now)
        chosen = _choose(looks, open_rooms, shared)
        free = _claim(chosen, now) if chosen else set()
        lease = Lease(new_id(), [pk for pk in chosen if pk in free], until, chosen)
        leased = set(lease.message_ids)
        _LEASE.run(ids=leased, token=lease.token, until=until)
        _give_back(looks, leased, shared)
        _TURN.write([look.settle(leased, now) for look in looks])
        shared.write()
    return lease


def give_back(lease: Lease, now: datetime) -> None:
    """End a lease early: what was not dispatched under it is free at once."""
    with transaction.atomic():
        unused = _UNUSED.rows(ids=lease.message_ids, token=lease.token)
        _GIVE_BACK.run(ids=[message_id for message_id, _number in unused])
        pacing.look_again({number_id for _message, number_id in unused}, now)


def next_due_at() -> datetime | None:
    """When the next number has something to do."""
    return min((at for _account, *found in _NEXT.rows() for at in found if at is not None), default=None)


def due_accounts(now: datetime) -> list[uuid.UUID]:
    """The accounts with a number that is due. A look without a lock: on SQLite even an empty transaction that might
    write holds up every other writer."""
    return [account for account, *found in _NEXT.rows() if any(at is not None and at <= now for at in found)]


def _due_numbers(account: uuid.UUID, now: datetime, most: int, beyond: Beyond) -> list[_Number]:
    """Those that wait longest, locked; those with a backlog behind the others, but never quite without a turn."""
    in_front = most - most // _A_SHARE
    first = _numbers(_DUE, account=account, now=now, backlog=False, most=in_front)
    if len(first) == in_front and beyond.is_time(account):
        first = _with_others(first, account, now, beyond)
    room = most - len(first)
    return first + (_numbers(_DUE, account=account, now=now, backlog=True, most=room) if room else [])


def _with_others(first: list[_Number], account: uuid.UUID, now: datetime, beyond: Beyond) -> list[_Number]:
    """The same, but where few organizations fill the room, up to half of it is for those that wait behind them."""
    numbers_of = Counter(number.organization_id for number in first)
    crowd = [organization for organization, numbers in numbers_of.items() if numbers > len(first) // _A_CROWD]
    places = len(first) // 2
    if not crowd or not places:
        return first
    began = time.monotonic()
    found = _numbers(_BEYOND, account=account, now=now, backlog=False, most=places, crowd=crowd)
    beyond.took(account, time.monotonic() - began)
    known = {number.pk for number in first}
    others = [number for number in found if number.pk not in known]
    those_of_the_crowd = [number for number in reversed(first) if number.organization_id in crowd]
    making_room = {number.pk for number in those_of_the_crowd[: len(others)]}
    return [number for number in first if number.pk not in making_room] + others


def _numbers(statement: Statement, **values: Any) -> list[_Number]:
    return [_Number._make(row) for row in statement.rows(**values)]


def _look(numbers: Collection[_Number], now: datetime, rooms: Mapping[uuid.UUID, int]) -> list[_Look]:
    """What could go from each number, in one query. One text more than may go tells that there are more.

    Of many numbers few texts each are looked for: what fills the room twice over, not the whole room from each.
    """
    buckets = {number.pk: number.bucket(now) for number in numbers}
    numbers_of = Counter(number.account_id for number in numbers)
    share = max(math.ceil(rooms[account] / count) for account, count in numbers_of.items())
    paced = min(max(bucket.whole for bucket in buckets.values()), _A_NUMBERS_SHARE * share)
    found = heads_of(buckets, now, people=paced + 1, automatic=max(rooms.values()) + 1)
    return [
        _Look(number, number.sharing, buckets[number.pk], found[number.pk], list(found[number.pk].later))
        for number in numbers
    ]


def _choose(looks: Collection[_Look], rooms: Mapping[uuid.UUID, int], shared: Paces) -> dict[uuid.UUID, uuid.UUID]:
    """One text a number, then a second, until the rooms are full or nothing may go; in this order, and the account
    of each."""
    open_looks, left, chosen = list(looks), dict(rooms), dict[uuid.UUID, uuid.UUID]()
    while open_looks:
        still_open = []
        for look in open_looks:
            account = look.number.account_id
            if left[account] > 0 and look.choose(shared):
                left[account] -= 1
                chosen[look.chosen[-1].id] = account
                still_open.append(look)
        open_looks = still_open
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
