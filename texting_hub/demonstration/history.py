"""Writes the conversations: finished texts with the times of their facts, as the relay would have left them.

Nothing here is queued, so nothing of it goes to the carrier. Rows are made whole; no status is changed afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from messaging.models import CarrierAccount, Conversation, Message, OptOut
from messaging.models.messages import Direction, Kind, Status
from messaging.segments import measure
from provisioning.models import User
from provisioning.models.choices import fold
from texting_hub.demonstration.conversations import OPTED_OUT, THREADS, Line, Thread


def write_history(account: CarrierAccount, now: datetime) -> None:
    """Every thread, and the opt-out that one of them tells of."""
    for thread in THREADS:
        user = User.objects.select_related("organization", "primary_number").get(email=thread.email)
        _write_thread(thread, user, account, now)


def _write_thread(thread: Thread, user: User, account: CarrierAccount, now: datetime) -> None:
    number = user.primary_number
    newest = now - thread.lines[-1].ago
    conversation = Conversation.objects.create(
        organization_id=number.organization_id, user=user, number=number, own_e164=number.e164,
        counterpart=thread.counterpart, last_seq=len(thread.lines), unread_count=thread.unread, changed_at=newest,
    )  # fmt: skip
    written = _write_lines(thread.lines, conversation, account, now)
    conversation.last_message = written[-1]
    conversation.save(update_fields=["last_message"])
    if thread.counterpart == OPTED_OUT:
        stop = next(message for message in written if message.direction == Direction.INBOUND)
        OptOut.objects.create(
            organization_id=number.organization_id, counterpart=thread.counterpart, keyword=fold(stop.body),
            opted_out_at=stop.accepted_at,
        )  # fmt: skip


def _write_lines(
    lines: Sequence[Line], conversation: Conversation, account: CarrierAccount, now: datetime
) -> list[Message]:
    """In order; an automatic reply answers the text before it."""
    written: list[Message] = []
    for seq, line in enumerate(lines, start=1):
        message = _message(line, conversation, account, now - line.ago)
        message.seq = seq
        if line.kind == Kind.AUTOMATIC:
            message.in_reply_to = written[-1]
        message.save(force_insert=True)
        written.append(message)
    return written


def _message(line: Line, conversation: Conversation, account: CarrierAccount, at: datetime) -> Message:
    measured = measure(line.body)
    inbound = line.status == Status.RECEIVED
    message = Message(
        organization_id=conversation.organization_id, user=conversation.user, number=conversation.number,
        conversation=conversation, own_e164=conversation.own_e164, counterpart=conversation.counterpart,
        direction=Direction.INBOUND if inbound else Direction.OUTBOUND, kind=line.kind, status=line.status,
        body=line.body, search_text=fold(line.body), encoding=measured.encoding, segments=measured.segments,
        reason=line.reason, carrier_account=account, accepted_at=at, due_at=at,
        **({} if inbound else _facts(line.status, at)),
    )  # fmt: skip
    message.carrier_message_id = f"demo-{message.pk}" if line.status != Status.UNCONFIRMED else ""
    return message


def _facts(status: str, at: datetime) -> dict[str, Any]:
    """When each thing that is known of an outbound text happened."""
    facts: dict[str, Any] = {"attempts": 1, "sending_at": at}
    if status == Status.UNCONFIRMED:
        return facts | {"unconfirmed_at": at + timedelta(seconds=10)}
    facts["sent_at"] = at + timedelta(seconds=1)
    if status == Status.SENT:
        return facts
    known = at + timedelta(seconds=4)
    return facts | {f"{status}_at": known, "status_event_at": known}
