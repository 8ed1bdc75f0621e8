"""Asking carriers whether numbers can text, and taking over what they say.

What must never happen:
1. A transaction that waits for a carrier. Numbers that are due are read, then asked about, then written.
2. An event where nothing changed: the carrier's answer is compared under the number's lock, and only a change of its
   verdict or its words is written and recorded. That it was asked, and when it is asked again, is noted in any case.
3. One number that a carrier won't hear of, or one account that is down, in the way of all others: each look takes the
   numbers that wait longest, and every one of them gets a later time, whatever came of it.

Not yet reported: again after 5 minutes, after a day of that every hour. Known: once a day. Not answered: 5 minutes.
Where the carrier can't be asked: not before somebody wants to or the number moves; an operator enters what is so.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from messaging import connections
from messaging.carriers import UnknownCarrier, adapter_for
from messaging.carriers.base import CannotBeAsked, CapabilityAnswer, Carrier, Refused, SendError
from messaging.carriers.wire import Wire
from messaging.models import CarrierAccount
from provisioning.changes import Actor, Change, change_of, record_many
from provisioning.models import PhoneNumber
from provisioning.models.numbers import NumberSource, TextCapability
from provisioning.vault import Unreadable

logger = structlog.get_logger(__name__)

MOST: Final = 2_000
"""Numbers in one look."""
A_QUESTION: Final = 100
"""Numbers in one request."""
AT_ONCE: Final = 4
"""Requests at a time."""
A_TRANSACTION: Final = 500
SOON, HOURLY, DAILY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
CARRIER: Final = Actor.system("Carrier")


@dataclass(frozen=True, slots=True)
class _Due:
    """One number to ask about, and the account to ask at."""

    number_id: uuid.UUID
    e164: str
    organization_id: uuid.UUID
    account_id: uuid.UUID


def refresh(now: datetime) -> bool:
    """Ask about the numbers that are due; whether there may be more of them."""
    _connect_or_leave(now)
    due = _due(now)
    answers = asyncio.run(_ask(due, _adapters({one.account_id for one in due}))) if due else {}
    by_organization: dict[uuid.UUID, list[_Due]] = defaultdict(list)
    for one in due:
        by_organization[one.organization_id].append(one)
    for of_organization in by_organization.values():
        for start in range(0, len(of_organization), A_TRANSACTION):
            _take_over(of_organization[start : start + A_TRANSACTION], answers, now)
    return len(due) == MOST


def _owned_and_due(now: datetime) -> QuerySet[PhoneNumber]:
    return PhoneNumber.objects.owned().filter(capability_due_at__lte=now)


def _connect_or_leave(now: datetime) -> None:
    """Numbers without a carrier: those that may have one are connected, the others have nobody to ask."""
    loose = _owned_and_due(now).filter(sending__isnull=True)
    loose.exclude(source=NumberSource.CISCO_CALLING_PLAN).update(capability_due_at=None)
    waiting = list(loose.order_by("organization", "pk").values_list("organization_id", "pk")[:A_TRANSACTION])
    ids: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for organization_id, number_id in waiting:
        ids[organization_id].append(number_id)
    for number_ids in ids.values():
        if not connections.connect(number_ids):
            PhoneNumber.objects.filter(pk__in=number_ids).update(capability_due_at=now + SOON)


def _due(now: datetime) -> list[_Due]:
    rows = _owned_and_due(now).filter(sending__carrier_account__paused=False).order_by("capability_due_at", "pk")
    columns = ("pk", "e164", "organization_id", "sending__carrier_account_id")
    return [_Due(*row) for row in rows.values_list(*columns)[:MOST]]


def _adapters(account_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Carrier]:
    """An account that no adapter can be made for answers nothing."""
    adapters: dict[uuid.UUID, Carrier] = {}
    for account in CarrierAccount.objects.filter(pk__in=account_ids):
        try:
            adapters[account.pk] = adapter_for(account)
        except (UnknownCarrier, Unreadable):
            logger.exception("carrier_account_unusable", account=str(account.pk))
    return adapters


Answers = dict[uuid.UUID, CapabilityAnswer | None]
"""By number. None: its carrier has nothing to say of any number."""


async def _ask(due: Sequence[_Due], adapters: dict[uuid.UUID, Carrier]) -> Answers:
    """Everything that the carriers say, by number."""
    wire, room = Wire(timeout=settings.CARRIER_TIMEOUT_SECONDS), asyncio.Semaphore(AT_ONCE)
    try:
        found = await asyncio.gather(
            *(
                _answers(question, adapters[account_id], wire, room)
                for account_id, question in _questions(due)
                if account_id in adapters
            )
        )
    finally:
        await wire.aclose()
    return {number_id: answer for answers in found for number_id, answer in answers.items()}


def _questions(due: Sequence[_Due]) -> Iterable[tuple[uuid.UUID, list[_Due]]]:
    by_account: dict[uuid.UUID, list[_Due]] = defaultdict(list)
    for one in due:
        by_account[one.account_id].append(one)
    for account_id, numbers in by_account.items():
        for start in range(0, len(numbers), A_QUESTION):
            yield account_id, numbers[start : start + A_QUESTION]


async def _answers(question: list[_Due], carrier: Carrier, wire: Wire, room: asyncio.Semaphore) -> Answers:
    """What one request brings. Refused as a whole, it is asked in halves, down to the number that is the cause."""
    try:
        async with room:
            said = await carrier.capability([one.e164 for one in question], wire)
    except Refused as refused:
        if len(question) == 1:
            logger.warning("capability_refused", number=question[0].e164, code=refused.code)
            return {}
        middle = len(question) // 2
        halves = [await _answers(half, carrier, wire, room) for half in (question[:middle], question[middle:])]
        return {**halves[0], **halves[1]}
    except CannotBeAsked:
        return dict.fromkeys(one.number_id for one in question)
    except SendError as error:
        logger.warning("capability_not_answered", account=str(question[0].account_id), detail=str(error))
        return {}
    except Exception:
        logger.exception("carrier_adapter_failed")
        return {}
    by_number = {answer.e164: answer for answer in said}
    return {one.number_id: by_number[one.e164] for one in question if one.e164 in by_number}


@transaction.atomic
def _take_over(asked: Sequence[_Due], answers: Answers, now: datetime) -> None:
    """Write the answers about numbers of one organization; those released meanwhile are left alone."""
    locked = PhoneNumber.objects.owned().filter(pk__in=[one.number_id for one in asked]).order_by("pk")
    rows = list(locked.select_for_update(no_key=True))
    changes = []
    for row in rows:
        answer = answers.get(row.pk)
        if answer is None:
            row.capability_due_at = None if row.pk in answers else now + SOON
            continue
        changes += _changes(row, answer)
        row.capability, row.capability_reason = answer.capability, answer.reason
        row.capability_checked_at, row.capability_due_at = now, now + _wait(row, now)
    PhoneNumber.objects.bulk_update(
        rows, ["capability", "capability_reason", "capability_checked_at", "capability_due_at"]
    )  # fmt: skip
    record_many(changes)


def _changes(row: PhoneNumber, answer: CapabilityAnswer) -> list[Change]:
    before, after = _in_words(row.capability, row.capability_reason), _in_words(answer.capability, answer.reason)
    if before == after:
        return []
    return [
        change_of(
            "number.capability_changed", CARRIER, row, organization_id=row.organization_id, before=before, after=after
        )
    ]


def _in_words(capability: str, reason: str) -> dict[str, str]:
    words = {"text_capability": str(TextCapability(capability).label)}
    return {**words, "reason": reason} if reason else words


def _wait(row: PhoneNumber, now: datetime) -> timedelta:
    if row.capability != TextCapability.UNKNOWN:
        return DAILY
    return SOON if now - row.created_at < DAILY else HOURLY
