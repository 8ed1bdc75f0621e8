"""Twilio, Programmable Messaging (api.twilio.com, version 2010-04-01).

A text is a form POST to {base_url}/2010-04-01/Accounts/{AccountSid}/Messages.json under HTTP basic authentication;
201 with a `sid` is "taken". Our id travels in the query of StatusCallback, so that every status callback names it.

What counts as not taken: 429 (error 20429: "requests that receive 429 responses aren't processed"), 21611 (the
sender's queue is full, no message was made), and 401, 403, 404 without a message's code: the account or its
credentials are wrong, and texts wait until an operator has mended them. A 503 (20503) is only said to be temporary,
so it is Unconfirmed, as everything else that is neither 201 nor a refusal.

Webhooks are forms. X-Twilio-Signature is the base64 HMAC-SHA1, under the account's auth token, of the address that
Twilio called followed by the sorted parameters, names and values run together; of a body that is no form, the
address carries its SHA-256 as `bodySHA256`. Twilio signs no time, so a webhook could be played again by who recorded
one: texts and receipts are recognized when they come twice. Status callbacks name no time either; RawDlrDoneDate is
the carrier's local time in a zone that nobody states, so the time of arrival stands in. Twilio repeats a callback
that we could not take only where the address asks for it, by a fragment: hence RETRIES.
Sources: twilio.com/docs/usage/security, /docs/messaging/api/message-resource, /docs/api/errors.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from django.utils.translation import gettext_lazy as _

from messaging.carriers import reading
from messaging.carriers.base import (
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
from provisioning.models.numbers import TextCapability

CODES: Final[dict[str, Reason]] = {
    # Refusals of the request.
    "14107": Reason.RATE_LIMITED,
    "20429": Reason.RATE_LIMITED,
    "21210": Reason.SENDER_NOT_ENABLED,  # From is not verified
    "21211": Reason.INVALID_DESTINATION,
    "21212": Reason.SENDER_NOT_ENABLED,  # From is no valid number
    "21214": Reason.UNREACHABLE,
    "21217": Reason.INVALID_DESTINATION,
    "21265": Reason.DESTINATION_NOT_ALLOWED,  # To is a short code
    "21266": Reason.INVALID_DESTINATION,  # To is From
    "21268": Reason.DESTINATION_NOT_ALLOWED,  # premium or information service
    "21408": Reason.DESTINATION_NOT_ALLOWED,  # geographic permissions
    "21601": Reason.SENDER_NOT_ENABLED,
    "21602": Reason.CONTENT_REJECTED,  # no body
    "21603": Reason.SENDER_NOT_ENABLED,  # no From
    "21604": Reason.INVALID_DESTINATION,  # no To
    "21605": Reason.CONTENT_REJECTED,  # too long
    "21606": Reason.SENDER_NOT_ENABLED,  # From is not this account's, or not capable
    "21607": Reason.SENDER_NOT_ENABLED,
    "21608": Reason.SENDER_NOT_ENABLED,  # a trial account texts verified numbers only
    "21610": Reason.OPTED_OUT,
    "21611": Reason.RATE_LIMITED,
    "21612": Reason.DESTINATION_NOT_ALLOWED,  # no route from this number to that
    "21614": Reason.NOT_TEXTABLE,
    "21617": Reason.CONTENT_REJECTED,  # longer than 1,600 characters
    "21619": Reason.CONTENT_REJECTED,  # nothing to send
    "21635": Reason.NOT_TEXTABLE,  # a landline
    "21658": Reason.CONTENT_REJECTED,  # a parameter is too long
    "21659": Reason.SENDER_NOT_ENABLED,
    "21660": Reason.SENDER_NOT_ENABLED,  # From is another account's
    "21661": Reason.SENDER_NOT_ENABLED,
    "21701": Reason.SENDER_NOT_ENABLED,  # no such messaging service
    "21703": Reason.SENDER_NOT_ENABLED,  # the messaging service has no number
    "21711": Reason.SENDER_NOT_ENABLED,  # From is not in the messaging service
    "63038": Reason.DAILY_LIMIT,
    # Failures on the way, in status callbacks.
    "30001": Reason.RATE_LIMITED,  # queue overflow
    "30002": Reason.SENDER_NOT_ENABLED,  # account suspended
    "30003": Reason.UNREACHABLE,
    "30004": Reason.SENDER_BLOCKED,
    "30005": Reason.INVALID_DESTINATION,  # unknown handset
    "30006": Reason.NOT_TEXTABLE,  # landline, or a carrier without texts
    "30007": Reason.SPAM_BLOCKED,  # filtered
    "30008": Reason.CARRIER_ERROR,
    "30009": Reason.CARRIER_ERROR,
    "30010": Reason.CARRIER_REJECTED,  # costs more than the maximum
    "30011": Reason.NOT_TEXTABLE,
    "30017": Reason.CARRIER_ERROR,  # congestion
    "30018": Reason.UNREGISTERED,
    "30019": Reason.CONTENT_REJECTED,
    "30020": Reason.CARRIER_ERROR,
    "30021": Reason.CARRIER_ERROR,
    "30022": Reason.RATE_LIMITED,  # 10DLC
    "30023": Reason.DAILY_LIMIT,  # 10DLC
    "30024": Reason.UNREGISTERED,  # sender not provisioned at the carrier
    "30027": Reason.DAILY_LIMIT,  # 10DLC, T-Mobile
    "30032": Reason.UNREGISTERED,  # toll-free number not verified
    "30033": Reason.UNREGISTERED,  # campaign suspended
    "30034": Reason.UNREGISTERED,  # 10DLC number without a campaign
    "30035": Reason.UNREGISTERED,  # number still being configured
    "30036": Reason.CARRIER_ERROR,  # its validity ran out in Twilio's queue
    "30037": Reason.SENDER_NOT_ENABLED,  # outbound messaging disabled
    "30038": Reason.SPAM_BLOCKED,
    "30039": Reason.SPAM_BLOCKED,  # a loop between two numbers
    "30040": Reason.UNREGISTERED,
    "30041": Reason.UNREGISTERED,
    "30043": Reason.DESTINATION_NOT_ALLOWED,
    "30044": Reason.CONTENT_REJECTED,  # longer than a trial account may
    "30125": Reason.UNREGISTERED,
    "30410": Reason.CARRIER_ERROR,  # provider timeout
    "30450": Reason.SPAM_BLOCKED,
    "30454": Reason.DAILY_LIMIT,
    "30485": Reason.CARRIER_ERROR,
    "30500": Reason.CARRIER_ERROR,
    "30883": Reason.CONTENT_REJECTED,
}
"""Twilio's codes in our words. Any other code is `carrier_rejected`, stored and alerted."""

NOT_TAKEN: Final = frozenset({"20429", "21611"})
"""Refusals after which Twilio has made no message, and the same text may go later."""

CLAIMS: Final[dict[str, str]] = {
    "accepted": "sent",
    "scheduled": "sent",
    "queued": "sent",
    "sending": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "canceled": "undelivered",
}
"""MessageStatus in our words. Each of the early ones says what the answer 201 says: Twilio has it, as in `sent`."""

REFERENCE: Final = "reference"
RETRIES: Final = "rc=5&rp=5xx,ct,rt"
"""Five more attempts after our 5xx, and where Twilio could not connect or got no answer (connection overrides)."""
KEPT: Final = Kept(
    identifiers=frozenset({"sid", "status", "code", "error_code", "num_segments"}),
    sentences=frozenset({"message", "error_message"}),
)
FORM: Final = "application/x-www-form-urlencoded"


class TwilioCarrier:
    """An account's messages, sent by number or through a messaging service."""

    label: ClassVar[str] = "Twilio"
    default_base_url: ClassVar[str] = "https://api.twilio.com"
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("account_sid", _("Account SID, as in AC0123…")),
        Credential("auth_token", _("Auth token; Twilio signs its webhooks with it, also when API keys are used")),
        Credential("api_key_sid", _("API key to send with instead"), required=False, needs="api_key_secret"),
        Credential("api_key_secret", _("the API key’s secret"), required=False, needs="api_key_sid"),
        Credential(
            "messaging_service_sid", _("messaging service that the numbers belong to, as in MG0123…"), required=False
        ),
    )
    answers_questions: ClassVar[bool] = True
    webhook_answer: ClassVar[WebhookAnswer] = WebhookAnswer("text/xml", b"<Response/>")
    """TwiML that does nothing. Twilio takes any other body for a mistake, or for a reply to send."""

    def __init__(self, base_url: str, credentials: Mapping[str, Any]) -> None:
        given = {name: str(value) for name, value in credentials.items()}
        account = given.get("account_sid", "")
        self._messages = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{quote(account, safe='')}/Messages"
        self._service = given.get("messaging_service_sid", "")
        self._token = given.get("auth_token", "").encode()
        user, password = given.get("api_key_sid") or account, given.get("api_key_secret") or given.get("auth_token", "")
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"authorization": f"Basic {basic}", "accept": "application/json"}

    async def send(self, text: OutboundText, wire: Wire) -> Accepted:
        """One text, one exchange."""
        sender = {"MessagingServiceSid": self._service} if self._service else {}
        form = {
            "To": text.counterpart,
            "From": text.own_e164,
            **sender,
            "Body": text.body,
            "StatusCallback": f"{text.callback_url}?{urlencode({REFERENCE: text.message_id})}#{RETRIES}",
        }
        reply = await wire.post(
            f"{self._messages}.json",
            content=urlencode(form).encode(),
            headers={**self._headers, "content-type": f"{FORM}; charset=utf-8"},
            kept=Kept(KEPT.identifiers, KEPT.sentences, text.body),
        )
        return _understood(reply)

    async def lookup(self, message_id: str, carrier_message_id: str, wire: Wire) -> ReceiptEvent | None:
        """By Twilio's id only: it keeps no reference of ours to search by."""
        if not carrier_message_id:
            raise CannotBeAsked
        url = f"{self._messages}/{quote(carrier_message_id, safe='')}.json"
        return _found(await wire.get(url, headers=self._headers, kept=KEPT), message_id, carrier_message_id)

    async def capability(self, numbers: Sequence[str], wire: Wire) -> list[CapabilityAnswer]:
        """Of each number, whether the account has it and it sends SMS. A number that it doesn't have is left out."""
        url = f"{self._messages.removesuffix('/Messages')}/IncomingPhoneNumbers.json"
        found: list[CapabilityAnswer] = []
        for e164 in numbers:
            query = urlencode({"PhoneNumber": e164, "PageSize": 20})
            found += _capabilities(await wire.get(f"{url}?{query}", headers=self._headers), e164)
        return found

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        """Whether the account's auth token signed this address and this body."""
        signature = request.headers.get("x-twilio-signature", "").encode()
        if not self._token or not signature or not _is_body_as_signed(request):
            return False
        try:
            signed = "".join(f"{name}{value}" for name, value in _signed_parameters(request))
        except UnicodeDecodeError:
            return False
        return any(
            hmac.compare_digest(_signature(self._token, url + signed), signature) for url in _spelled(request.url)
        )

    def parse(self, request: WebhookRequest) -> list[Event]:
        """One event a request: a status callback has a MessageStatus, a person's text has a Body.

        What has neither but names a message is of a type that we do not know.
        """
        try:
            form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=bool(request.body)))
            if "MessageStatus" in form:
                return [parse_receipt(form, request)]
            if "Body" in form:
                return [parse_inbound(form, request)]
            if "MessageSid" in form:
                return [_not_understood(form, request)]
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedWebhook(type(error).__name__) from error
        raise MalformedWebhook("neither a text nor a status")


def parse_inbound(form: Mapping[str, str], request: WebhookRequest) -> InboundText:
    """A person's text. OptOutType is there when Twilio took it for a keyword and answered it."""
    return InboundText(
        carrier_message_id=reading.name(form, "MessageSid"),
        to=reading.name(form, "To"),
        from_=reading.name(form, "From"),
        body=form["Body"],
        media_count=int(form.get("NumMedia") or 0),
        at=request.received_at,
        carrier_replied=bool(form.get("OptOutType")),
    )


def parse_receipt(form: Mapping[str, str], request: WebhookRequest) -> ReceiptEvent:
    """A status callback; our reference is in the address that it came to."""
    return _receipt(
        _reference(request),
        reading.name(form, "MessageSid"),
        form["MessageStatus"],
        form.get("ErrorCode", ""),
        at=request.received_at,
        raw=json.dumps(form),
        timed=False,
    )


def _not_understood(form: Mapping[str, str], request: WebhookRequest) -> ReceiptEvent:
    return reading.not_understood(
        form,
        form.get("EventType", ""),
        reference=_reference(request),
        carrier_message_id=reading.name(form, "MessageSid"),
        at=None,
        arrived=request.received_at,
    )


def _reference(request: WebhookRequest) -> str:
    return parse_qs(urlsplit(request.url).query).get(REFERENCE, [""])[0]


def meaning(code: str) -> Meaning:
    """One of Twilio's codes in our words."""
    return reading.meaning(CODES, code, "twilio")


def _receipt(
    reference: str, carrier_message_id: str, status: str, code: str, *, at: datetime, raw: str, timed: bool
) -> ReceiptEvent:
    claim = CLAIMS.get(status, UNKNOWN)
    code = "" if code == "0" else reading.as_code(code)
    said = meaning(code) if claim == "undelivered" else reading.NO_FAILURE
    return ReceiptEvent(
        reference, carrier_message_id, claim, code, said.reason, at=at, raw=raw, timed=timed, known=said.known
    )


def _understood(reply: Reply) -> Accepted:
    """What Twilio's answer means. Raises NotTaken, Refused, Unconfirmed."""
    if reply.status == 201:
        return Accepted(reading.carrier_id(reply, "sid"))
    if not 400 <= reply.status < 500 or reply.status == 408:
        raise Unconfirmed(f"HTTP {reply.status}")
    code = reading.as_code(reading.document(reply).get("code"))
    if reply.status == 429 or code in NOT_TAKEN:
        raise NotTaken(f"HTTP {reply.status}", retry_after=reading.retry_after(reply))
    if reply.status in (401, 403, 404) and code not in CODES:
        raise NotTaken(f"HTTP {reply.status}")
    raise reading.refused(meaning(code), code)


def _found(reply: Reply, message_id: str, carrier_message_id: str) -> ReceiptEvent | None:
    """Raises NotTaken where the answer says nothing of the text."""
    found = reading.document(reply)
    if reply.status == 404 and reading.as_code(found.get("code")) == "20404":
        return None
    if reply.status != 200 or found.get("sid") != carrier_message_id or not isinstance(found.get("status"), str):
        raise NotTaken(f"HTTP {reply.status}", retry_after=reading.retry_after(reply))
    said = {name: found.get(name) for name in ("sid", "status", "error_code", "date_sent", "date_updated")}
    at = _rfc2822(found.get("date_updated"))
    code = reading.as_code(found.get("error_code"))
    return _receipt(
        message_id,
        carrier_message_id,
        found["status"],
        code,
        at=at or datetime.now(tz=UTC),
        raw=json.dumps(said),
        timed=at is not None,
    )


def _rfc2822(value: object) -> datetime | None:
    """A time as Twilio's API writes it, as in "Thu, 24 Aug 2023 05:01:45 +0000"."""
    try:
        at = parsedate_to_datetime(str(value))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None else None


def _capabilities(reply: Reply, e164: str) -> list[CapabilityAnswer]:
    """What one page of the account's numbers says of a number. The filter also finds numbers that contain it."""
    numbers = reading.document(reply).get("incoming_phone_numbers")
    if reply.status != 200 or not isinstance(numbers, list):
        raise NotTaken(f"HTTP {reply.status}", retry_after=reading.retry_after(reply))
    for entry in numbers:
        if isinstance(entry, dict) and entry.get("phone_number") == e164:
            able = entry.get("capabilities")
            sends = isinstance(able, dict) and (able.get("sms") is True or able.get("SMS") is True)
            return [CapabilityAnswer(e164, TextCapability.CAPABLE if sends else TextCapability.INCAPABLE)]
    return []


def _signature(token: bytes, signed: str) -> bytes:
    return base64.b64encode(hmac.new(token, signed.encode(errors="surrogatepass"), hashlib.sha1).digest())


def _is_form(request: WebhookRequest) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def _is_body_as_signed(request: WebhookRequest) -> bool:
    """A form is signed with its parameters; of any other body the address must carry the digest."""
    if _is_form(request) or not request.body:
        return True
    digests = parse_qs(urlsplit(request.url).query).get("bodySHA256", [""])
    return hmac.compare_digest(hashlib.sha256(request.body).hexdigest().encode(), digests[0].lower().encode())


def _signed_parameters(request: WebhookRequest) -> Iterator[tuple[str, str]]:
    """Sorted by name, then value; a pair that comes twice counts once. Raises UnicodeDecodeError."""
    if _is_form(request):
        yield from sorted(set(parse_qsl(request.body.decode(), keep_blank_values=True)))


def _spelled(url: str) -> Iterator[str]:
    """As it is, and with and without its port: Twilio is not consistent about the standard ones.

    And each with the fragment, which is never sent, should Twilio sign the address as it was given.
    """
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    for netloc in (parts.netloc, host, f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"):
        for fragment in ("", RETRIES):
            yield parts._replace(netloc=netloc or "", fragment=fragment).geturl()
