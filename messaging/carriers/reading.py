"""Reading what carriers say. Whatever they send, these find a usable value or say that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

from messaging.carriers.base import Unconfirmed
from messaging.carriers.wire import Reply
from messaging.reasons import Reason

logger = structlog.get_logger(__name__)

LONGEST_ID: Final = 128
LONGEST_CODE: Final = 32

BLOCKS: Final = frozenset({
    Reason.OPTED_OUT, Reason.SPAM_BLOCKED, Reason.SENDER_BLOCKED, Reason.CONTENT_REJECTED, Reason.UNREGISTERED,
})  # fmt: skip
"""Refusals that are the carrier's decision about the sender or the text: Blocked. The others are Failed."""


def blocked_by(reason: Reason) -> str:
    """Who decided, for a refusal with this reason: the carrier, or nobody."""
    return "carrier" if reason in BLOCKS else ""


def reason_of(codes: Mapping[str, Reason], code: str, carrier: str) -> Reason:
    """Our reason for one of a carrier's codes; an unknown one is logged for the operator."""
    if code not in codes:
        logger.warning("unknown_carrier_code", carrier=carrier, code=code)
    return codes.get(code, Reason.CARRIER_REJECTED)


def document(reply: Reply) -> Mapping[str, Any]:
    """The JSON object of a reply; an empty one when there is none, whatever the body is."""
    try:
        found = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def as_code(value: object) -> str:
    """A code that comes as text or as a whole number; empty when it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:LONGEST_CODE]


def carrier_id(reply: Reply, field: str) -> str:
    """The carrier's id in its answer "taken". Without a usable one it is not this carrier that spoke: Unconfirmed."""
    identifier = document(reply).get(field)
    if not is_name(identifier):
        raise Unconfirmed(f"HTTP {reply.status} without an id")
    return str(identifier)


def retry_after(reply: Reply) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3); no carrier of ours uses a date."""
    value = reply.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def text(entry: Mapping[str, Any], name: str) -> str:
    """Raises KeyError, TypeError."""
    value = entry[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def name(entry: Mapping[str, Any], field: str) -> str:
    """A number, an id or a reference. Raises KeyError, TypeError, ValueError."""
    value = text(entry, field)
    if not is_name(value):
        raise ValueError(field)
    return value


def is_name(value: object) -> bool:
    """Printable, not empty, not longer than our columns."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()


def moment(value: str) -> datetime:
    """An ISO 8601 time with its zone, in UTC. Raises ValueError, TypeError, OverflowError."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("no time zone")
    return at.astimezone(UTC)
