"""What is known of a text, and the only code that writes Message.status once the row is made.

    scheduled ──▶ queued ──▶ sending ──▶ unconfirmed, failed, blocked, sent, delivered, undelivered
        └───┬────────┘ ▲         │
            ▼          └─────────┘ release: only while the carrier cannot have it
    cancelled, failed, blocked

What must never happen:
1. The order in which facts arrive decides what a row says. Status is the highest-ranked fact known; reason, code and
   event time are those of that fact, and of several such facts of the earliest (the carrier's time, then the
   receipt's id). Each fact's time column keeps the earliest such fact. All of these are minimums and maximums, so any
   order, duplication and delay ends in the same row. Two facts of one status, time and receipt are the same fact.
2. A text that the carrier may have goes back into the queue. `release` is the one way back: one UPDATE that matches
   only `sending`, the lease that sent it, and no stored receipt.
3. A decision of ours (too old, opted out, cancelled) overtakes a text that is on the wire. Those match only what
   waits; a text whose `sending` committed first keeps going.

Transactions: each function opens its own or joins the caller's; the conversation is touched in the same one.
Lock order, everywhere in this app: messages, conversations, daily counts, sending numbers; within each by id. Whoever
holds a conversation's lock must not wait for a message's: so a STOP blocks what waits before its own text is filed.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from messaging import clock, outcomes, pacing
from messaging.changes import touch
from messaging.models import Conversation, Message, Receipt, SendingNumber
from messaging.models.messages import IS_IN_LINE, IS_WAITING, BlockedBy, Direction, Kind, Status
from messaging.reasons import Reason

RANKS: Final[dict[Status, int]] = {
    Status.SCHEDULED: 0,
    Status.QUEUED: 1,
    Status.SENDING: 2,
    Status.UNCONFIRMED: 3,
    Status.CANCELLED: 4,
    Status.FAILED: 4,
    Status.BLOCKED: 4,
    Status.SENT: 5,
    Status.DELIVERED: 6,
    Status.UNDELIVERED: 7,
}
"""The highest-ranked fact known is the status. Within rank 4 the one further down wins."""

WAITING: Final = (Status.SCHEDULED, Status.QUEUED)
IN_LINE: Final = (Status.QUEUED, Status.SENDING)
TOO_OLD_AFTER: Final = timedelta(hours=24)

TIME_OF: Final[dict[Status, str]] = {
    Status.UNCONFIRMED: "unconfirmed_at",
    Status.CANCELLED: "cancelled_at",
    Status.FAILED: "failed_at",
    Status.BLOCKED: "blocked_at",
    Status.SENT: "sent_at",
    Status.DELIVERED: "delivered_at",
    Status.UNDELIVERED: "undelivered_at",
}
"""The column that keeps when each fact happened. `sending_at` is the last attempt's, and is taken back by `release`."""

_PLACE = {status: place for place, status in enumerate(RANKS)}
_NO_RECEIPT = uuid.UUID(int=0)
_COLUMNS = (
    "id", "organization_id", "conversation_id", "number_id", "kind", "accepted_at", "status", "reason",
    "carrier_code", "blocked_by", "carrier_message_id", "status_event_at", "status_receipt_id", *TIME_OF.values(),
)  # fmt: skip


class Overtaken(Exception):  # noqa: N818
    """A row changed although its lock was held: nothing of the transaction may stand."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that became known of a text. `at` is when it happened: the carrier's time for receipts, else ours."""

    status: Status
    at: datetime
    reason: str = ""
    carrier_code: str = ""
    blocked_by: str = ""
    receipt_id: uuid.UUID | None = None
    carrier_message_id: str = ""


def learned(row: Any, fact: Fact) -> dict[str, Any]:
    """The columns of a row (anything with a Message's attributes) that a fact changes, and their new values."""
    changes: dict[str, Any] = {}
    column = TIME_OF[fact.status]
    if getattr(row, column) is None or fact.at < getattr(row, column):
        changes[column] = fact.at
    # A carrier gives one id. Should it ever give two, the lower one stays, whichever came first.
    if fact.carrier_message_id and fact.carrier_message_id < (row.carrier_message_id or "\U0010ffff"):
        changes["carrier_message_id"] = fact.carrier_message_id
    if _decides(row, fact):
        changes |= {
            "status": fact.status,
            "reason": fact.reason,
            "carrier_code": fact.carrier_code,
            "blocked_by": fact.blocked_by,
            "status_event_at": fact.at,
            "status_receipt_id": fact.receipt_id,
        }
    return changes


def _decides(row: Any, fact: Fact) -> bool:
    """Whether the fact outranks what the row says, or is the earlier of two facts of one status."""
    known, claimed = _PLACE[Status(row.status)], _PLACE[fact.status]
    if known != claimed or row.status_event_at is None:
        return claimed >= known
    return (fact.at, fact.receipt_id or _NO_RECEIPT) < (row.status_event_at, row.status_receipt_id or _NO_RECEIPT)


def advance(message_id: uuid.UUID, fact: Fact, *, now: datetime | None = None) -> bool:
    """Write a fact of one outbound text; True when it moved the status. Its other columns are written either way."""
    return message_id in advance_all({message_id: fact}, now=now)


def advance_all(facts: Mapping[uuid.UUID, Fact], *, now: datetime | None = None) -> set[uuid.UUID]:
    """`advance` for one fact each of many texts; the ids of those whose status moved."""
    now = now or clock.database_now()
    with transaction.atomic():
        rows = _locked(Message.objects.filter(pk__in=facts, direction=Direction.OUTBOUND))
        return _learn(rows, facts, now)


def settle_waiting(message_ids: Iterable[uuid.UUID], fact: Fact, *, now: datetime) -> set[uuid.UUID]:
    """Block or fail texts that still wait; those on the wire or beyond are left alone. The ids that moved."""
    return _settle(Message.objects.filter(pk__in=list(message_ids)), fact, now)


def block_waiting(
    organization_id: uuid.UUID, counterpart: str, *, number_id: uuid.UUID | None = None, at: datetime
) -> set[uuid.UUID]:
    """Block what people wrote and still waits for a person who opted out. Call it before locking a conversation."""
    waiting = Message.objects.filter(organization_id=organization_id, counterpart=counterpart, kind=Kind.PERSON)
    if number_id is not None:
        waiting = waiting.filter(number_id=number_id)
    fact = Fact(Status.BLOCKED, at, reason=Reason.OPTED_OUT, blocked_by=BlockedBy.PLATFORM)
    return _settle(waiting, fact, at)


def cancel(message_id: uuid.UUID, *, now: datetime) -> bool:
    """Cancel a text before its first attempt. False: too late."""
    return bool(_settle(Message.objects.filter(pk=message_id, attempts=0), Fact(Status.CANCELLED, now), now))


def after_restore(now: datetime, limit: int = 500) -> int:
    """Of a database that came out of a backup: a batch of what was in line becomes unconfirmed. How many; 0: all did.

    It may have been sent after the backup was made, so it is never sent again by itself. So may a scheduled text whose
    time came meanwhile, and it takes its place in its conversation first. Nobody holds it any more:
    its sender may decide to send it again. Nobody else is at work meanwhile.
    """
    while enqueue_scheduled(now, limit):
        pass
    in_line = Message.objects.filter(IS_IN_LINE, direction=Direction.OUTBOUND).order_by("pk")
    ids = list(in_line.values_list("pk", flat=True)[:limit])
    with transaction.atomic():
        moved = advance_all({pk: Fact(Status.UNCONFIRMED, now) for pk in ids}, now=now)
        Message.objects.filter(pk__in=moved).update(lease_token=None, leased_until=None, retry_at=None)
    return len(moved)


def expire(now: datetime, limit: int = 500) -> set[uuid.UUID]:
    """Fail texts that were due more than 24 hours ago and that no worker holds. At most `limit` a call."""
    old = Message.objects.filter(status=Status.QUEUED, due_at__lt=now - TOO_OLD_AFTER).filter(lease_free(now))
    fact = Fact(Status.FAILED, now, reason=Reason.TOO_OLD)
    return _settle(old, fact, now, limit=limit)


def lapse(now: datetime, limit: int = 500) -> set[uuid.UUID]:
    """Texts whose worker vanished while sending: the carrier may have them. Never resent. At most `limit` a call."""
    with transaction.atomic():
        lapsed = Message.objects.filter(lease_over(now), status=Status.SENDING)
        rows = _locked_if_free(lapsed, "leased_until", limit)
        fact = Fact(Status.UNCONFIRMED, now)
        return _learn(rows, {row.pk: fact for row in rows}, now)


def lease_free(now: datetime) -> Q:
    """Texts that no worker holds."""
    return Q(leased_until__isnull=True) | Q(leased_until__lte=now)


def lease_over(now: datetime) -> Q:
    """Texts whose lease ran out."""
    return IS_IN_LINE & Q(leased_until__lte=now)


def begin_sending(
    texts: Collection[Message], lease_token: uuid.UUID, *, account_id: uuid.UUID, at: datetime, until: datetime
) -> None:
    """Commit, just before their bytes go out, that these texts are on the wire until at most `until`.

    A compare-and-set on the lease: raises Overtaken when one of them is no longer queued under it. The caller
    touches the conversations, before, for its whole batch.
    """
    ids = [text.pk for text in texts]
    held = Message.objects.filter(pk__in=ids, status=Status.QUEUED, lease_token=lease_token, leased_until__gt=at)
    begun = held.update(
        status=Status.SENDING,
        sending_at=at,
        status_event_at=at,
        leased_until=until,
        retry_at=None,
        carrier_account_id=account_id,
        attempts=F("attempts") + 1,
    )
    if begun != len(ids):
        raise Overtaken


def release(message_id: uuid.UUID, lease_token: uuid.UUID, retry_at: datetime, *, now: datetime) -> bool:
    """Put a text that the carrier cannot have back into the queue, not to be tried before `retry_at`.

    False: its lease is not ours any more, or a receipt says that the carrier has it after all.
    """
    receipts = Receipt.objects.filter(message_id=OuterRef("pk"))
    mine = Message.objects.filter(~Exists(receipts), pk=message_id, status=Status.SENDING, lease_token=lease_token)
    with transaction.atomic():
        released = mine.update(
            status=Status.QUEUED,
            sending_at=None,
            status_event_at=None,
            lease_token=None,
            leased_until=None,
            retry_at=retry_at,
        )
        if released:
            text = Message.objects.only("conversation_id", "number_id").get(pk=message_id)
            touch({text.conversation_id} if text.conversation_id else (), now)
            pacing.look_again([text.number_id], retry_at)
    return bool(released)


def give_up(message_id: uuid.UUID, lease_token: uuid.UUID, *, now: datetime) -> None:
    """What could not be released although it was not taken: unconfirmed, if it is still `sending` under this lease."""
    with transaction.atomic():
        rows = _locked(Message.objects.filter(pk=message_id, status=Status.SENDING, lease_token=lease_token))
        _learn(rows, {message_id: Fact(Status.UNCONFIRMED, now)}, now)


def enqueue_scheduled(now: datetime, limit: int = 500) -> int:
    """Give scheduled texts that are due their place in their conversation. How many; at most `limit` a call."""
    with transaction.atomic():
        due = Message.objects.filter(status=Status.SCHEDULED, due_at__lte=now)
        rows = _locked_if_free(due, "due_at", limit)
        conversations = _conversations_locked(rows)
        for row in sorted(rows, key=lambda row: (row.due_at, row.pk)):
            seq = _next_seq(conversations, row)
            Message.objects.filter(pk=row.pk).update(status=Status.QUEUED, seq=seq)
        for conversation in conversations.values():
            conversation.save(update_fields=["last_seq"])
        touch(conversations, now)
        pacing.look_again({row.number_id for row in rows}, now)
    return len(rows)


def _conversations_locked(rows: Iterable[Message]) -> dict[uuid.UUID, Conversation]:
    ids = {row.conversation_id for row in rows if row.conversation_id}
    locked = Conversation.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    return {conversation.pk: conversation for conversation in locked}


def _next_seq(conversations: Mapping[uuid.UUID, Conversation], row: Message) -> int | None:
    """The row's place in its conversation, taken from the conversation; none for a text outside of one."""
    if row.conversation_id is None:
        return None
    conversation = conversations[row.conversation_id]
    conversation.last_seq += 1
    return conversation.last_seq


def _settle(texts: QuerySet[Message], fact: Fact, now: datetime, limit: int | None = None) -> set[uuid.UUID]:
    """Write one decision of ours on those of the texts that wait; with a limit, skip what others hold."""
    with transaction.atomic():
        waiting = texts.filter(IS_WAITING, direction=Direction.OUTBOUND)
        rows = _locked(waiting) if limit is None else _locked_if_free(waiting, "due_at", limit)
        return _learn(rows, {row.pk: fact for row in rows}, now)


def _locked(texts: QuerySet[Message]) -> list[Message]:
    """The rows, locked in order of id. Where there are no row locks (SQLite) the transaction is the only writer."""
    return list(texts.select_for_update(no_key=True).only(*_COLUMNS).order_by("pk"))


def _locked_if_free(texts: QuerySet[Message], order: str, limit: int) -> list[Message]:
    """The first rows, by the column that an index has them in; those that others hold are skipped, nobody waits."""
    free = texts.select_for_update(no_key=True, skip_locked=True).only(*_COLUMNS, "due_at")
    return list(free.order_by(order)[:limit])


def _learn(rows: Collection[Message], facts: Mapping[uuid.UUID, Fact], now: datetime) -> set[uuid.UUID]:
    """Write what locked rows learn; touch the conversations where it shows, and look again where a line moved on."""
    changes = {row.pk: learned(row, facts[row.pk]) for row in rows}
    _write(rows, changes)
    outcomes.note(_moves(rows, changes))
    shown = [row for row in rows if changes[row.pk].keys() - {"carrier_message_id"}]
    touch({row.conversation_id for row in shown if row.conversation_id}, now)
    moved = [row for row in rows if changes[row.pk].get("status", row.status) != row.status]
    _look_at_followers({row.number_id for row in moved if row.status in IN_LINE}, now)
    return {row.pk for row in moved}


def _moves(rows: Iterable[Message], changes: Mapping[uuid.UUID, dict[str, Any]]) -> list[outcomes.Move]:
    """Where a status, or its reason, is another than before. The rows still say what they were read with."""
    return [
        (row, row.status, row.reason, change["status"], change["reason"])
        for row in rows
        if "status" in (change := changes[row.pk])
    ]


def _look_at_followers(number_ids: Collection[uuid.UUID], now: datetime) -> None:
    """Where a text left the line, the one behind it may be next: look again at numbers with more to send."""
    if number_ids:
        waiting = Message.objects.filter(
            number_id=OuterRef("pk"), status=Status.QUEUED, due_at__lte=now, due_at__gte=now - TOO_OLD_AFTER
        )
        numbers = SendingNumber.objects.filter(Exists(waiting), pk__in=number_ids)
        pacing.look_again(list(numbers.values_list("pk", flat=True)), now)


def _write(rows: Iterable[Message], changes: Mapping[uuid.UUID, dict[str, Any]]) -> None:
    """One UPDATE for all rows that learn the same, compare-and-set on the status they had."""
    alike: dict[Any, list[uuid.UUID]] = defaultdict(list)
    for row in rows:
        shared = {name: value for name, value in changes[row.pk].items() if name != "carrier_message_id"}
        if changes[row.pk]:
            alike[row.status, tuple(shared.items())].append(row.pk)
    for (status, shared), ids in alike.items():
        values = dict(shared) | _carrier_ids({pk: changes[pk] for pk in ids})
        if Message.objects.filter(pk__in=ids, status=status).update(**values) != len(ids):
            raise Overtaken


def _carrier_ids(changes: Mapping[uuid.UUID, dict[str, Any]]) -> dict[str, Any]:
    """Each row's own carrier id, as one expression."""
    named = {pk: change["carrier_message_id"] for pk, change in changes.items() if "carrier_message_id" in change}
    if not named:
        return {}
    whens = [When(pk=pk, then=Value(identifier)) for pk, identifier in named.items()]
    return {"carrier_message_id": Case(*whens, default=F("carrier_message_id"))}
