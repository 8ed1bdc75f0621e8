"""The simulator's adapter. What a carrier may say is data; what it means is ours."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging.carriers.base import (
    Accepted,
    InboundText,
    MalformedWebhook,
    NotTaken,
    OutboundText,
    ReceiptEvent,
    Refused,
    SendError,
    Unconfirmed,
    WebhookRequest,
)
from messaging.carriers.simulator import CODES, SimulatedCarrier
from messaging.carriers.wire import Wire
from messaging.reasons import Reason
from tests.messaging.far_side import FarSide, answers, http

CREDENTIALS = {"api_key": "key-1", "webhook_secret": "secret-1"}
TEXT = OutboundText(
    message_id="01a20728-a6dc-72c1-8f10-c878e5fe527f",
    own_e164="+14155550101",
    counterpart="+12065550122",
    body="Bring €5 \N{GRINNING FACE}\nand “ID”",
    callback_url="http://127.0.0.1:8000/webhooks/1/",
)
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire(timeout=1.0)
    yield wire
    await wire.aclose()


async def send(wire: Wire, reply: bytes) -> Accepted:
    async with FarSide(answers(reply)) as far:
        return await SimulatedCarrier(far.url, CREDENTIALS).send(TEXT, wire)


async def test_a_text_travels_with_our_id_as_its_reference(wire: Wire) -> None:
    async with FarSide(answers(http("202 Accepted", '{"id": "sim-1"}'))) as far:
        accepted = await SimulatedCarrier(far.url + "/", CREDENTIALS).send(TEXT, wire)
    head, _, body = far.requests[0].partition(b"\r\n\r\n")
    assert accepted == Accepted("sim-1")
    assert head.startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert b"authorization: bearer key-1" in head.lower()
    assert json.loads(body) == {
        "reference": TEXT.message_id,
        "from": TEXT.own_e164,
        "to": TEXT.counterpart,
        "body": TEXT.body,
        "callback_url": TEXT.callback_url,
    }


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        ("400 Bad Request", '{"code": "4720"}', Refused),
        ("400 Bad Request", "nonsense", Refused),
        ("404 Not Found", "", Refused),
        ("413 Too Large", "", Refused),
        ("422 Unprocessable", '{"code": 4720}', Refused),
        ("429 Too Many Requests", "", NotTaken),
        ("503 Unavailable", '{"code": "not_taken"}', NotTaken),
        ("401 Unauthorized", "", NotTaken),
        ("403 Forbidden", "", NotTaken),
        ("503 Unavailable", "", Unconfirmed),
        ("503 Unavailable", '{"code": "error"}', Unconfirmed),
        ("503 Unavailable", '["not_taken"]', Unconfirmed),
        ("500 Error", '{"code": "not_taken"}', Unconfirmed),
        ("502 Bad Gateway", "", Unconfirmed),
        ("408 Request Timeout", "", Unconfirmed),
        ("200 OK", '{"id": "sim-1"}', Unconfirmed),
        ("204 No Content", "", Unconfirmed),
        ("302 Found", "", Unconfirmed),
        ("202 Accepted", "garbage", Unconfirmed),
        ("202 Accepted", "", Unconfirmed),
        ("202 Accepted", "{}", Unconfirmed),
        ("202 Accepted", '{"id": ""}', Unconfirmed),
        ("202 Accepted", '{"id": 7}', Unconfirmed),
        ("202 Accepted", '{"id": "a\\u0000b"}', Unconfirmed),
        ("202 Accepted", json.dumps({"id": "x" * 129}), Unconfirmed),
        ("202 Accepted", "[" * 5000, Unconfirmed),
    ],
)
async def test_every_other_answer_says_whether_it_may_be_sent_again(
    wire: Wire, status: str, body: str, kind: type[SendError]
) -> None:
    with pytest.raises(SendError) as raised:
        await send(wire, http(status, body))
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("Retry-After: 7\r\n", 7.0), ("Retry-After: soon\r\n", None), ("Retry-After: -1\r\n", None), ("", None)],
)
async def test_retry_after_is_read_in_seconds(wire: Wire, header: str, seconds: float | None) -> None:
    with pytest.raises(NotTaken) as raised:
        await send(wire, http("429 Too Many Requests", "", header))
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    ("code", "reason", "blocked_by"),
    [
        ("4720", "invalid_destination", ""),
        ("4721", "not_textable", ""),
        ("4740", "opted_out", "carrier"),
        ("4770", "spam_blocked", "carrier"),
        ("4481", "unregistered", "carrier"),
        ("9999", "carrier_rejected", ""),
        ("", "carrier_rejected", ""),
        ("x" * 100, "carrier_rejected", ""),
    ],
)
async def test_a_refusals_code_becomes_our_reason(wire: Wire, code: str, reason: str, blocked_by: str) -> None:
    with pytest.raises(Refused) as raised:
        await send(wire, http("400 Bad Request", json.dumps({"code": code})))
    assert (raised.value.reason, raised.value.blocked_by, raised.value.code) == (reason, blocked_by, code[:32])


def test_every_code_of_the_carrier_has_a_sentence() -> None:
    assert all(str(Reason(reason).label).endswith(".") for reason in CODES.values())


# Webhooks


def signed(body: bytes, *, at: datetime = NOW, secret: str = "secret-1", **headers: str) -> WebhookRequest:
    stamp = str(int(at.timestamp()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    given = {"x-simulator-timestamp": stamp, "x-simulator-signature": signature}
    return WebhookRequest({**given, **{name.replace("_", "-"): value for name, value in headers.items()}}, body, "")


def carrier(**credentials: str) -> SimulatedCarrier:
    return SimulatedCarrier("http://127.0.0.1:9", CREDENTIALS | credentials)


@pytest.mark.parametrize("age", [-300, 0, 299, 300])
def test_a_signed_webhook_of_the_last_five_minutes_is_the_carriers(age: int) -> None:
    assert carrier().verify(signed(b"{}", at=NOW - timedelta(seconds=age)), NOW)


@pytest.mark.parametrize(
    "request_",
    [
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
        WebhookRequest(signed(b"{}").headers, b"{} ", ""),
        WebhookRequest({}, b"{}", ""),
    ],
)
def test_everything_else_is_not(request_: WebhookRequest) -> None:
    assert not carrier().verify(request_, NOW)


def test_an_account_without_a_secret_trusts_nobody() -> None:
    assert not carrier(webhook_secret="").verify(signed(b"{}", secret=""), NOW)


RECEIVED = {
    "type": "message.received", "id": "in-1", "from": "+12065550122", "to": "+14155550101", "body": "STOP",
    "media": [], "at": "2026-11-23T14:59:00+00:00",
}  # fmt: skip
RECEIPT = {
    "type": "message.receipt", "id": "sim-1", "reference": "ref-1", "status": "delivered", "code": "",
    "at": "2026-11-23T06:59:00-08:00",
}  # fmt: skip


def parse(document: Any) -> list[Any]:
    return list(carrier().parse(WebhookRequest({}, json.dumps(document).encode(), "")))


def test_a_persons_text_is_read() -> None:
    assert parse(RECEIVED | {"media": ["a.jpg", "b.jpg"], "body": "\ud83d \x00"}) == [
        InboundText(
            carrier_message_id="in-1",
            to="+14155550101",
            from_="+12065550122",
            body="\ud83d \x00",
            media_count=2,
            at=NOW - timedelta(minutes=1),
        )
    ]


def test_a_receipt_is_read_and_kept_raw() -> None:
    (event,) = parse(RECEIPT)
    assert event == ReceiptEvent(
        our_reference="ref-1",
        carrier_message_id="sim-1",
        claim="delivered",
        at=NOW - timedelta(minutes=1),
        raw=event.raw,
    )
    assert json.loads(event.raw) == RECEIPT


@pytest.mark.parametrize(
    ("status", "code", "claim", "reason"),
    [
        ("sent", "", "sent", ""),
        ("undelivered", "4750", "undelivered", "unreachable"),
        ("undelivered", "9999", "undelivered", "carrier_rejected"),
        ("read", "", "unknown", ""),
    ],
)
def test_a_receipts_claim_and_code(status: str, code: str, claim: str, reason: str) -> None:
    (event,) = parse(RECEIPT | {"status": status, "code": code})
    assert (event.claim, event.code, event.reason) == (claim, code, reason)


def test_a_receipt_without_our_reference_is_still_a_receipt() -> None:
    assert parse(RECEIPT | {"reference": ""})[0].our_reference == ""


def test_an_array_is_read_in_order() -> None:
    assert [type(event) for event in parse([RECEIPT, RECEIVED, RECEIPT])] == [ReceiptEvent, InboundText, ReceiptEvent]
    assert parse([]) == []


def test_an_event_of_a_new_type_is_left_out_and_the_rest_kept() -> None:
    assert len(parse([RECEIPT, {"type": "message.read"}, RECEIVED])) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nonsense", b"\xff\xfe", b"null", b"7", b'"text"', b"[[]]", b"[" * 100_000, b"{}",
        *(
            json.dumps(RECEIVED | change).encode()
            for change in (
                {"type": None}, {"id": ""}, {"id": 7}, {"id": "x" * 129}, {"id": "a\x00"}, {"from": None},
                {"to": []}, {"body": None}, {"media": None}, {"at": "yesterday"}, {"at": None}, {"at": 7},
                {"at": "2026-11-23T14:59:00"}, {"at": "0001-01-01T00:00:00+14:00"},
            )
        ),
        *(
            json.dumps(RECEIPT | change).encode()
            for change in ({"status": 7}, {"code": 7}, {"reference": 7}, {"reference": "\ud83d"}, {"id": None})
        ),
        json.dumps([RECEIPT, {}]).encode(),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedWebhook):
        carrier().parse(WebhookRequest({}, body, ""))
