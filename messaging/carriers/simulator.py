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
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import orjson
from django.utils.translation import gettext_lazy as _

from messaging.carriers import reading
from messaging.carriers.base import (
    PLAIN_ANSWER,
    UNKNOWN,
    Accepted,
    CannotBeAsked,
    CapabilityAnswer,
    Credential,
    Event,
    InboundText,
    MalformedWebhook,
    NotTaken,
    OutboundText,
    ReceiptEvent,
    Refused,
    Unconfirmed,
    WebhookAnswer,
    WebhookRequest,
)
from messaging.carriers.exchanges import Kept, parsed, printable
from messaging.carriers.reading import Meaning
from messaging.carriers.wire import Reply, Wire
from messaging.reasons import Reason
from provisioning.models.numbers import TextCapability

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

CAPABILITIES: Final[dict[str, TextCapability]] = {
    "capable": TextCapability.CAPABLE,
    "incapable": TextCapability.INCAPABLE,
    "pending": TextCapability.UNKNOWN,
}
CLAIMS: Final = ("sent", "delivered", "undelivered")
FRESH: Final = timedelta(minutes=5)
LONGEST_REASON: Final = 200


class SimulatedCarrier:
    """Credentials: `api_key` for texts, `webhook_secret` for what comes back."""

    label: ClassVar[str] = "Simulator"
    default_base_url: ClassVar[str] = ""
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("api_key", _("what texts are sent with")),
        Credential("webhook_secret", _("what its webhooks are signed with")),
    )
    answers_questions: ClassVar[bool] = False
    webhook_answer: ClassVar[WebhookAnswer] = PLAIN_ANSWER

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
        kept = Kept(identifiers=frozenset({"id", "code"}), body=text.body)
        return _understood(await wire.post(self._url, content=content, headers=self._headers, kept=kept))

    async def lookup(self, message_id: str, carrier_message_id: str, wire: Wire) -> ReceiptEvent | None:
        """The simulated carrier answers no such questions, as many real ones don't."""
        raise CannotBeAsked

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
        """One event or an array of them."""
        try:
            document = json.loads(request.body)
            entries = document if isinstance(document, list) else [document]
            return [_event(entry, request.received_at) for entry in entries]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise MalformedWebhook(type(error).__name__) from error


def _is_fresh(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= FRESH.total_seconds()


def _understood(reply: Reply) -> Accepted:
    """What the carrier's answer means. Raises NotTaken, Refused, Unconfirmed."""
    if reply.status == 202:
        return Accepted(reading.carrier_id(reply, "id"))
    if reply.status == 429 or (reply.status == 503 and _code(reply) == "not_taken"):
        raise NotTaken(f"HTTP {reply.status}", retry_after=reading.retry_after(reply))
    if reply.status in (401, 403):
        # Our credentials are wrong: an operator mends them, and the texts that wait go out then.
        raise NotTaken(f"HTTP {reply.status}")
    if 400 <= reply.status < 500 and reply.status != 408:
        code = _code(reply)
        raise reading.refused(meaning(code), code)
    raise Unconfirmed(f"HTTP {reply.status}")


def _code(reply: Reply) -> str:
    code = reading.document(reply).get("code")
    return reading.as_code(code) if isinstance(code, str) else ""


def _capabilities(reply: Reply) -> list[CapabilityAnswer]:
    """Raises Refused when the carrier doesn't understand the question, NotTaken when it may be asked again later."""
    if 400 <= reply.status < 500 and reply.status not in (401, 403, 408, 429):
        raise Refused(Reason.CARRIER_REJECTED, code=_code(reply))
    if reply.status != 200:
        raise NotTaken(f"HTTP {reply.status}", retry_after=reading.retry_after(reply))
    try:
        return [_capability(entry) for entry in parsed(reply.body)["numbers"]]
    except (KeyError, TypeError, ValueError) as error:
        raise NotTaken(f"HTTP 200, {type(error).__name__}") from error


def _capability(entry: Mapping[str, Any]) -> CapabilityAnswer:
    """A word that we don't know is as good as none: not yet reported."""
    found = CAPABILITIES.get(reading.text(entry, "capability"), TextCapability.UNKNOWN)
    reason = printable(" ".join(reading.text(entry, "reason").split()))
    return CapabilityAnswer(reading.name(entry, "number"), found, reason[:LONGEST_REASON])


def meaning(code: str) -> Meaning:
    """One of the carrier's codes in our words."""
    return reading.meaning(CODES, code, "simulator")


def _event(entry: Mapping[str, Any], arrived: datetime) -> Event:
    kind = reading.text(entry, "type")
    if kind not in ("message.received", "message.receipt"):
        reference, identifier = entry.get("reference"), entry.get("id")
        return reading.not_understood(
            entry, kind, reference=reference, carrier_message_id=identifier, at=entry.get("at"), arrived=arrived
        )
    at = reading.moment(entry["at"])
    if kind == "message.received":
        return InboundText(
            carrier_message_id=reading.name(entry, "id"),
            to=reading.name(entry, "to"),
            from_=reading.name(entry, "from"),
            body=reading.text(entry, "body"),
            media_count=len(entry["media"]),
            at=at,
        )
    return _receipt(entry, at)


def _receipt(entry: Mapping[str, Any], at: datetime) -> ReceiptEvent:
    status, code = reading.text(entry, "status"), reading.as_code(reading.text(entry, "code"))
    said = meaning(code) if status == "undelivered" else reading.NO_FAILURE
    return ReceiptEvent(
        our_reference=reading.name(entry, "reference") if entry["reference"] else "",
        carrier_message_id=reading.name(entry, "id"),
        claim=status if status in CLAIMS else UNKNOWN,
        code=code,
        reason=said.reason,
        at=at,
        raw=json.dumps(entry),
        known=said.known,
    )
