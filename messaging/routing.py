"""Which carrier account numbers send through, and what operators do about it: pause, drain, fail over.

What must never happen:
1. A text goes out twice because its number moved. Nothing in here writes a message: a text that was handed to the old
   account (sending, or with an unknown outcome) stays what it is, is never sent again by itself, and its receipts
   still come to the old account and count. Only what waits goes the new way, for a text's account is read from its
   number when it is dispatched.
2. Numbers stay between two accounts. Each batch of numbers moves in one transaction with its audit events; what was cut
   off is finished by asking for the same again.
3. Nobody knows who did it. Each number's move, pause and resumption is in its organization's audit log; what is done
   to an account is in the platform's.

Transactions: one for each act on an account; one for each batch of a move (phone numbers, then sending numbers, in
order of id, then the audit log's head). The relay is woken after each commit. A move to another carrier makes the
numbers' capability a question again: that carrier is asked anew, and until it answers the last answer stands.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from messaging import pacing
from messaging.models import CarrierAccount, Message, SendingNumber
from messaging.models.messages import IS_IN_LINE, IS_WAITING, Status
from messaging.wakeups import wake_relay
from provisioning.changes import Actor, Change, change_of, record_many, record_target
from provisioning.ids import first_id_at
from provisioning.models import Organization, PhoneNumber
from provisioning.number_capability import wake_refresh
from provisioning.number_pauses import Pause
from provisioning.refusals import Refusal

BATCH: Final = 500
MOST_COUNTED: Final = 10_000
"""Counts for people end here: "10,000+"."""
UNKNOWN_COUNTED_FOR: Final = timedelta(days=3)
LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """What a move would do. Texts are counted up to one more than MOST_COUNTED."""

    numbers: int
    waiting: int
    unknown: int
    other_carrier: bool
    target_paused: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom an act on an account affects. Texts are counted up to one more than MOST_COUNTED."""

    numbers: int
    organizations: int
    waiting: int


def reach_of(account: CarrierAccount) -> Reach:
    """Numbers that send through the account, whose they are, and what waits: two queries."""
    numbers = numbers_of(account).filter(number__released_at__isnull=True)
    counted = numbers.aggregate(numbers=Count("pk"), organizations=Count("organization", distinct=True))
    waiting = Message.objects.filter(IS_WAITING, number__sending__in=numbers)[: MOST_COUNTED + 1].count()
    return Reach(**counted, waiting=waiting)


def pause(account: CarrierAccount, actor: Actor, reason: str) -> bool:
    """Nothing goes out through the account from the next dispatch on. False: it was paused. Refusal: no reason."""
    return _set_account(account, actor, "paused", reason=_said(reason), paused=True)


def resume(account: CarrierAccount, actor: Actor, now: datetime) -> bool:
    """Texts that waited go out. False: it was not paused."""
    changed = _set_account(account, actor, "resumed", paused=False)
    if changed:
        pacing.look_at_waiting(numbers_of(account), now)
    return changed


def drain(account: CarrierAccount, actor: Actor, now: datetime) -> bool:
    """What was accepted before `now` still goes out; what is accepted later waits. False: it was draining."""
    return _set_account(account, actor, "drained", draining_since=now)


def end_draining(account: CarrierAccount, actor: Actor, now: datetime) -> bool:
    """Everything goes out again. False: it was not draining."""
    changed = _set_account(account, actor, "not_drained", draining_since=None)
    if changed:
        pacing.look_at_waiting(numbers_of(account), now)
    return changed


def _set_account(
    account: CarrierAccount, actor: Actor, verb: str, *, reason: str = "", **wanted: bool | datetime | None
) -> bool:
    """One column, with its event. What is so already stays as it is: a drain keeps its beginning."""
    ((column, value),) = wanted.items()
    with transaction.atomic():
        locked = CarrierAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        before = getattr(locked, column)
        if bool(before) == bool(value):
            return False
        setattr(locked, column, value)
        locked.save(update_fields=[column])
        record_target(
            f"carrier_account.{verb}", actor, locked, organization_id=None,
            before={column: _plain(before)}, after=_with_reason({column: _plain(value)}, reason),
        )  # fmt: skip
    return True


def _said(reason: str) -> str:
    """Why, in at most LONGEST_REASON letters. Refusal: nobody says."""
    if not reason.strip():
        raise Refusal("reason_missing", _("Say why: whoever finds it paused asks."))
    return reason.strip()[:LONGEST_REASON]


def _with_reason(told: dict[str, bool | str | None], reason: str) -> dict[str, bool | str | None]:
    return {**told, "reason": reason} if reason else told


def _plain(value: bool | datetime | None) -> bool | str | None:
    return value.isoformat() if isinstance(value, datetime) else value


def left_to_drain(account: CarrierAccount) -> int:
    """Texts accepted before the drain began that are still queued or on the wire; at most MOST_COUNTED + 1."""
    if account.draining_since is None:
        return 0
    before = Message.objects.filter(
        IS_IN_LINE, number__sending__carrier_account=account, accepted_at__lt=account.draining_since
    )
    return before[: MOST_COUNTED + 1].count()


def numbers_of(account: CarrierAccount, organization: Organization | None = None) -> QuerySet[SendingNumber]:
    """The numbers that send through the account; of one organization, or all."""
    numbers = SendingNumber.objects.filter(carrier_account=account)
    return numbers if organization is None else numbers.filter(organization=organization)


def preview(
    account: CarrierAccount, target: CarrierAccount, now: datetime, organization: Organization | None = None
) -> Preview:
    """What `move` would do now. Three queries: over the numbers, what waits, and what was accepted in three days.

    Raises Refusal where `move` would.
    """
    _check_target(account, target)
    moving = numbers_of(account, organization)
    of_these = Message.objects.filter(number__sending__in=moving)
    lately = first_id_at(now - UNKNOWN_COUNTED_FOR)
    handed = Message.objects.filter(carrier_account=account, number__sending__in=moving, pk__gte=lately)
    return Preview(
        numbers=moving.count(),
        waiting=of_these.filter(IS_WAITING)[: MOST_COUNTED + 1].count(),
        unknown=handed.filter(status=Status.UNCONFIRMED)[: MOST_COUNTED + 1].count(),
        other_carrier=account.carrier != target.carrier,
        target_paused=target.paused,
    )


def _check_target(account: CarrierAccount, target: CarrierAccount) -> None:
    """A paused target sends once it is resumed; one that drains would hold what comes for good."""
    if target.pk == account.pk:
        raise Refusal("same_account", _("Choose another account than the one the numbers are on."))
    if target.draining_since is not None:
        raise Refusal("target_draining", _("The target is being drained itself. End that, or choose another account."))


def move(
    account: CarrierAccount,
    target: CarrierAccount,
    actor: Actor,
    now: datetime,
    organization: Organization | None = None,
) -> int:
    """Fail over: these numbers send through `target` from now on. How many moved; asking again moves the rest.

    Raises Refusal for a target that is the account itself, or that drains.
    """
    _check_target(account, target)
    moving = numbers_of(account, organization).order_by()
    moved = 0
    for organization_id in sorted(moving.values_list("organization_id", flat=True).distinct()):
        while batch := _move_batch(account, target, organization_id, actor, now):
            moved += batch
    _record_move(account, target, actor, organization, moved)
    return moved


def _move_batch(
    account: CarrierAccount, target: CarrierAccount, organization_id: uuid.UUID, actor: Actor, now: datetime
) -> int:
    """Numbers of one organization, in one transaction with their events."""
    candidates = SendingNumber.objects.filter(carrier_account=account, organization_id=organization_id)
    with transaction.atomic():
        ids = list(candidates.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if account.carrier != target.carrier:
            ask_capability(ids, now)
        pacing.try_again(ids, now, tried=True)
        pacing.lock(ids)
        numbers = list(candidates.filter(pk__in=ids).select_related("number").order_by("pk"))
        candidates.filter(pk__in=[number.pk for number in numbers]).update(carrier_account=target)
        waiting = Message.objects.filter(IS_WAITING, number_id__in=[number.pk for number in numbers])
        pacing.look_again(set(waiting.values_list("number_id", flat=True).distinct()), now)
        record_many([_moved(number.number, account, target, actor) for number in numbers])
        wake_relay()
    return len(numbers)


def ask_capability(number_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Another carrier may see the numbers differently: it is asked in a moment."""
    numbers = PhoneNumber.objects.owned().filter(pk__in=number_ids)
    list(numbers.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    numbers.update(capability_due_at=now)
    wake_refresh()


def _moved(number: PhoneNumber, account: CarrierAccount, target: CarrierAccount, actor: Actor) -> Change:
    return change_of(
        "number.carrier_changed", actor, number, organization_id=number.organization_id,
        before={"carrier_account": account.name}, after={"carrier_account": target.name},
    )  # fmt: skip


def _record_move(
    account: CarrierAccount, target: CarrierAccount, actor: Actor, organization: Organization | None, moved: int
) -> None:
    if moved:
        told = {"target": target.name, "numbers": moved, "organization": str(organization) if organization else ""}
        with transaction.atomic():
            record_target("carrier_account.failed_over", actor, account, organization_id=None, after=told)


def pause_number(number: SendingNumber, actor: Actor, reason: str) -> bool:
    """The number sends nothing from the next dispatch on. False: it was paused. Refusal: nobody says why."""
    return _set_paused(number, actor, True, _said(reason))


def resume_number(number: SendingNumber, actor: Actor, now: datetime) -> bool:
    """Texts that waited go out. False: it was not paused."""
    resumed = _set_paused(number, actor, False, "")
    if resumed:
        pacing.look_at_waiting(SendingNumber.objects.filter(pk=number.pk), now)
    return resumed


def pause_of(number: PhoneNumber) -> Pause | None:
    """What the number's organization is told of its pause; None: it is not paused."""
    paused = SendingNumber.objects.filter(pk=number.pk, organization=number.organization_id, paused=True)
    reason = paused.values_list("pause_reason", flat=True).first()
    return Pause(reason) if reason is not None else None


def _set_paused(number: SendingNumber, actor: Actor, paused: bool, reason: str) -> bool:
    with transaction.atomic():
        other = SendingNumber.objects.filter(pk=number.pk, paused=not paused)
        if not other.update(paused=paused, pause_reason=reason):
            return False
        verb = "paused" if paused else "resumed"
        record_target(
            f"number.{verb}", actor, number.number, organization_id=number.organization_id,
            before={"paused": not paused}, after=_with_reason({"paused": paused}, reason),
        )  # fmt: skip
    return True
