"""A text as it was known at a moment: the status, its reason and its times, without what became known later.

Status is the highest-ranked fact known (messaging/states.py), so the row at an earlier moment is what the same rule
makes of the facts known by then. Our own facts (sent, failed, blocked ...) are known from the time they happened. A
receipt is known from when it came in, whatever the time on it: what a carrier says late does not change an export
whose snapshot was earlier.

A row keeps the reason of its present status only. For a fact of ours that a later one outranked, the reason of that
time is gone and is left empty; receipts keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.models import Message, Receipt
from messaging.models.messages import Direction, Status
from messaging.receipts import CLAIMS, fact_of
from messaging.states import RANKS, TIME_OF, WAITING, Fact, learned

OURS = (Status.UNCONFIRMED, Status.CANCELLED, Status.FAILED, Status.BLOCKED, Status.SENT)
"""Statuses that we ourselves can find out; receipts claim sent, delivered and undelivered."""


@dataclass(slots=True)
class Known:
    """What was known of a text: the columns of Message that facts write."""

    status: str
    reason: str = ""
    carrier_code: str = ""
    blocked_by: str = ""
    carrier_message_id: str = ""
    status_event_at: datetime | None = None
    status_receipt_id: UUID | None = None
    unconfirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    failed_at: datetime | None = None
    blocked_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    undelivered_at: datetime | None = None


def as_of(message: Message, receipts: Sequence[Receipt], moment: datetime) -> Known:
    """What was known of `message` at `moment`; `receipts` are all of its receipts, in any order."""
    if message.direction == Direction.INBOUND:
        return Known(status=message.status, carrier_message_id=message.carrier_message_id)
    known = Known(status=_before_any_fact(message, moment))
    for fact in _facts(message, receipts, moment):
        for name, value in learned(known, fact).items():
            setattr(known, name, value)
    if not known.carrier_message_id and RANKS[Status(known.status)] >= RANKS[Status.SENT]:
        known.carrier_message_id = message.carrier_message_id
    return known


def _before_any_fact(message: Message, moment: datetime) -> str:
    """Where the text stood between compose and the first fact."""
    if message.status in WAITING:
        return message.status
    on_the_wire = message.sending_at is not None and message.sending_at <= moment
    return Status.SENDING if on_the_wire else Status.QUEUED


def _facts(message: Message, receipts: Sequence[Receipt], moment: datetime) -> Iterator[Fact]:
    for receipt in receipts:
        if receipt.claim in CLAIMS and receipt.received_at <= moment:
            yield fact_of(receipt)
    claimed = {receipt.claim for receipt in receipts}
    for status, column in TIME_OF.items():
        # A delivery without any receipt was brought over from elsewhere: its time is all there is.
        if status not in OURS and status in claimed:
            continue
        at = getattr(message, column) or (message.accepted_at if message.status == status else None)
        if at is not None and at <= moment:
            yield _found_out(message, status, at)


def _found_out(message: Message, status: Status, at: datetime) -> Fact:
    if message.status != status:
        return Fact(status, at)
    return Fact(status, at, reason=message.reason, carrier_code=message.carrier_code, blocked_by=message.blocked_by)
