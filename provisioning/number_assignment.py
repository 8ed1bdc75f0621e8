"""Who has which number as the primary one, and who had it when.

What must never happen: two users with one number, or one user with two. Both are database constraints, so a number is
taken from its old user before it is given to the new one, in the same transaction. Here is the only code that writes
PhoneNumber.user: releasing a number calls `let_go`, the operators' admin saves its own form and calls `keep_tenure`.

Conversations belong to (user, number, counterpart): the new user of a number starts with an empty inbox, the old one
keeps the history with the composer closed, and reopened once the number comes back. Nothing is copied for that.

Locks: users, then numbers, each in order of id; the audit log's head comes last.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from provisioning.changes import Actor, Change, change_of, record_many
from provisioning.models import NumberTenure, PhoneNumber, User
from provisioning.numbers import national
from provisioning.refusals import Refusal

BATCH: Final = 500
"""Pairs in one transaction."""
LONGEST_NAME: Final = 400
"""What a tenure keeps of the name of who gave or took the number."""

Pair = tuple[User, PhoneNumber | None]
"""A user, and the number that becomes the primary one; None takes the one they have away."""


def assign_primary(user: User, number: PhoneNumber, actor: Actor, now: datetime) -> PhoneNumber:
    """Make `number` the user's primary number in place of the one they had. Returns the fresh row.

    Refusal: `number_of_others`, `number_released`, `number_inactive`, `number_taken`, `user_inactive`.
    """
    _raise_first(assign_many([(user, number)], actor, now))
    return PhoneNumber.objects.get(pk=number.pk)


def release_primary(user: User, actor: Actor, now: datetime) -> None:
    """Take the user's primary number away; it stays in the organization's inventory, free."""
    _raise_first(assign_many([(user, None)], actor, now))


@transaction.atomic
def reassign(number: PhoneNumber, user: User | None, actor: Actor, now: datetime) -> PhoneNumber:
    """Give `number` to `user` even if somebody else has it now, who then has none; None: to nobody. The fresh row.

    Refusal: as for assign_primary, but never `number_taken`, unless somebody else was faster.
    """
    row = PhoneNumber.objects.select_related("user").get(pk=number.pk)
    pairs: list[Pair] = [(row.user, None)] if row.user is not None and row.user != user else []
    if user is not None:
        pairs.append((user, row))
    _raise_first(assign_many(pairs, actor, now))
    return PhoneNumber.objects.get(pk=number.pk)


def assign_many(pairs: Sequence[Pair], actor: Actor, now: datetime) -> list[Refusal | None]:
    """What each pair asks for, or why not; all of one organization. Each 500 pairs are one transaction of a dozen
    queries, however many of them there are.

    Within one batch numbers may change hands: one whose user is given another number there is free for the next. What
    is already so is not written. Which users and numbers the actor can reach is the caller's to check.
    """
    answers: list[Refusal | None] = []
    for start in range(0, len(pairs), BATCH):
        answers += _assign(pairs[start : start + BATCH], actor, now)
    return answers


def keep_tenure(number: PhoneNumber, before: uuid.UUID | None, actor: Actor, now: datetime) -> None:
    """Note in the number's history what was just written to its `user` by a form of its own."""
    if before == number.user_id:
        return
    if before is not None:
        _close_tenures([_Held(number, before)], actor, now)
    if number.user_id is not None:
        _open_tenures([_Held(number, number.user_id)], actor, now)


def let_go(numbers: Sequence[PhoneNumber], actor: Actor, now: datetime) -> list[Change]:
    """Take locked numbers away from whoever has them: the caller saves `user`, and records these changes with its own.

    The holders are given with the numbers (select_related), and need no lock: nobody is given anything.
    """
    wishes = [_Wish(number.user, None, number) for number in numbers if number.user is not None]
    _close_tenures([_Held(wish.has, wish.user.pk) for wish in wishes if wish.has is not None], actor, now)
    for number in numbers:
        number.user = None
    return [_change(wish, actor) for wish in wishes]


def _raise_first(answers: Iterable[Refusal | None]) -> None:
    for answer in answers:
        if answer is not None:
            raise answer


@dataclass(frozen=True, slots=True)
class _Held:
    """A number, and the user who has it until now, or from now on."""

    number: PhoneNumber
    user_id: uuid.UUID


@dataclass(slots=True)
class _Wish:
    """One pair on fresh, locked rows: what the user has, what they are to have, why not."""

    user: User
    number: PhoneNumber | None
    has: PhoneNumber | None
    refusal: Refusal | None = field(default=None)

    @property
    def changes(self) -> bool:
        return self.refusal is None and self.number != self.has


@transaction.atomic
def _assign(pairs: Sequence[Pair], actor: Actor, now: datetime) -> list[Refusal | None]:
    wishes = _wishes(pairs)
    _judge(wishes)
    changing = [wish for wish in wishes if wish.changes]
    taken = [_Held(wish.has, wish.user.pk) for wish in changing if wish.has is not None]
    given = [_Held(wish.number, wish.user.pk) for wish in changing if wish.number is not None]
    if changing:
        _write(taken, changing)
        _close_tenures(taken, actor, now)
        _open_tenures(given, actor, now)
        record_many([_change(wish, actor) for wish in changing])
    return [wish.refusal for wish in wishes]


def _wishes(pairs: Sequence[Pair]) -> list[_Wish]:
    """Users are locked before numbers: nobody can then give one of them another number."""
    users = User.objects.select_for_update(no_key=True).order_by("pk").in_bulk([user.pk for user, _number in pairs])
    wanted = [number.pk for _user, number in pairs if number is not None]
    rows = PhoneNumber.objects.filter(Q(pk__in=wanted) | Q(user_id__in=users)).order_by("pk")
    numbers = {row.pk: row for row in rows.select_for_update(no_key=True)}
    has = {row.user_id: row for row in numbers.values()}
    return [
        _Wish(users[user.pk], numbers[number.pk] if number is not None else None, has.get(user.pk))
        for user, number in pairs
    ]  # fmt: skip


def _judge(wishes: Sequence[_Wish]) -> None:
    """Refuse what can't be. A refused user keeps their number, which may refuse the next one: until nothing changes."""
    seen: set[uuid.UUID] = set()
    for wish in wishes:
        wish.refusal = _refusal_of(wish, seen)
        seen |= {wish.user.pk} | ({wish.number.pk} if wish.number is not None else set())
    while True:
        leaving = {wish.has.pk for wish in wishes if wish.changes and wish.has is not None}
        late = [wish for wish in wishes if wish.changes and not _is_free(wish.number, leaving)]
        if not late:
            return
        for wish in late:
            wish.refusal = _taken(wish.number)


def _is_free(number: PhoneNumber | None, leaving: set[uuid.UUID]) -> bool:
    return number is None or number.user_id is None or number.pk in leaving


def _refusal_of(wish: _Wish, seen: set[uuid.UUID]) -> Refusal | None:
    """What is wrong with one pair by itself; `seen` are the users and numbers of the pairs before it."""
    number = wish.number
    if wish.user.pk in seen:
        return Refusal("user_twice", _("This user is named twice. Name each user once."))
    if number is None or number == wish.has:
        return None
    words = {"number": national(number.e164)}
    if number.organization_id != wish.user.organization_id:
        return Refusal("number_of_others", _("This number is not in your organization’s inventory. Add it first."))
    if number.released_at is not None:
        return Refusal("number_released", _("%(number)s was deleted from the inventory. Add it again first.") % words)
    if number.pk in seen:
        return Refusal("number_twice", _("%(number)s is named twice. One number has one user.") % words)
    if not number.active:
        return Refusal("number_inactive", _("%(number)s is not active. Activate it first.") % words)
    if not wish.user.is_active:
        return Refusal("user_inactive", _("This user is deactivated. Reactivate the user first."))
    return None


def _taken(number: PhoneNumber | None) -> Refusal:
    words = {"number": national(number.e164) if number is not None else ""}
    return Refusal(
        "number_taken",
        _("%(number)s is another user’s primary number. Take it away there first, or choose another number.") % words,
    )


def _write(taken: Sequence[_Held], changing: Sequence[_Wish]) -> None:
    """Away from the old users first: no moment of it breaks a constraint."""
    if taken:
        PhoneNumber.objects.filter(pk__in=[held.number.pk for held in taken]).update(user=None)
    given = []
    for wish in changing:
        if wish.number is not None:
            wish.number.user = wish.user
            given.append(wish.number)
    PhoneNumber.objects.bulk_update(given, ["user"])


def _close_tenures(taken: Sequence[_Held], actor: Actor, now: datetime) -> None:
    """A number whose tenure was never noted is given one from the day it was added."""
    if not taken:
        return
    open_tenures = NumberTenure.objects.filter(number__in=[held.number.pk for held in taken], until__isnull=True)
    noted = set(open_tenures.values_list("number_id", flat=True))
    open_tenures.update(until=now, taken_by=actor.label[:LONGEST_NAME])
    NumberTenure.objects.bulk_create(
        NumberTenure(
            organization_id=held.number.organization_id, number=held.number, user_id=held.user_id,
            since=held.number.created_at, until=now, taken_by=actor.label[:LONGEST_NAME],
        )
        for held in taken
        if held.number.pk not in noted
    )  # fmt: skip


def _open_tenures(given: Sequence[_Held], actor: Actor, now: datetime) -> None:
    NumberTenure.objects.bulk_create(
        NumberTenure(
            organization_id=held.number.organization_id, number=held.number, user_id=held.user_id, since=now,
            given_by=actor.label[:LONGEST_NAME],
        )
        for held in given
    )  # fmt: skip


def _change(wish: _Wish, actor: Actor) -> Change:
    return change_of(
        "user.primary_number_changed", actor, wish.user, organization_id=wish.user.organization_id,
        before={"primary_number": _shown(wish.has)}, after={"primary_number": _shown(wish.number)},
    )  # fmt: skip


def _shown(number: PhoneNumber | None) -> str | None:
    return number.e164 if number is not None else None
