"""From a lease to the wire: the second look, and the commit of `sending` just before the bytes.

One short transaction. Its first statement locks the leased texts, in order of id; what decides (opt-outs, standing,
who has the number, what is paused) is read in later statements. A STOP that committed before the lock is therefore
seen; one that comes after waits for this commit, and then finds nothing of ours to block. All conversations, then all
numbers that are written to are locked before they are written one by one (lock order: states.py).
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from messaging import pacing, policy, states
from messaging.carriers import UnknownCarrier, adapter_for
from messaging.carriers.base import Carrier, OutboundText
from messaging.changes import touch
from messaging.leases import Lease
from messaging.models.messages import Status
from messaging.policy import Action, Verdict
from messaging.senders import Account, Sender, senders_of
from messaging.statements import Statement, distinct
from messaging.states import Fact
from provisioning.vault import Unreadable

logger = structlog.get_logger(__name__)

HOLD: Final = timedelta(minutes=1)
"""How long a text that is held (something is paused) waits for the next look."""


class Held(NamedTuple):
    """A leased text, locked, as `_HELD` answers: what policy judges and what goes on the wire."""

    id: uuid.UUID
    conversation_id: uuid.UUID | None
    number_id: uuid.UUID
    user_id: uuid.UUID | None
    organization_id: uuid.UUID
    kind: str
    own_e164: str
    counterpart: str
    body: str
    accepted_at: datetime
    attempts: int


_HELD: Final = Statement(
    """
    SELECT id, conversation_id, number_id, user_id, organization_id, kind, own_e164, counterpart, body,
        accepted_at, attempts
    FROM messaging_message
    WHERE id {in ids} AND status = 'queued' AND lease_token = %(token)s AND leased_until > %(now)s ORDER BY id {lock}
    """,
    answers={
        "id": "uuid", "conversation_id": "uuid", "number_id": "uuid", "user_id": "uuid", "organization_id": "uuid",
        "kind": "text", "own_e164": "text", "counterpart": "text", "body": "text",
        "accepted_at": "time", "attempts": "int",
    },
)  # fmt: skip
_PUT_OFF: Final = Statement(
    """
    UPDATE messaging_message SET lease_token = NULL, leased_until = NULL, retry_at = %(until)s WHERE id {in ids}
    """
)


@dataclass(frozen=True, slots=True)
class Departure:
    """One text on the wire: committed as `sending` under this lease, `attempts` including this one."""

    message_id: uuid.UUID
    conversation_id: uuid.UUID | None
    lease_token: uuid.UUID
    account: Account
    attempts: int
    text: OutboundText
    carrier: Carrier


def dispatch(lease: Lease, now: datetime) -> list[Departure]:
    """Commit what goes on the wire now; block, or put off, what may not go. Texts whose lease was lost are left out."""
    with transaction.atomic(durable=True):
        texts = [Held._make(row) for row in _HELD.rows(ids=lease.message_ids, token=lease.token, now=now)]
        senders = senders_of(distinct(text.number_id for text in texts))
        adapters = _adapters(sender.account for sender in senders.values())
        verdicts = policy.judge(texts, senders)
        going, held, blocked = _sorted_out(texts, verdicts, senders, adapters)
        _begin(going, senders, lease, now)
        if held or blocked:
            touch(distinct(text.conversation_id for text in blocked), now)
            pacing.lock({text.number_id for text in (*held, *blocked)})
            _block(blocked, verdicts, now)
            _put_off(held, now + HOLD)
    turns = {text_id: turn for turn, text_id in enumerate(lease.message_ids)}
    return _departures(sorted(going, key=lambda text: turns[text.id]), lease, senders, adapters)


def _adapters(accounts: Iterable[Account]) -> dict[uuid.UUID, Carrier]:
    """One adapter an account. An account that none can be made for has none: its texts wait for an operator."""
    adapters: dict[uuid.UUID, Carrier] = {}
    for account in {account.id: account for account in accounts}.values():
        try:
            adapters[account.id] = adapter_for(account)
        except (UnknownCarrier, Unreadable):
            logger.exception("carrier_account_unusable", account=str(account.id))
    return adapters


def _sorted_out(
    texts: Iterable[Held],
    verdicts: Mapping[uuid.UUID, Verdict],
    senders: Mapping[uuid.UUID, Sender],
    adapters: Mapping[uuid.UUID, Carrier],
) -> tuple[list[Held], list[Held], list[Held]]:
    """Those that go, those that are held, those that are blocked."""
    going, held, blocked = [], [], []
    for text in texts:
        action = verdicts[text.id].action
        if action is Action.BLOCK:
            blocked.append(text)
        elif action is Action.SEND and senders[text.number_id].account.id in adapters:
            going.append(text)
        else:
            held.append(text)
    return going, held, blocked


def _begin(texts: Iterable[Held], senders: Mapping[uuid.UUID, Sender], lease: Lease, now: datetime) -> None:
    """One write for each account."""
    batches: dict[uuid.UUID, list[Held]] = defaultdict(list)
    for text in texts:
        batches[senders[text.number_id].account.id].append(text)
    until = now + timedelta(seconds=settings.RELAY_LEASE_SECONDS)
    for account_id, batch in batches.items():
        states.begin_sending(batch, lease.token, account_id=account_id, at=now, until=until)


def _block(texts: Iterable[Held], verdicts: Mapping[uuid.UUID, Verdict], now: datetime) -> None:
    """One write for each reason."""
    alike: dict[Verdict, list[uuid.UUID]] = defaultdict(list)
    for text in texts:
        alike[verdicts[text.id]].append(text.id)
    for verdict, ids in alike.items():
        fact = Fact(Status.BLOCKED, now, reason=verdict.reason, blocked_by=verdict.blocked_by)
        states.settle_waiting(ids, fact, now=now)


def _put_off(texts: Collection[Held], until: datetime) -> None:
    """Give the lease back; the text keeps its place and its age."""
    if texts:
        _PUT_OFF.run(ids=[text.id for text in texts], until=until)
        pacing.look_again({text.number_id for text in texts}, until)


def _departures(
    texts: Iterable[Held], lease: Lease, senders: Mapping[uuid.UUID, Sender], adapters: Mapping[uuid.UUID, Carrier]
) -> list[Departure]:
    webhooks = {pk: f"{settings.PUBLIC_URL}{reverse('webhook', args=[pk])}" for pk in adapters}
    return [
        _departure(text, lease, account, webhooks[account.id], adapters[account.id])
        for text in texts
        for account in (senders[text.number_id].account,)
    ]


def _departure(text: Held, lease: Lease, account: Account, webhook: str, carrier: Carrier) -> Departure:
    outbound = OutboundText(
        message_id=str(text.id),
        own_e164=text.own_e164,
        counterpart=text.counterpart,
        body=text.body,
        callback_url=webhook,
    )
    return Departure(text.id, text.conversation_id, lease.token, account, text.attempts + 1, outbound, carrier)
