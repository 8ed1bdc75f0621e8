"""One suite for every carrier: what it may answer and call back with is data, what that means is ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from messaging.carriers import ADAPTERS
from messaging.carriers.base import (
    Accepted,
    CannotBeAsked,
    CapabilityAnswer,
    InboundText,
    MalformedWebhook,
    NotTaken,
    ReceiptEvent,
    Refused,
    SendError,
    Unconfirmed,
    WebhookRequest,
)
from messaging.carriers.exchanges import recording
from messaging.carriers.wire import Wire
from messaging.reasons import Reason
from tests.messaging.carriers import bandwidth_cases, simulator_cases, twilio_cases
from tests.messaging.carriers.contract import NOW, TEXT, Answered, Capable, Contract, Looked, Request, Told
from tests.messaging.far_side import FarSide, answers, falls_silent, hangs_up, http, resets, unused_port

CONTRACTS = [simulator_cases.CONTRACT, twilio_cases.CONTRACT, bandwidth_cases.CONTRACT]
Case = TypeVar("Case")
every_carrier = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)


def each(cases: Callable[[Contract], list[Any]], name: Callable[[Any], str] = repr) -> pytest.MarkDecorator:
    """Every case of every carrier, as (contract, case)."""
    return pytest.mark.parametrize(
        ("contract", "case"),
        [
            pytest.param(contract, case, id=f"{contract.name} {name(case)[:60]}")
            for contract in CONTRACTS
            for case in cases(contract)
        ],
    )


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire(timeout=1.0)
    yield wire
    await wire.aclose()


def test_every_carrier_has_its_cases() -> None:
    assert {contract.name for contract in CONTRACTS} == set(ADAPTERS)


# Sending


@every_carrier
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_text_travels_as_the_carrier_wants_it_with_our_id(wire: Wire, contract: Contract, slash: str) -> None:
    status, body, identifier = contract.taken
    async with FarSide(answers(http(status, body))) as far:
        assert await contract.make(far.url + slash).send(TEXT, wire) == Accepted(identifier)
    (raw,) = far.requests
    sent = Request.of(raw)
    assert sent.line == f"POST {contract.request_line} HTTP/1.1"
    contract.check_request(sent)


@each(lambda contract: contract.answers, lambda case: f"{case.status} {case.body}")
async def test_every_other_answer_says_whether_it_may_be_sent_again(
    wire: Wire, contract: Contract, case: Answered
) -> None:
    async with FarSide(answers(http(case.status, case.body, case.headers))) as far:
        with pytest.raises(SendError) as raised:
            await contract.make(far.url).send(TEXT, wire)
        assert len(far.requests) == 1
    error = raised.value
    assert type(error) is case.kind
    if isinstance(error, Refused):
        said = (error.reason, error.blocked_by, error.code, error.known)
        assert said == (case.reason, case.blocked_by, case.code, case.known)
    if isinstance(error, NotTaken):
        assert error.retry_after == case.retry_after


UNUSABLE = ["garbage", "", "{}", "[]", "null", "7", "[" * 5000, "\x00"]


@every_carrier
@pytest.mark.parametrize("body", UNUSABLE)
async def test_an_answer_taken_without_an_id_is_not_believed(wire: Wire, contract: Contract, body: str) -> None:
    async with FarSide(answers(http(contract.taken[0], body))) as far:
        with pytest.raises(Unconfirmed):
            await contract.make(far.url).send(TEXT, wire)


@every_carrier
@pytest.mark.parametrize("identifier", ["", "x" * 129, "a\x00b", 7, None, True, [], {"id": "x"}])
async def test_an_unusable_id_is_none(wire: Wire, contract: Contract, identifier: object) -> None:
    name = next(name for name, value in json.loads(contract.taken[1]).items() if value == contract.taken[2])
    async with FarSide(answers(http(contract.taken[0], json.dumps({name: identifier})))) as far:
        with pytest.raises(Unconfirmed):
            await contract.make(far.url).send(TEXT, wire)


@every_carrier
@pytest.mark.parametrize(
    "status",
    [
        "100 Continue", "200 OK", "204 No Content", "206 Partial", "302 Found", "307 Moved", "408 Timeout",
        "418 Teapot", "500 Error", "501 No", "502 Bad Gateway", "503 Unavailable", "504 Timeout", "599 Odd", "999 Odd",
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", ["", "garbage", '{"code": "x"}'])
async def test_only_what_is_documented_is_more_than_unconfirmed(
    wire: Wire, contract: Contract, status: str, body: str
) -> None:
    async with FarSide(hangs_up(http(status, body))) as far:
        with pytest.raises(SendError) as raised:
            await contract.make(far.url).send(TEXT, wire)
    assert type(raised.value) is (Refused if status.startswith("418") else Unconfirmed)


@every_carrier
@pytest.mark.parametrize(
    "behaviour",
    [hangs_up(), resets(), hangs_up(b"garbage\r\n\r\n"), hangs_up(b"HTTP/1.1 20"), falls_silent()],
    ids=["hangs up", "resets", "no HTTP", "half a status line", "silence"],
)
async def test_what_is_no_answer_is_unconfirmed(contract: Contract, behaviour: Any) -> None:
    wire = Wire(timeout=0.3)
    async with FarSide(behaviour) as far:
        with pytest.raises(Unconfirmed):
            await contract.make(far.url).send(TEXT, wire)
        assert len(far.requests) == 1
    await wire.aclose()


@every_carrier
async def test_a_refused_connection_is_not_taken(wire: Wire, contract: Contract) -> None:
    with pytest.raises(NotTaken):
        await contract.make(f"http://127.0.0.1:{unused_port()}").send(TEXT, wire)


@every_carrier
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("Retry-After: 7\r\n", 7.0), ("Retry-After: soon\r\n", None), ("Retry-After: -1\r\n", None), ("", None)],
)
async def test_429_is_not_taken_and_retry_after_is_read_in_seconds(
    wire: Wire, contract: Contract, header: str, seconds: float | None
) -> None:
    async with FarSide(answers(http("429 Too Many Requests", "", header))) as far:
        with pytest.raises(NotTaken) as raised:
            await contract.make(far.url).send(TEXT, wire)
    assert raised.value.retry_after == seconds


@every_carrier
def test_every_code_of_the_carrier_has_a_sentence(contract: Contract) -> None:
    assert contract.codes
    assert all(str(Reason(reason).label).endswith(".") for reason in contract.codes.values())
    assert all(code.isdigit() and len(code) <= 32 for code in contract.codes)


@every_carrier
async def test_nothing_of_the_text_is_in_the_exchange(wire: Wire, contract: Contract) -> None:
    """Not even when the carrier answers with all of it."""
    echo = json.dumps({"message": f"{TEXT.body} from {TEXT.own_e164} to {TEXT.counterpart}", "code": TEXT.body})
    async with FarSide(answers(http("400 Bad Request", echo))) as far:
        with recording() as exchanges, pytest.raises(SendError):
            await contract.make(far.url).send(TEXT, wire)
    (exchange,) = exchanges
    assert (exchange.method, exchange.target, exchange.status) == ("POST", contract.request_line, 400)
    for secret in ("Bring", "5550101", "5550122", "“ID”"):
        assert secret not in repr(exchange)


UNSTORABLE = [r"a\u0000b \u0007c", r"a \ud83d b", r"\udc00"]


@every_carrier
@pytest.mark.parametrize("said", UNSTORABLE)
async def test_nothing_that_a_database_refuses_is_kept_of_an_answer(wire: Wire, contract: Contract, said: str) -> None:
    fields = ("code", "type", "message", "description", "id", "sid", "status")
    answer = "{" + ", ".join(f'"{name}": "{said}"' for name in fields) + "}"
    async with FarSide(answers(http("400 Bad Request", answer))) as far:
        with recording() as exchanges, pytest.raises(Refused) as raised:
            await contract.make(far.url).send(TEXT, wire)
    assert raised.value.code.isprintable()
    assert all(exchange.response.isprintable() for exchange in exchanges)


# Asking


@each(lambda contract: contract.looked, lambda case: f"{case.status} {case.body}")
async def test_a_text_is_asked_about_by_the_carriers_id(wire: Wire, contract: Contract, case: Looked) -> None:
    identifier = contract.taken[2]
    async with FarSide(answers(http(case.status, case.body))) as far:
        asking = contract.make(far.url).lookup(TEXT.message_id, identifier, wire)
        if isinstance(case.says, type):
            with pytest.raises(case.says):
                await asking
        else:
            found = await asking
            assert (found and (found.claim, found.code, found.reason)) == case.says
            assert found is None or (found.our_reference, found.carrier_message_id) == (TEXT.message_id, identifier)
    assert Request.of(far.requests[0]).line == f"GET {contract.asked_line} HTTP/1.1"


@every_carrier
async def test_a_carrier_that_cannot_be_asked_says_so(wire: Wire, contract: Contract) -> None:
    known = "" if contract.asked_line else contract.taken[2]
    adapter = contract.make("http://127.0.0.1:9")
    with pytest.raises(CannotBeAsked):
        await adapter.lookup(TEXT.message_id, known, wire)
    assert adapter.answers_questions is bool(contract.asked_line)


@each(lambda contract: contract.capable, lambda case: f"{case.status} {case.body}")
async def test_a_number_is_asked_about_as_the_carrier_wants_it(wire: Wire, contract: Contract, case: Capable) -> None:
    async with FarSide(answers(http(case.status, case.body))) as far:
        asking = contract.make(far.url).capability([TEXT.own_e164], wire)
        if isinstance(case.says, type):
            with pytest.raises(case.says):
                await asking
        else:
            assert await asking == ([CapabilityAnswer(TEXT.own_e164, *case.says)] if case.says else [])
    assert Request.of(far.requests[0]).line == f"{contract.capability_line} HTTP/1.1"


@every_carrier
async def test_a_carrier_that_knows_nothing_of_numbers_says_so(wire: Wire, contract: Contract) -> None:
    asking = contract.make(f"http://127.0.0.1:{unused_port()}").capability([TEXT.own_e164], wire)
    with pytest.raises(NotTaken if contract.capability_line else CannotBeAsked):
        await asking


# Webhooks


@each(lambda contract: contract.signed, lambda case: case.url[-40:])
def test_what_the_carrier_signed_is_the_carriers(contract: Contract, case: WebhookRequest) -> None:
    assert contract.make("http://127.0.0.1:9").verify(case, NOW)


@each(lambda contract: contract.unsigned, lambda case: repr(dict(case.headers)))
def test_everything_else_is_not(contract: Contract, case: WebhookRequest) -> None:
    assert not contract.make("http://127.0.0.1:9").verify(case, NOW)


@each(lambda contract: [*contract.signed, *contract.unsigned], lambda case: repr(dict(case.headers)))
def test_an_account_without_secrets_trusts_nobody(contract: Contract, case: WebhookRequest) -> None:
    assert not contract.without_secrets().verify(case, NOW)


@each(lambda contract: contract.told, lambda case: case.name)
def test_a_webhook_is_read_as_its_events(contract: Contract, case: Told) -> None:
    events = contract.make("http://127.0.0.1:9").parse(case.request)
    assert [_without_raw(event) for event in events] == [_without_raw(event) for event in case.events]
    receipts = [event for event in events if isinstance(event, ReceiptEvent)]
    assert all(json.loads(event.raw) for event in receipts)
    assert "words" not in "".join(event.raw for event in receipts)


def _without_raw(event: Any) -> Any:
    return event if isinstance(event, InboundText) else {**_fields(event), "raw": ""}


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__slots__}


@each(lambda contract: contract.malformed, lambda case: repr(case.body))
def test_what_cannot_be_understood_is_malformed(contract: Contract, case: WebhookRequest) -> None:
    with pytest.raises(MalformedWebhook):
        contract.make("http://127.0.0.1:9").parse(case)


@every_carrier
def test_a_taken_webhook_is_answered_as_the_carrier_wants(contract: Contract) -> None:
    answer = contract.make("http://127.0.0.1:9").webhook_answer
    assert (answer.content_type, answer.body) == contract.answer


@every_carrier
def test_an_operator_is_told_what_to_enter(contract: Contract) -> None:
    adapter = contract.make("http://127.0.0.1:9")
    names = [credential.name for credential in adapter.credentials]
    assert len(set(names)) == len(names)
    assert all(str(credential.description) for credential in adapter.credentials)
    assert {credential.needs for credential in adapter.credentials} <= {"", *names}
