"""Reading what carriers say. Whatever they send, these find a usable value or say that there is none.

A usable value is one that the database takes too: a NUL or half of a surrogate pair, both possible in JSON, must not
get into a code or an id, or the outcome of a text could never be written down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import structlog

from messaging.carriers.base import UNKNOWN, ReceiptEvent, Refused, Unconfirmed
from messaging.carriers.exchanges import parsed, printable
from messaging.carriers.wire import Reply
from messaging.reasons import Reason, blocked_by

logger = structlog.get_logger(__name__)

LONGEST_ID: Final = 128
LONGEST_CODE: Final = 32
WORDS: Final = frozenset({"text", "media", "body", "subject", "content"})
"""Fields of events, of whatever type, that may hold what somebody wrote."""


class Meaning(NamedTuple):
    """What one of a carrier's codes says in our words. `known` is False for a code that is in no table."""

    reason: str
    known: bool


UNKNOWN_CODE: Final = Meaning(Reason.CARRIER_REJECTED, known=False)
NO_FAILURE: Final = Meaning("", known=True)


def meaning(codes: Mapping[str, Reason], code: str, carrier: str) -> Meaning:
    """What a code means by the carrier's table; an unknown one is logged for the operator."""
    if code in codes:
        return Meaning(codes[code], known=True)
    logger.warning("unknown_carrier_code", carrier=carrier, code=code)
    return UNKNOWN_CODE


def refused(meaning: Meaning, code: str) -> Refused:
    """The refusal that a code says."""
    return Refused(meaning.reason, code=code, blocked_by=blocked_by(meaning.reason), known=meaning.known)


def document(reply: Reply) -> Mapping[str, Any]:
    """The JSON object of a reply; an empty one when there is none, whatever the body is."""
    found = parsed(reply.body)
    return found if isinstance(found, dict) else {}


def as_code(value: object) -> str:
    """A code that comes as text or as a whole number, without what is not printable; empty when it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return printable(str(value))[:LONGEST_CODE]


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


def wordless(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event without what may be somebody's words, at any depth. Raises RecursionError."""
    return {name: _wordless(value) for name, value in entry.items() if name.lower() not in WORDS}


def _wordless(value: Any) -> Any:
    if isinstance(value, list):
        return [_wordless(one) for one in value]
    return wordless(value) if isinstance(value, dict) else value


def not_understood(
    entry: Mapping[str, Any], kind: str, *, reference: object, carrier_message_id: object, at: object, arrived: datetime
) -> ReceiptEvent:
    """An event of a type that we do not know: a receipt that claims nothing, with the type as its code.

    It is kept with whatever else can be read of it, and the operator is told: carriers add types.
    """
    try:
        said_at = moment(at) if isinstance(at, str) else None
    except (ValueError, OverflowError):
        said_at = None
    return ReceiptEvent(
        reference if isinstance(reference, str) and is_name(reference) else "",
        carrier_message_id if isinstance(carrier_message_id, str) and is_name(carrier_message_id) else "",
        UNKNOWN,
        as_code(kind),
        at=said_at or arrived,
        raw=json.dumps(wordless(entry)),
        timed=said_at is not None,
        known=False,
    )


def moment(value: str) -> datetime:
    """An ISO 8601 time with its zone, in UTC. Raises ValueError, TypeError, OverflowError."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("no time zone")
    return at.astimezone(UTC)
