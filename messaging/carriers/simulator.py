"""The carrier simulator's adapter: JSON over HTTP, the text's reference in the body, signed webhooks.

POST {base_url}/v1/messages answers 202 {"id"} (taken), 400 {"code"} (refused for good), 429 with Retry-After or
503 {"code": "not_taken"} (documented as not taken). After anything else the carrier may have the text.
POST {base_url}/v1/numbers/capability takes {"numbers": [...]} (E.164, at most 100) and answers 200 with
{"numbers": [{"number", "capability", "reason"}]}, where capability is capable, incapable or pending.
Webhooks carry one event or an array; X-Simulator-Signature is the hex HMAC-SHA256 of "timestamp.body" under the
webhook secret, and X-Simulator-Timestamp is in Unix seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import structlog

from messaging.carriers.base import (
    Accepted,
    CapabilityAnswer,
    Event,
    InboundText,
    MalformedWebhook,
    NotTaken,
    OutboundText,
    ReceiptEvent,
    Refused,
    Unconfirmed,
    WebhookRequest,
)
from messaging.carriers.wire import Reply, Wire
from messaging.reasons import Reason
from provisioning.models.numbers import TextCapability

logger = structlog.get_logger(__name__)

CODES: Final[dict[str, Reason]] = {
    "4720": Reason.INVALID_DESTINATION,
    "4721": Reason.NOT_TEXTABLE,
    "4740": Reason.OPTED_OUT,
    "4750": Reason.UNREACHABLE,
    "4770": Reason.SPAM_BLOCKED,
    "4775": Reason.SENDER_BLOCKED,
    "4780": Reason.RATE_LIMITED,
    "4790": Reason.CONTENT_REJECTED,
    "4481": Reason.UNREGISTERED,
    "4900": Reason.CARRIER_ERROR,
}
"""The carrier's codes in our words. Any other code is `carrier_rejected`, stored and alerted."""

BLOCKS: Final = frozenset({
    Reason.OPTED_OUT, Reason.SPAM_BLOCKED, Reason.SENDER_BLOCKED, Reason.CONTENT_REJECTED, Reason.UNREGISTERED,
})  # fmt: skip
"""Refusals that are the carrier's decision about the sender or the text: Blocked. The others are Failed."""

CAPABILITIES: Final[dict[str, TextCapability]] = {
    "capable": TextCapability.CAPABLE,
    "incapable": TextCapability.INCAPABLE,
    "pending": TextCapability.UNKNOWN,
}
CLAIMS: Final = ("sent", "delivered", "undelivered")
FRESH: Final = timedelta(minutes=5)
LONGEST_ID: Final = 128
LONGEST_REASON: Final = 200


class SimulatedCarrier:
    """Credentials: `api_key` for texts, `webhook_secret` for what comes back."""

    def __init__(self, base_url: str, credentials: Mapping[str, Any]) -> None:
        self._url = f"{base_url.rstrip('/')}/v1/messages"
        self._capability_url = f"{base_url.rstrip('/')}/v1/numbers/capability"
        self._headers = {
            "authorization": f"Bearer {credentials.get('api_key', '')}",
            "content-type": "application/json",
        }
        self._secret = str(credentials.get("webhook_secret", "")).encode()

    async def send(self, text: OutboundText, wire: Wire) -> Accepted:
        """One text, one exchange."""
        content = orjson.dumps(
            {
                "reference": text.message_id,
                "from": text.own_e164,
                "to": text.counterpart,
                "body": text.body,
                "callback_url": text.callback_url,
            }
        )
        return _understood(await wire.post(self._url, content=content, headers=self._headers))

    async def capability(self, numbers: Sequence[str], wire: Wire) -> list[CapabilityAnswer]:
        """What the carrier says of these numbers."""
        content = orjson.dumps({"numbers": list(numbers)})
        return _capabilities(await wire.post(self._capability_url, content=content, headers=self._headers))

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        """Whether the signature holds and is younger than five minutes (or at most five ahead of our clock)."""
        timestamp = request.headers.get("x-simulator-timestamp", "")
        if not self._secret or not _is_fresh(timestamp, now):
            return False
        signed = hmac.new(self._secret, timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(signed.encode(), request.headers.get("x-simulator-signature", "").encode())

    def parse(self, request: WebhookRequest) -> list[Event]:
        """One event or an array of them. One of a type we do not know is logged and left out: carriers add types."""
        try:
            document = json.loads(request.body)
            found = [_event(entry) for entry in (document if isinstance(document, list) else [document])]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise MalformedWebhook(type(error).__name__) from error
        return [event for event in found if event is not None]


def _is_fresh(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= FRESH.total_seconds()


def _understood(reply: Reply) -> Accepted:
    """What the carrier's answer means. Raises NotTaken, Refused, Unconfirmed."""
    if reply.status == 202:
        return Accepted(_carrier_id(reply))
    if reply.status == 429 or (reply.status == 503 and _field(reply, "code") == "not_taken"):
        raise NotTaken(f"HTTP {reply.status}", retry_after=_retry_after(reply))
    if reply.status in (401, 403):
        # Our credentials are wrong: an operator mends them, and the texts that wait go out then.
        raise NotTaken(f"HTTP {reply.status}")
    if 400 <= reply.status < 500 and reply.status != 408:
        code = _field(reply, "code")[:32]
        reason = reason_of(code)
        raise Refused(reason, code=code, blocked_by="carrier" if reason in BLOCKS else "")
    raise Unconfirmed(f"HTTP {reply.status}")


def _capabilities(reply: Reply) -> list[CapabilityAnswer]:
    """Raises Refused when the carrier doesn't understand the question, NotTaken when it may be asked again later."""
    if 400 <= reply.status < 500 and reply.status not in (401, 403, 408, 429):
        raise Refused(Reason.CARRIER_REJECTED, code=_field(reply, "code")[:32])
    if reply.status != 200:
        raise NotTaken(f"HTTP {reply.status}", retry_after=_retry_after(reply))
    try:
        return [_capability(entry) for entry in orjson.loads(reply.body)["numbers"]]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise NotTaken(f"HTTP 200, {type(error).__name__}") from error


def _capability(entry: Mapping[str, Any]) -> CapabilityAnswer:
    """A word that we don't know is as good as none: not yet reported."""
    found = CAPABILITIES.get(_text(entry, "capability"), TextCapability.UNKNOWN)
    return CapabilityAnswer(_name(entry, "number"), found, " ".join(_text(entry, "reason").split())[:LONGEST_REASON])


def _carrier_id(reply: Reply) -> str:
    """The carrier's id. A 202 without a usable one is not this carrier speaking, so the outcome is unknown."""
    identifier = _field(reply, "id")
    if not 0 < len(identifier) <= LONGEST_ID or not identifier.isprintable():
        raise Unconfirmed("HTTP 202 without an id")
    return identifier


def _field(reply: Reply, name: str) -> str:
    """A text field of a JSON reply; empty when there is none, whatever the body is."""
    try:
        value = orjson.loads(reply.body)[name]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return ""
    return value if isinstance(value, str) else ""


def _retry_after(reply: Reply) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3); a date is not used by this carrier."""
    value = reply.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def reason_of(code: str) -> Reason:
    """Our reason for one of the carrier's codes; an unknown one is logged for the operator."""
    if code not in CODES:
        logger.warning("unknown_carrier_code", carrier="simulator", code=code)
    return CODES.get(code, Reason.CARRIER_REJECTED)


def _event(entry: Mapping[str, Any]) -> Event | None:
    kind = _text(entry, "type")
    if kind not in ("message.received", "message.receipt"):
        logger.warning("unknown_webhook_type", carrier="simulator", kind=kind[:64])
        return None
    at = _moment(entry["at"])
    if kind == "message.received":
        return InboundText(
            carrier_message_id=_name(entry, "id"),
            to=_name(entry, "to"),
            from_=_name(entry, "from"),
            body=_text(entry, "body"),
            media_count=len(entry["media"]),
            at=at,
        )
    return _receipt(entry, at)


def _receipt(entry: Mapping[str, Any], at: datetime) -> ReceiptEvent:
    status, code = _text(entry, "status"), _text(entry, "code")[:32]
    return ReceiptEvent(
        our_reference=_name(entry, "reference") if entry["reference"] else "",
        carrier_message_id=_name(entry, "id"),
        claim=status if status in CLAIMS else "unknown",
        code=code,
        reason=reason_of(code) if status == "undelivered" else "",
        at=at,
        raw=json.dumps(entry),
    )


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _name(entry: Mapping[str, Any], name: str) -> str:
    """A number, an id or a reference: printable, not empty, not longer than our columns."""
    value = _text(entry, name)
    if not 0 < len(value) <= LONGEST_ID or not value.isprintable():
        raise ValueError(name)
    return value


def _moment(value: str) -> datetime:
    """An ISO 8601 time with its zone, in UTC."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("no time zone")
    return at.astimezone(UTC)
