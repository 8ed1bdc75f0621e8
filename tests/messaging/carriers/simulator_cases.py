"""The simulator’s cases."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from messaging.carriers.base import InboundText, NotTaken, ReceiptEvent, Refused, Unconfirmed, WebhookRequest
from messaging.carriers.simulator import CODES, SimulatedCarrier
from tests.messaging.carriers.contract import NOW, TEXT, Answered, Capable, Contract, Request, Told, request

CREDENTIALS = {"api_key": "key-1", "webhook_secret": "secret-1"}


def check_request(sent: Request) -> None:
    assert sent.headers["authorization"] == "Bearer key-1"
    assert json.loads(sent.body) == {
        "reference": TEXT.message_id,
        "from": TEXT.own_e164,
        "to": TEXT.counterpart,
        "body": TEXT.body,
        "callback_url": TEXT.callback_url,
    }


def signed(body: bytes, *, at: datetime = NOW, secret: str = "secret-1", **headers: str) -> WebhookRequest:
    stamp = str(int(at.timestamp()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return request(body, **{"x_simulator_timestamp": stamp, "x_simulator_signature": signature, **headers})


RECEIVED = {
    "type": "message.received", "id": "in-1", "from": "+12065550122", "to": "+14155550101", "body": "STOP",
    "media": [], "at": "2026-11-23T14:59:00+00:00",
}  # fmt: skip
RECEIPT = {
    "type": "message.receipt", "id": "sim-1", "reference": "ref-1", "status": "delivered", "code": "",
    "at": "2026-11-23T06:59:00-08:00",
}  # fmt: skip
AT = NOW - timedelta(minutes=1)
TEXT_EVENT = InboundText("in-1", "+14155550101", "+12065550122", "STOP", 0, AT)


def receipt(claim: str, code: str = "", reason: str = "", reference: str = "ref-1", **more: Any) -> ReceiptEvent:
    return ReceiptEvent(reference, "sim-1", claim, code, reason, **{"at": AT, "raw": "", **more})


def unknown(kind: str, **more: Any) -> ReceiptEvent:
    """An event of a new type."""
    known = {"our_reference": "", "carrier_message_id": "", "at": NOW, "timed": False, **more}
    return ReceiptEvent(claim="unknown", code=kind, raw="", known=False, **known)


def listed(capability: str, reason: str = "") -> str:
    """What the carrier says of our number."""
    return json.dumps({"numbers": [{"number": TEXT.own_e164, "capability": capability, "reason": reason}]})


def posted(document: Any) -> WebhookRequest:
    return request(json.dumps(document).encode())


CONTRACT = Contract(
    name="simulator",
    make=lambda url: SimulatedCarrier(url, CREDENTIALS),
    without_secrets=lambda: SimulatedCarrier("http://127.0.0.1:9", {}),
    codes=CODES,
    request_line="/v1/messages",
    check_request=check_request,
    taken=("202 Accepted", '{"id": "sim-1"}', "sim-1"),
    answers=[
        Answered("400 Bad Request", '{"code": "4720"}', Refused, "invalid_destination", code="4720"),
        Answered("400 Bad Request", '{"code": "4721"}', Refused, "not_textable", code="4721"),
        Answered("400 Bad Request", '{"code": "4740"}', Refused, "opted_out", "carrier", "4740"),
        Answered("400 Bad Request", '{"code": "4770"}', Refused, "spam_blocked", "carrier", "4770"),
        Answered("400 Bad Request", '{"code": "4481"}', Refused, "unregistered", "carrier", "4481"),
        Answered("400 Bad Request", '{"code": "9999"}', Refused, "carrier_rejected", code="9999", known=False),
        Answered(
            "400 Bad Request", json.dumps({"code": "x" * 100}), Refused, "carrier_rejected", code="x" * 32, known=False
        ),
        Answered("400 Bad Request", "nonsense", Refused, "carrier_rejected", known=False),
        Answered("404 Not Found", "", Refused, "carrier_rejected", known=False),
        Answered("413 Too Large", "", Refused, "carrier_rejected", known=False),
        Answered("422 Unprocessable", '{"code": 4720}', Refused, "carrier_rejected", known=False),
        Answered("400 Bad Request", '{"code": "a\\u0000b"}', Refused, "carrier_rejected", code="ab", known=False),
        Answered("400 Bad Request", '{"code": "\\ud83d4740\\u0000"}', Refused, "opted_out", "carrier", "4740"),
        Answered("503 Unavailable", '{"code": "not_taken"}', NotTaken),
        Answered("401 Unauthorized", "", NotTaken),
        Answered("403 Forbidden", "", NotTaken),
        Answered("503 Unavailable", '{"code": "error"}', Unconfirmed),
        Answered("503 Unavailable", '["not_taken"]', Unconfirmed),
        Answered("500 Error", '{"code": "not_taken"}', Unconfirmed),
        Answered("200 OK", '{"id": "sim-1"}', Unconfirmed),
    ],
    told=[
        Told(
            "a text",
            posted(RECEIVED | {"media": ["a.jpg", "b.jpg"], "body": "\ud83d \x00"}),
            [replace(TEXT_EVENT, media_count=2, body="\ud83d \x00")],
        ),
        Told("a receipt", posted(RECEIPT), [receipt("delivered")]),
        Told("sent", posted(RECEIPT | {"status": "sent"}), [receipt("sent")]),
        Told(
            "undelivered",
            posted(RECEIPT | {"status": "undelivered", "code": "4750"}),
            [receipt("undelivered", "4750", "unreachable")],
        ),
        Told(
            "a new code",
            posted(RECEIPT | {"status": "undelivered", "code": "9999"}),
            [receipt("undelivered", "9999", "carrier_rejected", known=False)],
        ),
        Told("a new status", posted(RECEIPT | {"status": "read"}), [receipt("unknown")]),
        Told("no reference", posted(RECEIPT | {"reference": ""}), [receipt("delivered", reference="")]),
        Told("several", posted([RECEIPT, RECEIVED, RECEIPT]), [receipt("delivered"), TEXT_EVENT, receipt("delivered")]),
        Told("none", posted([]), []),
        Told(
            "a code with what no database stores",
            posted(RECEIPT | {"status": "undelivered", "code": "a\x00b\ud83d"}),
            [receipt("undelivered", "ab", "carrier_rejected", known=False)],
        ),
        Told(
            "a new type",
            posted([RECEIPT, {"type": "message.read"}, RECEIVED]),
            [receipt("delivered"), unknown("message.read"), TEXT_EVENT],
        ),
        Told(
            "a new type of a text of ours",
            posted(RECEIPT | {"type": "message.read\x00"}),
            [unknown("message.read", our_reference="ref-1", carrier_message_id="sim-1", at=AT, timed=True)],
        ),
        Told(
            "a new type with nothing usable in it",
            posted({"type": "n" * 40, "id": 7, "reference": "a\x00", "at": "yesterday", "text": "words"}),
            [unknown("n" * 32)],
        ),
    ],
    malformed=[
        *(
            request(body)
            for body in (
                b"", b"nonsense", b"\xff\xfe", b"null", b"7", b'"text"', b"[[]]", b"[" * 100_000, b"{}",
            )
        ),
        *(
            posted(RECEIVED | change)
            for change in (
                {"type": None}, {"id": ""}, {"id": 7}, {"id": "x" * 129}, {"id": "a\x00"}, {"from": None},
                {"to": []}, {"body": None}, {"media": None}, {"at": "yesterday"}, {"at": None}, {"at": 7},
                {"at": "2026-11-23T14:59:00"}, {"at": "0001-01-01T00:00:00+14:00"},
            )
        ),
        *(
            posted(RECEIPT | change)
            for change in ({"status": 7}, {"code": 7}, {"reference": 7}, {"reference": "\ud83d"}, {"id": None})
        ),
        posted([RECEIPT, {}]),
    ],
    capability_line="POST /v1/numbers/capability",
    capable=[
        Capable("200 OK", listed("capable"), ("capable", "")),
        Capable("200 OK", listed("incapable", "Line off"), ("incapable", "Line off")),
        Capable("200 OK", listed("incapable", "a\x00 b\ud83d"), ("incapable", "a b")),
        Capable("200 OK", listed("incapable", "x" * 300), ("incapable", "x" * 200)),
        Capable("200 OK", listed("pending"), ("unknown", "")),
        Capable("200 OK", listed("a new word"), ("unknown", "")),
        Capable("200 OK", '{"numbers": []}', None),
        *(Capable("200 OK", body, NotTaken) for body in ("garbage", "{}", "[]", '{"numbers": [7]}')),
        Capable("400 Bad Request", '{"code": "4000"}', Refused),
        Capable("401 Unauthorized", "", NotTaken),
        Capable("429 Too Many", "", NotTaken),
        Capable("503 Unavailable", "", NotTaken),
    ],
    signed=[signed(b"{}", at=NOW - timedelta(seconds=age)) for age in (-300, 0, 299, 300)],
    unsigned=[
        signed(b"{}", at=NOW - timedelta(seconds=301)),
        signed(b"{}", at=NOW + timedelta(seconds=301)),
        signed(b"{}", secret="another"),
        signed(b"{}", secret=""),
        signed(b"{}", x_simulator_signature=""),
        signed(b"{}", x_simulator_signature="é"),
        signed(b"{}", x_simulator_timestamp=""),
        signed(b"{}", x_simulator_timestamp="-1"),
        signed(b"{}", x_simulator_timestamp="٣"),
        signed(b"{}", x_simulator_timestamp="9" * 5000),
        signed(b"{}", x_simulator_timestamp=str(int(NOW.timestamp()) + 1)),
        replace(signed(b"{}"), body=b"{} "),
        request(b"{}"),
    ],
)  # fmt: skip
