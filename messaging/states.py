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
holds a conversation's lock must not wait for a message's: so a STOP blocks what waits before its own text is filed, and
locks its own conversation together with those that lose a text.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import structlog
from django.db import DataError, IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from messaging import clock, counts, outcomes, pacing
from messaging.changes import lock, touch
from messaging.models import Conversation, Message, Receipt
from messaging.models.messages import IS_IN_LINE, IS_WAITING, BlockedBy, Direction, Kind, Status
from messaging.reasons import Reason
from messaging.statements import Statement, distinct

logger = structlog.get_logger(__name__)

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
_WHOSE: Final = {
    "id": "uuid", "organization_id": "uuid", "conversation_id": "uuid", "number_id": "uuid", "user_id": "uuid",
    "kind": "text", "accepted_at": "time",
}  # fmt: skip
_LEARNS: Final = {
    "status": "text", "reason": "text", "carrier_code": "text", "blocked_by": "text", "carrier_message_id": "text",
    "status_event_at": "time", "status_receipt_id": "uuid", **dict.fromkeys(TIME_OF.values(), "time"),
}  # fmt: skip
_KNOWN: Final = {**_WHOSE, **_LEARNS}


class Row(NamedTuple):
    """What the state machine reads of a text, in the order of `_KNOWN`."""

    id: uuid.UUID
    organization_id: uuid.UUID
    conversation_id: uuid.UUID | None
    number_id: uuid.UUID
    user_id: uuid.UUID | None
    kind: str
    accepted_at: datetime
    status: str
    reason: str
    carrier_code: str
    blocked_by: str
    carrier_message_id: str
    status_event_at: datetime | None
    status_receipt_id: uuid.UUID | None
    unconfirmed_at: datetime | None
    cancelled_at: datetime | None
    failed_at: datetime | None
    blocked_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    undelivered_at: datetime | None


_LOCK: Final = Statement(
    f"SELECT {', '.join(_KNOWN)} FROM messaging_message WHERE id {{in ids}} AND direction = 'out' ORDER BY id {{lock}}",  # noqa: S608  (names of ours)
    answers=_KNOWN,
)
_WRITE: Final = Statement(
    "UPDATE messaging_message AS stored SET "  # noqa: S608  (names of ours)
    + ", ".join(f"{name} = given.{name}" for name in _LEARNS)
    + " FROM {given} WHERE stored.id = given.id AND stored.status = given.was",
    given={"id": "uuid", "was": "text", **_LEARNS},
)
_BEGIN: Final = Statement(
    """
    UPDATE messaging_message SET status = 'sending', sending_at = %(at)s, status_event_at = %(at)s,
        leased_until = %(until)s, retry_at = NULL, carrier_account_id = %(account)s, attempts = attempts + 1
    WHERE id {in ids} AND status = 'queued' AND lease_token = %(token)s AND leased_until > %(at)s
    """
)
_FOLLOWED: Final = Statement(
    """
    SELECT number.number_id FROM messaging_sendingnumber number WHERE number.number_id {in ids}
    AND EXISTS (
        SELECT 1 FROM messaging_message m {by messages_waiting} WHERE m.number_id = number.number_id
        AND (m.status = 'scheduled' OR m.status = 'queued') AND m.status = 'queued'
        AND m.due_at <= %(now)s AND m.due_at >= %(oldest)s
    ) ORDER BY number.number_id {lock of number}
    """,
    answers={"number_id": "uuid"},
)


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
    return learn_all({text_id: (fact,) for text_id, fact in facts.items()}, now=now)


def learn_all(facts: Mapping[uuid.UUID, Sequence[Fact]], *, now: datetime | None = None) -> set[uuid.UUID]:
    """Any number of facts of many texts, in as many statements as one fact of one; the ids of those that moved."""
    if not facts:
        return set()
    now = now or clock.database_now()
    with transaction.atomic():
        rows = [Row._make(row) for row in _LOCK.rows(ids=list(facts))]
        return _learn(rows, facts, now)


def settle_waiting(message_ids: Iterable[uuid.UUID], fact: Fact, *, now: datetime) -> set[uuid.UUID]:
    """Block or fail texts that still wait; those on the wire or beyond are left alone. The ids that moved."""
    return _settle(Message.objects.filter(pk__in=list(message_ids)), fact, now)


def block_waiting(
    organization_id: uuid.UUID,
    counterpart: str,
    *,
    number_id: uuid.UUID | None = None,
    conversation_id: uuid.UUID | None = None,
    at: datetime,
) -> dict[uuid.UUID, uuid.UUID]:
    """Block what people wrote and still waits for a person who opted out: the texts that moved, each with its number.

    Locks messages, then conversations (that of the STOP itself, `conversation_id`, among them), and no number, which
    come last: whoever calls this lets the relay look at those numbers again once everything else is locked.
    """
    waiting = Message.objects.filter(
        IS_WAITING, organization_id=organization_id, counterpart=counterpart, kind=Kind.PERSON
    )
    if number_id is not None:
        waiting = waiting.filter(number_id=number_id)
    fact = Fact(Status.BLOCKED, at, reason=Reason.OPTED_OUT, blocked_by=BlockedBy.PLATFORM)
    with transaction.atomic():
        rows = _locked(waiting.filter(direction=Direction.OUTBOUND))
        lock(distinct([conversation_id, *(row.conversation_id for row in rows)]))
        moved = _write_down(rows, {row.id: (fact,) for row in rows}, at)
    return {row.id: row.number_id for row in moved}


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
    """Texts whose worker vanished while sending: the carrier may have them. Never resent. At most `limit` a call.

    If one of them cannot be written, each is tried by itself: it is the only one that stays as it is.
    """
    try:
        return _lapse(_lapsed(now), now, limit)
    except (DataError, IntegrityError):
        moved = set[uuid.UUID]()
        for message_id in list(_lapsed(now).order_by("leased_until").values_list("pk", flat=True)[:limit]):
            try:
                moved |= _lapse(_lapsed(now).filter(pk=message_id), now, 1)
            except (DataError, IntegrityError) as error:
                # By name only: a database's error text may quote the row.
                logger.error("lapse_not_written", message=str(message_id), error=type(error).__name__)  # noqa: TRY400
        return moved


def _lapsed(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(lease_over(now), status=Status.SENDING)


def _lapse(lapsed: QuerySet[Message], now: datetime, limit: int) -> set[uuid.UUID]:
    with transaction.atomic():
        rows = _locked_if_free(lapsed, "leased_until", limit)
        fact = Fact(Status.UNCONFIRMED, now)
        return _learn(rows, {row.id: (fact,) for row in rows}, now)


def lease_free(now: datetime) -> Q:
    """Texts that no worker holds."""
    return Q(leased_until__isnull=True) | Q(leased_until__lte=now)


def lease_over(now: datetime) -> Q:
    """Texts whose lease ran out."""
    return IS_IN_LINE & Q(leased_until__lte=now)


class Leased(Protocol):
    """A text that a worker holds."""

    @property
    def id(self) -> uuid.UUID: ...


def begin_sending(
    texts: Collection[Leased], lease_token: uuid.UUID, *, account_id: uuid.UUID, at: datetime, until: datetime
) -> None:
    """Commit, just before their bytes go out, that these texts are on the wire until at most `until`.

    A compare-and-set on the lease: raises Overtaken when one of them is no longer queued under it. Conversations are
    not touched: most texts are answered before a browser could show it; the relay touches those that are not.
    """
    ids = [text.id for text in texts]
    begun = _BEGIN.run(ids=ids, token=lease_token, account=account_id, at=at, until=until)
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
        _learn(rows, {message_id: (Fact(Status.UNCONFIRMED, now),)}, now)


def enqueue_scheduled(now: datetime, limit: int = 500) -> int:
    """Give scheduled texts that are due their place in their conversation. How many; at most `limit` a call."""
    with transaction.atomic():
        due = Message.objects.filter(status=Status.SCHEDULED, due_at__lte=now).order_by("due_at")
        free = due.select_for_update(no_key=True, skip_locked=True).only("id", "conversation_id", "number_id", "due_at")
        rows = list(free[:limit])
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
        return _learn(rows, {row.id: (fact,) for row in rows}, now)


def _locked(texts: QuerySet[Message]) -> list[Row]:
    """The rows, locked in order of id. Where there are no row locks (SQLite) the transaction is the only writer."""
    return _rows(texts.select_for_update(no_key=True).order_by("pk"))


def _locked_if_free(texts: QuerySet[Message], order: str, limit: int) -> list[Row]:
    """The first rows, by the column that an index has them in; those that others hold are skipped, nobody waits."""
    return _rows(texts.select_for_update(no_key=True, skip_locked=True).order_by(order)[:limit])


def _rows(texts: QuerySet[Message]) -> list[Row]:
    return [Row._make(row) for row in texts.values_list(*_KNOWN)]


def _learn(rows: Collection[Row], facts: Mapping[uuid.UUID, Iterable[Fact]], now: datetime) -> set[uuid.UUID]:
    """Write what locked rows learn, and look again where a line moved on; the ids of those that moved."""
    moved = _write_down(rows, facts, now)
    look_at_followers({row.number_id for row in moved if row.status in IN_LINE}, now)
    return {row.id for row in moved}


def _write_down(rows: Collection[Row], facts: Mapping[uuid.UUID, Iterable[Fact]], now: datetime) -> list[Row]:
    """Write what locked rows learn, and touch the conversations where it shows; those that moved, as they were."""
    ends = [(row, _end(row, facts[row.id])) for row in rows]
    changed = [(row, end) for row, end in ends if end != row]
    _write(changed)
    outcomes.note(_moves(changed))
    shown = {row.conversation_id for row, end in changed if _shows(row, end)}
    touch(distinct(shown), now)
    counts.note_failures(_failures(changed))
    return [row for row, end in changed if end.status != row.status]


def _end(row: Row, facts: Iterable[Fact]) -> Row:
    """The row as it is once it learned these facts, in whatever order."""
    for fact in facts:
        changes = learned(row, fact)
        if changes:
            row = row._replace(**changes)
    return row


def _shows(row: Row, end: Row) -> bool:
    """Whether more is another than the carrier's id, which nobody sees."""
    return row._replace(carrier_message_id=end.carrier_message_id) != end


def _moves(changed: Iterable[tuple[Row, Row]]) -> list[outcomes.Move]:
    """Where a status, or its reason, is another than before."""
    return [
        (row, row.status, row.reason, end.status, end.reason)
        for row, end in changed
        if (row.status, row.reason) != (end.status, end.reason)
    ]


def _failures(changed: Iterable[tuple[Row, Row]]) -> list[Row]:
    """Texts that the carrier's word made a failure just now: refused, blocked by it, or not delivered."""
    return [
        end
        for row, end in changed
        if end.status != row.status
        and (end.status == Status.UNDELIVERED or (end.carrier_code and end.status in (Status.FAILED, Status.BLOCKED)))
    ]


def look_at_followers(number_ids: Collection[uuid.UUID], now: datetime) -> None:
    """Where a text left the line, the one behind it may be next: look again at numbers with more to send."""
    if number_ids:
        found = _FOLLOWED.rows(ids=number_ids, now=now, oldest=now - TOO_OLD_AFTER)
        pacing.look_again_at_locked([number_id for (number_id,) in found], now)


def _write(changed: Collection[tuple[Row, Row]]) -> None:
    """One UPDATE, compare-and-set on the status that each row had."""
    rows = [(row.id, row.status, *end[len(_WHOSE) :]) for row, end in changed]
    if _WRITE.write(rows) != len(rows):
        raise Overtaken
