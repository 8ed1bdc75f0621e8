"""Bandwidth, messaging version 2 (messaging.bandwidth.com).

A text is a JSON POST to {base_url}/api/v2/users/{accountId}/messages under HTTP basic authentication; 202 with an
`id` is "taken". Our id travels in `tag`, which every callback about the text returns.

What counts as not taken: 429, and 401, 403, 404, which say that the account, its credentials or its access to the
messaging API are wrong: texts wait until an operator has mended them. Bandwidth writes that 5xx answers send nothing
either; but who answers 5xx may be a proxy that has passed the request on, so they are Unconfirmed.

Callbacks are arrays of events, and each event repeats its message. They are protected by the user name and password
that the operator entered at Bandwidth, sent with HTTP basic authentication; nothing in them is signed. Bandwidth
repeats a callback for 24 hours until it is answered 2xx.
`message-delivered` means, for a text, that the carrier behind Bandwidth took it or the handset has it.
Sources: dev.bandwidth.com/docs/messaging, /docs/messaging/webhooks, /docs/messaging/errors.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

import orjson
import structlog
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
    Unconfirmed,
    WebhookAnswer,
    WebhookRequest,
)
from messaging.carriers.exchanges import Kept
from messaging.carriers.reading import Meaning
from messaging.carriers.wire import Reply, Wire
from messaging.reasons import Reason

logger = structlog.get_logger(__name__)

CODES: Final[dict[str, Reason]] = {
    # Found by Bandwidth.
    "4001": Reason.SENDER_NOT_ENABLED,  # service not allowed
    "4301": Reason.CONTENT_REJECTED,  # encoding
    "4302": Reason.SENDER_NOT_ENABLED,  # malformed From
    "4303": Reason.INVALID_DESTINATION,  # malformed To
    "4350": Reason.INVALID_DESTINATION,
    "4360": Reason.CARRIER_ERROR,  # expired in Bandwidth's queue
    "4401": Reason.INVALID_DESTINATION,  # no way to route it, as to the sender itself
    "4403": Reason.SENDER_NOT_ENABLED,
    "4404": Reason.NOT_TEXTABLE,
    "4405": Reason.SENDER_NOT_ENABLED,
    "4406": Reason.INVALID_DESTINATION,  # not assigned to any carrier
    "4407": Reason.SENDER_NOT_ENABLED,
    "4408": Reason.NOT_TEXTABLE,
    "4409": Reason.NOT_TEXTABLE,
    "4410": Reason.CONTENT_REJECTED,  # media, which we never send
    "4411": Reason.CONTENT_REJECTED,
    "4412": Reason.CONTENT_REJECTED,
    "4420": Reason.NOT_TEXTABLE,  # no route to its carrier
    "4421": Reason.DESTINATION_NOT_ALLOWED,
    "4431": Reason.DESTINATION_NOT_ALLOWED,  # short code
    "4432": Reason.DESTINATION_NOT_ALLOWED,  # country
    "4433": Reason.SENDER_NOT_ENABLED,  # toll-free not enabled
    "4434": Reason.NOT_TEXTABLE,
    "4435": Reason.CARRIER_REJECTED,  # too many recipients, which we never have
    "4451": Reason.SENDER_NOT_ENABLED,
    "4452": Reason.SENDER_NOT_ENABLED,
    "4470": Reason.SPAM_BLOCKED,
    "4475": Reason.OPTED_OUT,
    "4476": Reason.UNREGISTERED,
    "4481": Reason.SENDER_BLOCKED,
    "4482": Reason.DESTINATION_NOT_ALLOWED,  # To is on Bandwidth's block list
    "4492": Reason.EMERGENCY,
    "4493": Reason.SENDER_NOT_ENABLED,
    # Reported by the carrier behind Bandwidth.
    "4700": Reason.NOT_TEXTABLE,
    "4701": Reason.UNREACHABLE,
    "4702": Reason.UNREACHABLE,
    "4710": Reason.CONTENT_REJECTED,
    "4711": Reason.CONTENT_REJECTED,
    "4712": Reason.CONTENT_REJECTED,
    "4720": Reason.INVALID_DESTINATION,
    "4721": Reason.INVALID_DESTINATION,  # deactivated
    "4730": Reason.UNREACHABLE,  # no route, as when roaming
    "4735": Reason.CARRIER_REJECTED,
    "4740": Reason.SENDER_NOT_ENABLED,  # invalid source address
    "4750": Reason.CARRIER_REJECTED,  # rejected without saying why
    "4751": Reason.CONTENT_REJECTED,
    "4752": Reason.CONTENT_REJECTED,
    "4753": Reason.UNREACHABLE,  # rejected by the handset
    "4754": Reason.NOT_TEXTABLE,
    "4770": Reason.SPAM_BLOCKED,
    "4771": Reason.SPAM_BLOCKED,  # a shortened link
    "4772": Reason.SENDER_BLOCKED,
    "4773": Reason.UNREGISTERED,  # campaign not active
    "4774": Reason.UNREGISTERED,  # not provisioned at the carrier
    "4775": Reason.OPTED_OUT,
    "4780": Reason.RATE_LIMITED,
    "4781": Reason.RATE_LIMITED,
    "4785": Reason.RATE_LIMITED,
    "4790": Reason.SENDER_BLOCKED,
    "4791": Reason.SENDER_BLOCKED,
    "4792": Reason.UNREGISTERED,
    "4793": Reason.UNREGISTERED,
    "4794": Reason.UNREGISTERED,
    "4795": Reason.UNREGISTERED,  # toll-free number not verified
    # Failures of Bandwidth, and of the carrier behind it.
    **dict.fromkeys(
        (
            "5100", "5101", "5106", "5111", "5201", "5211", "5220", "5231", "5500", "5501", "5999",
            "5600", "5610", "5611", "5620", "5630", "5650",
        ),
        Reason.CARRIER_ERROR,
    ),
    "9902": Reason.CARRIER_ERROR,  # no delivery report came in time
    "9999": Reason.CARRIER_ERROR,
}  # fmt: skip
"""Bandwidth's codes in our words. Any other code is `carrier_rejected`, stored and alerted."""

CLAIMS: Final[dict[str, str]] = {
    "message-sending": "sent",
    "message-sent": "sent",
    "message-delivered": "delivered",
    "message-failed": "undelivered",
}
"""Types of events about our texts, in our words. Whatever is being sent was taken: `sent`."""

FOUND: Final[dict[str, str]] = {
    "QUEUED": "sent",
    "ACCEPTED": "sent",
    "SENDING": "sent",
    "SENT": "sent",
    "DELIVERED": "delivered",
    "FAILED": "undelivered",
    "UNDELIVERED": "undelivered",
}
"""messageStatus of the search, in our words."""

NO_REPORT: Final = "9902"
"""message-failed with this code only says that no delivery report came: the text was sent on, and that is all."""

KEPT: Final = Kept(
    identifiers=frozenset({"id", "messageId", "type", "messageStatus", "errorCode", "fieldName", "segmentCount"}),
    sentences=frozenset({"description"}),
)


class BandwidthCarrier:
    """One messaging application of an account."""

    label: ClassVar[str] = "Bandwidth"
    default_base_url: ClassVar[str] = "https://messaging.bandwidth.com"
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("account_id", _("account ID")),
        Credential("application_id", _("ID of the messaging application that the numbers’ location is linked to")),
        Credential("api_token", _("user name of the API credentials")),
        Credential("api_secret", _("their password")),
        Credential("callback_user", _("user ID of the application’s callbacks, chosen by you")),
        Credential("callback_password", _("their password, chosen by you")),
    )
    answers_questions: ClassVar[bool] = True
    webhook_answer: ClassVar[WebhookAnswer] = PLAIN_ANSWER

    def __init__(self, base_url: str, credentials: Mapping[str, Any]) -> None:
        given = {name: str(value) for name, value in credentials.items()}
        account = quote(given.get("account_id", ""), safe="")
        self._messages = f"{base_url.rstrip('/')}/api/v2/users/{account}/messages"
        self._application = given.get("application_id", "")
        self._headers = {
            "authorization": _basic(given.get("api_token", ""), given.get("api_secret", "")).decode(),
            "content-type": "application/json; charset=utf-8",
        }
        user, password = given.get("callback_user", ""), given.get("callback_password", "")
        self._expected = _basic(user, password) if user and password else b""

    async def send(self, text: OutboundText, wire: Wire) -> Accepted:
        """One text, one exchange."""
        content = orjson.dumps(
            {
                "applicationId": self._application,
                "to": [text.counterpart],
                "from": text.own_e164,
                "text": text.body,
                "tag": text.message_id,
            }
        )
        kept = Kept(KEPT.identifiers, KEPT.sentences, text.body)
        return _understood(await wire.post(self._messages, content=content, headers=self._headers, kept=kept))

    async def lookup(self, message_id: str, carrier_message_id: str, wire: Wire) -> ReceiptEvent | None:
        """By Bandwidth's id only: its search does not know tags."""
        if not carrier_message_id:
            raise CannotBeAsked
        url = f"{self._messages}?{urlencode({'messageId': carrier_message_id})}"
        return _found(await wire.get(url, headers=self._headers, kept=KEPT), message_id, carrier_message_id)

    async def capability(self, numbers: Sequence[str], wire: Wire) -> list[CapabilityAnswer]:
        """Which numbers can text is in Bandwidth's dashboard API, an account of another kind. An operator enters it."""
        raise CannotBeAsked

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        """Whether the callback brought the user name and the password. An account without them trusts nobody."""
        scheme, _space, encoded = request.headers.get("authorization", "").partition(" ")
        given = f"Basic {encoded.strip()}".encode(errors="surrogateescape")
        return bool(self._expected) and scheme.lower() == "basic" and hmac.compare_digest(given, self._expected)

    def parse(self, request: WebhookRequest) -> list[Event]:
        """An array of events."""
        try:
            found = json.loads(request.body)
            entries = found if isinstance(found, list) else [found]
            return [_event(entry, request.received_at) for entry in entries]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise MalformedWebhook(type(error).__name__) from error


def _event(entry: Mapping[str, Any], arrived: datetime) -> Event:
    kind = reading.text(entry, "type")
    if kind == "message-received":
        return parse_inbound(entry)
    if kind in CLAIMS:
        return parse_receipt(entry)
    message = entry.get("message")
    about = message if isinstance(message, dict) else {}
    return reading.not_understood(
        entry, kind, reference=about.get("tag"), carrier_message_id=about.get("id"), at=entry.get("time"),
        arrived=arrived,
    )  # fmt: skip


def parse_inbound(entry: Mapping[str, Any]) -> InboundText:
    """A person's text. `to` of the event is our number; `to` of the message may be a group."""
    message = entry["message"]
    return InboundText(
        carrier_message_id=reading.name(message, "id"),
        to=reading.name(entry, "to"),
        from_=reading.name(message, "from"),
        body=str(message.get("text") or ""),
        media_count=len(message.get("media") or ()),
        at=reading.moment(entry["time"]),
    )


def parse_receipt(entry: Mapping[str, Any]) -> ReceiptEvent:
    """An event about a text of ours. The body that it repeats is not kept: the text has it, and is purged with it."""
    message = entry["message"]
    said = {name: value for name, value in message.items() if name not in ("text", "media")}
    tag = message.get("tag") or ""
    claim, code = CLAIMS[entry["type"]], reading.as_code(entry.get("errorCode"))
    return _receipt(
        reading.name(message, "tag") if tag else "",
        reading.name(message, "id"),
        claim,
        code,
        at=reading.moment(entry["time"]),
        raw=json.dumps({**entry, "message": said}),
    )


def meaning(code: str) -> Meaning:
    """One of Bandwidth's codes in our words."""
    return reading.meaning(CODES, code, "bandwidth")


def _receipt(
    reference: str, carrier_message_id: str, claim: str, code: str, *, at: datetime, raw: str, timed: bool = True
) -> ReceiptEvent:
    if claim == "undelivered" and code == NO_REPORT:
        claim = "sent"
    said = meaning(code) if claim == "undelivered" else reading.NO_FAILURE
    return ReceiptEvent(
        reference, carrier_message_id, claim, code, said.reason, at=at, raw=raw, timed=timed, known=said.known
    )


def _understood(reply: Reply) -> Accepted:
    """What Bandwidth's answer means. Raises NotTaken, Refused, Unconfirmed."""
    if reply.status == 202:
        return Accepted(reading.carrier_id(reply, "id"))
    if reply.status in (401, 403, 404, 429):
        raise NotTaken(f"HTTP {reply.status}", retry_after=reading.retry_after(reply))
    if 400 <= reply.status < 500 and reply.status != 408:
        raise reading.refused(_refusal(reply), reading.as_code(reading.document(reply).get("type")))
    raise Unconfirmed(f"HTTP {reply.status}")


FIELDS: Final[dict[str, Reason]] = {
    "from": Reason.SENDER_NOT_ENABLED,
    "to": Reason.INVALID_DESTINATION,
    "text": Reason.CONTENT_REJECTED,
    "applicationId": Reason.SENDER_NOT_ENABLED,
}
"""A request that is not valid has no code, but names the field."""


def _refusal(reply: Reply) -> Meaning:
    errors = reading.document(reply).get("fieldErrors")
    for error in errors if isinstance(errors, list) else []:
        field = error.get("fieldName") if isinstance(error, dict) else None
        # A number in a list is named as in `to[0]`.
        if isinstance(field, str) and field.partition("[")[0] in FIELDS:
            return Meaning(FIELDS[field.partition("[")[0]], known=True)
    logger.warning("unknown_carrier_code", carrier="bandwidth", code=f"HTTP {reply.status}")
    return reading.UNKNOWN_CODE


def _found(reply: Reply, message_id: str, carrier_message_id: str) -> ReceiptEvent | None:
    """Raises NotTaken where the answer says nothing of the text."""
    messages = reading.document(reply).get("messages")
    if reply.status != 200 or not isinstance(messages, list):
        raise NotTaken(f"HTTP {reply.status}", retry_after=reading.retry_after(reply))
    for found in messages:
        if isinstance(found, dict) and found.get("messageId") == carrier_message_id:
            return _as_receipt(found, message_id, carrier_message_id)
    return None


def _as_receipt(found: Mapping[str, Any], message_id: str, carrier_message_id: str) -> ReceiptEvent:
    """The search tells when a text was taken, not when it arrived, so the time of asking stands in."""
    said = {name: found.get(name) for name in ("messageId", "messageStatus", "errorCode", "receiveTime")}
    claim, code = FOUND.get(str(found.get("messageStatus")), UNKNOWN), reading.as_code(found.get("errorCode"))
    code = "" if code == "0" else code
    at = datetime.now(tz=UTC)
    return _receipt(message_id, carrier_message_id, claim, code, at=at, raw=json.dumps(said), timed=False)


def _basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())
