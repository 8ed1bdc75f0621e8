"""From a lease to the wire: the second look, and the commit of `sending` just before the bytes.

One short transaction. Its first statement locks the leased texts, in order of id; what decides (opt-outs, standing,
who has the number, what is paused) is read in later statements. A STOP that committed before the lock is therefore
seen; one that comes after waits for this commit, and then finds nothing of ours to block. All conversations, then all
numbers of the batch are locked before they are written one by one (lock order: states.py).
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from messaging import pacing, policy, states
from messaging.carriers import UnknownCarrier, adapter_for
from messaging.carriers.base import Carrier, OutboundText
from messaging.changes import touch
from messaging.leases import Lease
from messaging.models import CarrierAccount, Message, SendingNumber
from messaging.models.messages import Status
from messaging.policy import Action, Verdict
from messaging.states import Fact
from provisioning.vault import Unreadable

logger = structlog.get_logger(__name__)

HOLD: Final = timedelta(minutes=1)
"""How long a text that is held (something is paused) waits for the next look."""


@dataclass(frozen=True, slots=True)
class Departure:
    """One text on the wire: committed as `sending` under this lease, `attempts` including this one."""

    message_id: uuid.UUID
    lease_token: uuid.UUID
    account_id: uuid.UUID
    attempts: int
    text: OutboundText
    carrier: Carrier


def dispatch(lease: Lease, now: datetime) -> list[Departure]:
    """Commit what goes on the wire now; block, or put off, what may not go. Texts whose lease was lost are left out."""
    with transaction.atomic(durable=True):
        texts = _held(lease, now)
        numbers = _numbers_of(texts)
        adapters = _adapters(number.carrier_account for number in numbers.values())
        verdicts = policy.judge(texts, numbers)
        going, held, blocked = _sorted_out(texts, verdicts, numbers, adapters)
        touch({text.conversation_id for text in (*going, *blocked) if text.conversation_id}, now)
        _begin(going, numbers, lease, now)
        if held or blocked:
            pacing.lock({text.number_id for text in (*held, *blocked)})
            _block(blocked, verdicts, now)
            _put_off(held, now + HOLD)
    return [_departure(text, lease, numbers[text.number_id].carrier_account, adapters) for text in going]


def _held(lease: Lease, now: datetime) -> list[Message]:
    """The texts that are still ours, locked."""
    ours = Message.objects.filter(
        pk__in=lease.message_ids, status=Status.QUEUED, lease_token=lease.token, leased_until__gt=now
    )
    return list(
        ours.select_for_update(no_key=True)
        .only("id", "conversation_id", "number_id", "user_id", "kind", "own_e164", "counterpart", "body", "attempts")
        .order_by("pk")
    )  # fmt: skip


def _numbers_of(texts: Iterable[Message]) -> dict[uuid.UUID, SendingNumber]:
    numbers = SendingNumber.objects.select_related("number", "carrier_account")
    return {number.pk: number for number in numbers.filter(pk__in={text.number_id for text in texts})}


def _adapters(accounts: Iterable[CarrierAccount]) -> dict[uuid.UUID, Carrier]:
    """One adapter an account. An account that none can be made for has none: its texts wait for an operator."""
    adapters: dict[uuid.UUID, Carrier] = {}
    for account in {account.pk: account for account in accounts}.values():
        try:
            adapters[account.pk] = adapter_for(account)
        except (UnknownCarrier, Unreadable):
            logger.exception("carrier_account_unusable", account=str(account.pk))
    return adapters


def _sorted_out(
    texts: Iterable[Message],
    verdicts: Mapping[uuid.UUID, Verdict],
    numbers: Mapping[uuid.UUID, SendingNumber],
    adapters: Mapping[uuid.UUID, Carrier],
) -> tuple[list[Message], list[Message], list[Message]]:
    """Those that go, those that are held, those that are blocked."""
    going, held, blocked = [], [], []
    for text in texts:
        action = verdicts[text.pk].action
        if action is Action.BLOCK:
            blocked.append(text)
        elif action is Action.SEND and numbers[text.number_id].carrier_account_id in adapters:
            going.append(text)
        else:
            held.append(text)
    return going, held, blocked


def _begin(texts: Iterable[Message], numbers: Mapping[uuid.UUID, SendingNumber], lease: Lease, now: datetime) -> None:
    """One write for each account."""
    batches: dict[uuid.UUID, list[Message]] = defaultdict(list)
    for text in texts:
        batches[numbers[text.number_id].carrier_account_id].append(text)
    until = now + timedelta(seconds=settings.RELAY_LEASE_SECONDS)
    for account_id, batch in batches.items():
        states.begin_sending(batch, lease.token, account_id=account_id, at=now, until=until)


def _block(texts: Iterable[Message], verdicts: Mapping[uuid.UUID, Verdict], now: datetime) -> None:
    """One write for each reason."""
    alike: dict[Verdict, list[uuid.UUID]] = defaultdict(list)
    for text in texts:
        alike[verdicts[text.pk]].append(text.pk)
    for verdict, ids in alike.items():
        fact = Fact(Status.BLOCKED, now, reason=verdict.reason, blocked_by=verdict.blocked_by)
        states.settle_waiting(ids, fact, now=now)


def _put_off(texts: Collection[Message], until: datetime) -> None:
    """Give the lease back; the text keeps its place and its age."""
    if texts:
        held = Message.objects.filter(pk__in=[text.pk for text in texts])
        held.update(lease_token=None, leased_until=None, retry_at=until)
        pacing.look_again({text.number_id for text in texts}, until)


def _departure(
    text: Message, lease: Lease, account: CarrierAccount, adapters: Mapping[uuid.UUID, Carrier]
) -> Departure:
    outbound = OutboundText(
        message_id=str(text.pk),
        own_e164=text.own_e164,
        counterpart=text.counterpart,
        body=text.body,
        callback_url=f"{settings.PUBLIC_URL}{reverse('webhook', args=[account.pk])}",
    )
    return Departure(text.pk, lease.token, account.pk, text.attempts + 1, outbound, adapters[account.pk])
