"""Bandwidth’s cases, as its documentation shows requests and callbacks."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

from messaging.carriers.bandwidth import CODES, BandwidthCarrier
from messaging.carriers.base import InboundText, NotTaken, ReceiptEvent, Refused, Unconfirmed, WebhookRequest
from tests.messaging.carriers.contract import NOW, TEXT, Answered, Contract, Looked, Request, Told, request

CREDENTIALS = {
    "account_id": "9900000", "application_id": "app-1", "api_token": "token-1", "api_secret": "secret-1",
    "callback_user": "hub", "callback_password": "pass:word é",
}  # fmt: skip
ID = "14762070468292kw2fuqty55yp2b2"
AT = NOW - timedelta(minutes=1)


def basic(user: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} " + base64.b64encode(f"{user}:{password}".encode()).decode()


AUTHORIZATION = basic("hub", "pass:word é")


def error(kind: str, field: str = "") -> str:
    """As Bandwidth refuses."""
    fields = [{"fieldName": field, "description": f"'{TEXT.counterpart}' is not valid"}] if field else []
    return json.dumps({"type": kind, "description": "Your request could not be accepted", "fieldErrors": fields})


def check_request(sent: Request) -> None:
    assert sent.headers["authorization"] == basic("token-1", "secret-1")
    assert sent.headers["content-type"].startswith("application/json")
    assert json.loads(sent.body) == {
        "applicationId": "app-1",
        "to": [TEXT.counterpart],
        "from": TEXT.own_e164,
        "text": TEXT.body,
        "tag": TEXT.message_id,
    }


MESSAGE = {
    "id": ID, "owner": TEXT.own_e164, "applicationId": "app-1", "time": "2026-11-23T14:58:00Z", "segmentCount": 1,
    "direction": "out", "to": [TEXT.counterpart], "from": TEXT.own_e164, "text": "", "tag": TEXT.message_id,
}  # fmt: skip
RECEIVED = {
    "type": "message-received", "time": "2026-11-23T14:59:00Z", "description": "Incoming message received",
    "to": "+14155550101",
    "message": {
        "id": "in-1", "owner": "+14155550101", "direction": "in", "to": ["+14155550101", "+14155550102"],
        "from": "+12065550122", "text": "Hi 👋", "media": ["https://…/1.jpg"], "tag": "", "segmentCount": 1,
    },
}  # fmt: skip
TEXT_EVENT = InboundText("in-1", "+14155550101", "+12065550122", "Hi 👋", 1, AT)


def event(kind: str, message: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    about = {**MESSAGE, **(message or {})}
    return {"type": kind, "time": "2026-11-23T06:59:00.000-08:00", "to": TEXT.counterpart, "message": about, **fields}


def receipt(
    claim: str, code: str = "", reason: str = "", reference: str = TEXT.message_id, *, known: bool = True
) -> ReceiptEvent:
    return ReceiptEvent(reference, ID, claim, code, reason, at=AT, raw="", known=known)


def unknown(kind: str, **more: Any) -> ReceiptEvent:
    """An event of a new type with nothing else in it."""
    known = {"our_reference": "", "carrier_message_id": "", "at": NOW, "timed": False, **more}
    return ReceiptEvent(claim="unknown", code=kind, raw="", known=False, **known)


def posted(document: Any, authorization: str = AUTHORIZATION) -> WebhookRequest:
    return request(json.dumps(document).encode(), authorization=authorization, content_type="application/json")


def found(**fields: Any) -> str:
    return json.dumps({"totalCount": 1, "messages": [{"messageId": "other", "messageStatus": "FAILED"}, fields]})


CONTRACT = Contract(
    name="bandwidth",
    make=lambda url: BandwidthCarrier(url, CREDENTIALS),
    without_secrets=lambda: BandwidthCarrier("http://127.0.0.1:9", {}),
    codes=CODES,
    request_line="/api/v2/users/9900000/messages",
    check_request=check_request,
    taken=("202 Accepted", json.dumps({**MESSAGE, "text": TEXT.body}), ID),
    answers=[
        Answered(
            "400 Bad Request", error("request-validation", "to[0]"), Refused, "invalid_destination",
            code="request-validation",
        ),
        Answered(
            "400 Bad Request", error("request-validation", "from"), Refused, "sender_not_enabled",
            code="request-validation",
        ),
        Answered(
            "400 Bad Request", error("request-validation", "text"), Refused, "content_rejected", "carrier",
            "request-validation",
        ),
        Answered(
            "400 Bad Request", error("request-validation"), Refused, "carrier_rejected", code="request-validation",
            known=False,
        ),
        Answered("400 Bad Request", error("x" * 99, "new"), Refused, "carrier_rejected", code="x" * 32, known=False),
        Answered(
            "415 Unsupported", error("unsupported-content-type"), Refused, "carrier_rejected",
            code="unsupported-content-type", known=False,
        ),
        Answered(
            "400 Bad Request", '{"type": "a\\u0000b", "description": "bad \\u0000 thing"}', Refused, "carrier_rejected",
            code="ab", known=False,
        ),
        Answered(
            "400 Bad Request",
            error("request-validation", "to").replace("is not valid", "\\ud83d is not valid"),
            Refused, "invalid_destination", code="request-validation",
        ),
        Answered("400 Bad Request", "nonsense", Refused, "carrier_rejected", known=False),
        Answered("400 Bad Request", '{"fieldErrors": [7, {"fieldName": 7}]}', Refused, "carrier_rejected", known=False),
        Answered("429 Too Many", error("too-many"), NotTaken, headers="Retry-After: 3\r\n", retry_after=3.0),
        Answered("401 Unauthorized", error("unauthorized"), NotTaken),
        Answered("403 Forbidden", error("forbidden"), NotTaken),
        Answered("404 Not Found", '{"status": 404, "error": "Not Found"}', NotTaken),
        Answered("500 Error", error("internal-server-error"), Unconfirmed),
        Answered("503 Unavailable", error("temporary-app-error"), Unconfirmed),
        Answered("200 OK", json.dumps(MESSAGE), Unconfirmed),
        Answered("201 Created", json.dumps(MESSAGE), Unconfirmed),
    ],
    asked_line=f"/api/v2/users/9900000/messages?messageId={ID}",
    looked=[
        Looked("200 OK", found(messageId=ID, messageStatus="DELIVERED", errorCode=0), ("delivered", "", "")),
        Looked("200 OK", found(messageId=ID, messageStatus="SENDING"), ("sent", "", "")),
        Looked(
            "200 OK", found(messageId=ID, messageStatus="FAILED", errorCode=4720),
            ("undelivered", "4720", "invalid_destination"),
        ),
        Looked("200 OK", found(messageId=ID, messageStatus="FAILED", errorCode=9902), ("sent", "9902", "")),
        Looked("200 OK", found(messageId=ID, messageStatus="NEW"), ("unknown", "", "")),
        Looked("200 OK", found(messageId="another"), None),
        Looked("200 OK", '{"totalCount": 0, "messages": []}', None),
        Looked("200 OK", "{}", NotTaken),
        Looked("200 OK", "garbage", NotTaken),
        Looked("429 Too Many", "", NotTaken),
        Looked("500 Error", "", NotTaken),
    ],
    told=[
        Told("a text", posted([RECEIVED]), [TEXT_EVENT]),
        Told("an event by itself", posted(RECEIVED), [TEXT_EVENT]),
        Told("delivered", posted([event("message-delivered")]), [receipt("delivered")]),
        Told("sending", posted([event("message-sending")]), [receipt("sent")]),
        Told(
            "failed", posted([event("message-failed", errorCode=4770)]),
            [receipt("undelivered", "4770", "spam_blocked")],
        ),
        Told(
            "a new code", posted([event("message-failed", errorCode=4999)]),
            [receipt("undelivered", "4999", "carrier_rejected", known=False)],
        ),
        Told(
            "a code that says refused", posted([event("message-failed", errorCode=4750)]),
            [receipt("undelivered", "4750", "carrier_rejected")],
        ),
        Told(
            "a code with what no database stores", posted([event("message-failed", errorCode="a\x00b\ud83d")]),
            [receipt("undelivered", "ab", "carrier_rejected", known=False)],
        ),
        Told("no report came", posted([event("message-failed", errorCode=9902)]), [receipt("sent", "9902")]),
        Told("no tag", posted([event("message-delivered", {"tag": None})]), [receipt("delivered", reference="")]),
        Told(
            "several, and one of a new type", posted([event("message-sending"), event("message-read"), RECEIVED]),
            [receipt("sent"), receipt("unknown", "message-read", known=False), TEXT_EVENT],
        ),
        Told("a new type without anything", posted([{"type": "account-\x00news"}]), [unknown("account-news")]),
        Told(
            "a new type with nothing usable",
            posted([{"type": "n" * 40, "time": "yesterday", "message": {"id": 7, "tag": "a\x00"}}]),
            [unknown("n" * 32)],
        ),
        Told("none", posted([]), []),
    ],
    malformed=[
        *(request(body) for body in (b"", b"nonsense", b"\xff\xfe", b"null", b"7", b'"text"', b"[[]]", b"[" * 100_000)),
        posted([{}]),
        posted([{"type": "message-delivered"}]),
        posted([event("message-delivered", {"id": ""})]),
        posted([event("message-delivered", {"id": 7})]),
        posted([event("message-delivered", {"tag": "x" * 129})]),
        posted([event("message-delivered", time="yesterday")]),
        posted([event("message-delivered", time="2026-11-23T06:59:00")]),
        posted([event("message-delivered", time=None)]),
        posted([{**RECEIVED, "to": None}]),
        posted([{**RECEIVED, "message": {**RECEIVED["message"], "from": "a\x00"}}]),
        posted([event("message-delivered"), {}]),
    ],
    signed=[posted([]), posted([], basic("hub", "pass:word é", "basic"))],
    unsigned=[
        posted([], basic("hub", "another")),
        posted([], basic("another", "pass:word é")),
        posted([], basic("", "")),
        posted([], basic("hub", "")),
        posted([], AUTHORIZATION + "x"),
        posted([], AUTHORIZATION.replace("Basic", "Bearer")),
        posted([], ""),
        posted([], "Basic"),
        posted([], "Basic é"),
        request(b"[]"),
    ],
)  # fmt: skip
