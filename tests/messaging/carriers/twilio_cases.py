"""Twilio’s cases. Webhooks are signed by Twilio’s own library."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from twilio.request_validator import RequestValidator

from messaging.carriers.base import InboundText, NotTaken, ReceiptEvent, Refused, Unconfirmed, WebhookRequest
from messaging.carriers.twilio import CODES, TwilioCarrier
from tests.messaging.carriers.contract import (
    CALLBACK,
    NOW,
    TEXT,
    Answered,
    Capable,
    Contract,
    Looked,
    Request,
    Told,
    request,
)

ACCOUNT, TOKEN = "AC" + "0" * 32, "token-1"
CREDENTIALS = {"account_sid": ACCOUNT, "auth_token": TOKEN}
SID = "SM" + "1" * 32
FORM = "application/x-www-form-urlencoded; charset=utf-8"
STATUS_URL = f"{CALLBACK}?reference={TEXT.message_id}"


def error(code: int | str, status: int = 400) -> str:
    """As Twilio refuses."""
    return json.dumps({"code": code, "message": "What is wrong", "more_info": "https://…", "status": status})


def signed(form: dict[str, str], url: str = CALLBACK, *, token: str = TOKEN, **headers: str) -> WebhookRequest:
    """A form as Twilio posts it."""
    signature = RequestValidator(token).compute_signature(url, form)
    given = {"content_type": FORM, "x_twilio_signature": signature, **headers}
    return request(urlencode(form).encode(), url, **given)


def signed_json(document: Any, url: str = CALLBACK, *, token: str = TOKEN) -> WebhookRequest:
    """Any other body: its digest is in the address."""
    body = json.dumps(document)
    url = f"{url}?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    signature = RequestValidator(token).compute_signature(url, {})
    return request(body.encode(), url, content_type="application/json", x_twilio_signature=signature)


def check_request(sent: Request) -> None:
    assert sent.headers["authorization"] == "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    assert sent.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert dict(parse_qsl(sent.body.decode(), strict_parsing=True)) == {
        "To": TEXT.counterpart,
        "From": TEXT.own_e164,
        "Body": TEXT.body,
        "StatusCallback": f"{STATUS_URL}#rc=5&rp=5xx,ct,rt",
    }


INBOUND = {
    "MessageSid": "SM2", "SmsSid": "SM2", "AccountSid": ACCOUNT, "From": "+12065550122", "To": "+14155550101",
    "Body": "Grüße & 1+1 👋", "NumMedia": "0", "NumSegments": "1",
}  # fmt: skip
TEXT_EVENT = InboundText("SM2", "+14155550101", "+12065550122", "Grüße & 1+1 👋", 0, NOW)
STATUS = {
    "MessageSid": SID, "SmsSid": SID, "AccountSid": ACCOUNT, "From": TEXT.own_e164, "To": TEXT.counterpart,
    "MessageStatus": "delivered", "SmsStatus": "delivered", "RawDlrDoneDate": "2611230859",
}  # fmt: skip


def receipt(
    claim: str, code: str = "", reason: str = "", reference: str = TEXT.message_id, *, known: bool = True
) -> ReceiptEvent:
    return ReceiptEvent(reference, SID, claim, code, reason, at=NOW, raw="", timed=False, known=known)


def status(name: str, **fields: str) -> WebhookRequest:
    return signed({**STATUS, "MessageStatus": name, **fields}, STATUS_URL)


def listed(e164: str, able: object) -> str:
    """The account's own list of a number."""
    return json.dumps({"incoming_phone_numbers": [{"phone_number": e164, "capabilities": able}]})


GOOD = signed(STATUS, STATUS_URL)
CONTRACT = Contract(
    name="twilio",
    make=lambda url: TwilioCarrier(url, CREDENTIALS),
    without_secrets=lambda: TwilioCarrier("http://127.0.0.1:9", {}),
    codes=CODES,
    request_line=f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
    check_request=check_request,
    taken=("201 Created", json.dumps({"sid": SID, "status": "queued", "error_code": None}), SID),
    answers=[
        Answered("400 Bad Request", error(21211), Refused, "invalid_destination", code="21211"),
        Answered("400 Bad Request", error("21211"), Refused, "invalid_destination", code="21211"),
        Answered("400 Bad Request", error(21610), Refused, "opted_out", "carrier", "21610"),
        Answered("403 Forbidden", error(21408, 403), Refused, "destination_not_allowed", code="21408"),
        Answered("400 Bad Request", error(21612), Refused, "destination_not_allowed", code="21612"),
        Answered("400 Bad Request", error(21614), Refused, "not_textable", code="21614"),
        Answered("400 Bad Request", error(21617), Refused, "content_rejected", "carrier", "21617"),
        Answered("400 Bad Request", error(21606), Refused, "sender_not_enabled", code="21606"),
        Answered("400 Bad Request", error(99999), Refused, "carrier_rejected", code="99999", known=False),
        Answered("400 Bad Request", error("x" * 100), Refused, "carrier_rejected", code="x" * 32, known=False),
        Answered(
            "400 Bad Request",
            '{"code": "a\\u0000b", "message": "bad \\u0000 thing"}',
            Refused,
            "carrier_rejected",
            code="ab",
            known=False,
        ),
        Answered(
            "400 Bad Request",
            '{"code": 21610, "message": "half a pair: \\ud83d"}',
            Refused,
            "opted_out",
            "carrier",
            "21610",
        ),
        Answered("400 Bad Request", "nonsense", Refused, "carrier_rejected", known=False),
        Answered("400 Bad Request", '{"code": true}', Refused, "carrier_rejected", known=False),
        Answered("400 Bad Request", error(21611), NotTaken),
        Answered("429 Too Many", error(20429, 429), NotTaken, headers="Retry-After: 3\r\n", retry_after=3.0),
        Answered("429 Too Many", error(21611, 429), NotTaken),
        Answered("401 Unauthorized", error(20003, 401), NotTaken),
        Answered("403 Forbidden", error(20005, 403), NotTaken),
        Answered("404 Not Found", error(20404, 404), NotTaken),
        Answered("503 Unavailable", error(20503, 503), Unconfirmed),
        Answered("500 Error", error(20500, 500), Unconfirmed),
        Answered("200 OK", json.dumps({"sid": SID}), Unconfirmed),
        Answered("202 Accepted", json.dumps({"sid": SID}), Unconfirmed),
    ],
    asked_line=f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json",
    looked=[
        Looked("200 OK", json.dumps({"sid": SID, "status": "delivered", "error_code": None}), ("delivered", "", "")),
        Looked("200 OK", json.dumps({"sid": SID, "status": "queued"}), ("sent", "", "")),
        Looked(
            "200 OK",
            json.dumps({"sid": SID, "status": "undelivered", "error_code": 30003}),
            ("undelivered", "30003", "unreachable"),
        ),
        Looked("200 OK", json.dumps({"sid": SID, "status": "new word"}), ("unknown", "", "")),
        Looked("404 Not Found", error(20404, 404), None),
        Looked("404 Not Found", "no such host", NotTaken),
        Looked("200 OK", json.dumps({"sid": "SM9", "status": "delivered"}), NotTaken),
        Looked("200 OK", "garbage", NotTaken),
        Looked("401 Unauthorized", error(20003, 401), NotTaken),
        Looked("500 Error", "", NotTaken),
    ],
    capability_line=(
        f"GET /2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json?PhoneNumber=%2B14155550101&PageSize=20"
    ),
    capable=[
        Capable("200 OK", listed("+14155550101", {"sms": True}), ("capable", "")),
        Capable("200 OK", listed("+14155550101", {"sms": False}), ("incapable", "")),
        Capable("200 OK", listed("+14155550101", None), ("incapable", "")),
        Capable("200 OK", listed("+144155550101", {"sms": True}), None),
        Capable("200 OK", '{"incoming_phone_numbers": []}', None),
        Capable("200 OK", "garbage", NotTaken),
        Capable("401 Unauthorized", "{}", NotTaken),
        Capable("429 Too Many", "", NotTaken),
        Capable("500 Error", "", NotTaken),
    ],
    told=[
        Told("a text", signed(INBOUND), [TEXT_EVENT]),
        Told("a text with pictures", signed({**INBOUND, "NumMedia": "2"}), [replace(TEXT_EVENT, media_count=2)]),
        Told("an empty text", signed({**INBOUND, "Body": ""}), [replace(TEXT_EVENT, body="")]),
        Told(
            "a STOP that Twilio answered",
            signed({**INBOUND, "Body": "STOP", "OptOutType": "STOP"}),
            [replace(TEXT_EVENT, body="STOP", carrier_replied=True)],
        ),
        Told("delivered", GOOD, [receipt("delivered")]),
        Told("read", status("read"), [receipt("delivered")]),
        Told("sent", status("sent"), [receipt("sent")]),
        Told("queued", status("queued"), [receipt("sent")]),
        Told("sending", status("sending"), [receipt("sent")]),
        Told("failed", status("failed", ErrorCode="30007"), [receipt("undelivered", "30007", "spam_blocked")]),
        Told(
            "unregistered", status("undelivered", ErrorCode="30034"), [receipt("undelivered", "30034", "unregistered")]
        ),
        Told(
            "a code that says refused",
            status("failed", ErrorCode="30010"),
            [receipt("undelivered", "30010", "carrier_rejected")],
        ),
        Told(
            "a new code",
            status("failed", ErrorCode="39999"),
            [receipt("undelivered", "39999", "carrier_rejected", known=False)],
        ),
        Told(
            "a code with a NUL",
            status("failed", ErrorCode="a\x00b"),
            [receipt("undelivered", "ab", "carrier_rejected", known=False)],
        ),
        Told(
            "no code",
            status("undelivered", ErrorCode="0"),
            [receipt("undelivered", "", "carrier_rejected", known=False)],
        ),
        Told("a new status", status("partially_read"), [receipt("unknown")]),
        Told("no reference", signed(STATUS), [receipt("delivered", reference="")]),
        Told(
            "neither a text nor a status",
            signed({"MessageSid": SID, "EventType": "READ"}, STATUS_URL),
            [receipt("unknown", "READ", known=False)],
        ),
    ],
    malformed=[
        request(b""),
        request(b"garbage"),
        request(b"Body=%FF", content_type=FORM),
        request(b"\xff\xfe"),
        request(b"{}", content_type="application/json"),
        signed({"Body": "no sid"}),
        signed({**INBOUND, "MessageSid": ""}),
        signed({**INBOUND, "MessageSid": "x" * 129}),
        signed({**INBOUND, "NumMedia": "many"}),
        signed({**INBOUND, "From": "a\x00"}),
        signed({"MessageStatus": "delivered"}),
    ],
    signed=[
        GOOD,
        signed(INBOUND),
        signed(INBOUND, "https://hub.example:8443/webhooks/1/"),
        replace(signed(INBOUND, "https://hub.example:443/webhooks/1/"), url=CALLBACK),
        replace(signed(INBOUND), url="https://hub.example:443/webhooks/1/"),
        replace(signed(STATUS, f"{STATUS_URL}#rc=5&rp=5xx,ct,rt"), url=STATUS_URL),
        signed_json({"type": "new"}),
        # Whatever the request says of its host, the address is ours.
        signed(INBOUND, host="evil.example", x_forwarded_host="evil.example", x_forwarded_proto="http"),
    ],
    unsigned=[
        signed(INBOUND, token="another"),
        signed(INBOUND, token=""),
        replace(signed(INBOUND), url="https://evil.example/webhooks/1/"),
        replace(signed(INBOUND), url="http://hub.example/webhooks/1/"),
        replace(signed(INBOUND), url="https://hub.example/webhooks/2/"),
        replace(GOOD, url=GOOD.url + "0"),
        replace(signed(INBOUND), body=urlencode({**INBOUND, "Body": "Another"}).encode()),
        replace(signed(INBOUND), body=signed(INBOUND).body + b"&Extra=1"),
        replace(signed(INBOUND), body=b"\xff"),
        replace(signed_json({"type": "new"}), body=b"{}"),
        replace(signed_json({"type": "new"}), url=CALLBACK),
        # A form that calls itself something else is not signed by its digest.
        replace(signed(INBOUND), headers={**signed({}).headers, "content-type": "text/plain"}),
        request(signed(INBOUND).body, content_type=FORM),
        request(signed(INBOUND).body, content_type=FORM, x_twilio_signature="é"),
        request(signed(INBOUND).body, content_type=FORM, x_twilio_signature=""),
        request(b""),
    ],
    answer=("text/xml", b"<Response/>"),
)
