"""What an export says of one text: the same columns in every format, as of the snapshot.

Compliance sees everything that was retained: texts withheld from the user with the reason, refused ones, automatic
replies. Times are UTC, ISO 8601 with microseconds; numbers E.164 as stored; an empty value is null (CSV: empty).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from compliance.as_of import as_of
from messaging.models import Message, Receipt

COLUMNS = (
    "message_id", "conversation_id", "accepted_at", "direction", "kind", "user_id", "user_name", "user_email",
    "own_number", "other_number", "body", "status", "reason", "blocked_by", "withheld", "segments", "encoding",
    "sent_at", "delivered_at", "undelivered_at", "failed_at", "blocked_at", "cancelled_at", "unconfirmed_at",
    "resend_of", "in_reply_to", "carrier", "carrier_message_id", "carrier_code",
)  # fmt: skip
ERROR_COLUMNS = ("message_id", "accepted_at", "code")


def record_of(message: Message, receipts: Sequence[Receipt], snapshot: datetime) -> dict[str, Any]:
    """One text as it was known at the snapshot. ValueError when it can't be told."""
    known = as_of(message, receipts, snapshot)
    user = message.user
    values = (
        str(message.pk), _id(message.conversation_id), _utc(message.accepted_at), message.direction, message.kind,
        _id(message.user_id), user and user.display_name, user and user.email,
        message.own_e164, message.counterpart, message.body, known.status, known.reason, known.blocked_by,
        message.withheld, message.segments, message.encoding,
        _utc(known.sent_at), _utc(known.delivered_at), _utc(known.undelivered_at), _utc(known.failed_at),
        _utc(known.blocked_at), _utc(known.cancelled_at), _utc(known.unconfirmed_at),
        _id(message.resend_of_id), _id(message.in_reply_to_id),
        message.carrier_account and message.carrier_account.carrier, known.carrier_message_id, known.carrier_code,
    )  # fmt: skip
    return {
        column: None if value == "" and column != "body" else value
        for column, value in zip(COLUMNS, values, strict=True)
    }


def _id(value: Any) -> str | None:
    return None if value is None else str(value)


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")
