"""The exchange log keeps what support needs, and nothing of a text or a number."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from messaging.carriers.base import NotTaken, Unconfirmed
from messaging.carriers.exchanges import Kept, recording, redacted, without_content
from messaging.carriers.wire import Wire
from tests.messaging.far_side import FarSide, answers, hangs_up, http, unused_port

KEPT = Kept(frozenset({"sid", "code"}), frozenset({"message"}), "Meet me at the old mill")


def test_ids_codes_and_sentences_are_kept() -> None:
    answer = {"sid": "SM0123", "code": 21211, "message": "Rate limit exceeded", "to": "+14155550122", "body": "Meet me"}
    assert redacted(json.dumps(answer).encode(), KEPT) == "sid: SM0123, code: 21211, message: Rate limit exceeded"


def test_fields_are_found_at_any_depth() -> None:
    answer = {"errors": [{"detail": {"code": 7}}, {"message": "No route"}], "text": {"body": "Meet me"}}
    assert redacted(json.dumps(answer).encode(), KEPT) == "code: 7, message: No route"


@pytest.mark.parametrize("answer", [b"", b"garbage", b"<html>Meet me</html>", b"\xff", b"[" * 5000])
def test_of_what_is_no_json_the_size_is_kept(answer: bytes) -> None:
    assert redacted(answer, KEPT) == f"{len(answer)} bytes, no JSON"


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("The 'To' number +1 (415) 555-0122 is not valid", "The … number …22 is not valid"),
        ("To number: 4155550122.", "To number: …22."),
        ("'+14155550122' must be valid", "… must be valid"),
        ("Text “Meet” not allowed", "Text … not allowed"),
        ('Found "Meet me', "Found …"),
        ("Body MEET ME AT THE OLD MILL is spam", "Body … is spam"),
        ("It's the carrier's fault", "It's the carrier's fault"),
        ("Error 21211, HTTP 400", "Error 21211, HTTP 400"),
    ],
)
def test_sentences_lose_numbers_quotations_and_the_body(sentence: str, kept: str) -> None:
    assert without_content(sentence, KEPT.body) == kept


# Without spaces, which a shown sentence has fewer of, and without what stands for what is hidden.
bodies = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"], exclude_characters="…"), min_size=6, max_size=60)


@given(
    body=bodies, before=st.text(max_size=20), after=st.text(max_size=20), name=st.sampled_from(["sid", "message", "x"])
)
def test_no_body_survives_wherever_the_carrier_repeats_it(body: str, before: str, after: str, name: str) -> None:
    said = f"{before}{body}{after}"
    for answer in ({name: said}, [{"errors": [{name: said}]}], {name: [said]}, {said[:40]: 1}):
        told = redacted(json.dumps(answer).encode(), Kept(KEPT.identifiers, KEPT.sentences, body))
        shown = told.partition(": ")[2]
        assert body.casefold() not in shown.casefold()


@given(
    number=st.from_regex(r"\+?[1-9](?:[ .-]?[0-9]){8,13}", fullmatch=True).filter(str.isascii),
    name=st.sampled_from(["sid", "message", "code"]),
    frame=st.sampled_from(["{}", "number {} is bad", "({})", "to:{}!", "x{}y"]),
)
def test_of_a_number_only_two_digits_survive(number: str, name: str, frame: str) -> None:
    assume(frame != "x{}y" or name not in KEPT.identifiers)  # What letters stand around is an id: SM12345678901.
    told = redacted(json.dumps({name: frame.format(number)}).encode(), KEPT).partition(": ")[2]
    assert re.findall(r"\d\D?\d\D?\d", told) == []


@pytest.mark.parametrize("code", [4155550122, 14155550122])
def test_a_number_that_comes_as_a_code_is_masked(code: Any) -> None:
    assert redacted(json.dumps({"code": code}).encode(), KEPT) == "code: …22"


# Over the wire


async def test_an_exchange_is_recorded_whether_it_ends_well_or_not() -> None:
    wire = Wire(timeout=1.0)
    answer = http("202 Accepted", '{"sid": "SM1", "body": "Meet me"}')
    async with FarSide(answers(answer), hangs_up()) as far:
        with recording() as exchanges:
            await wire.post(f"{far.url}/messages?to=+14155550122", content=b"Meet me", headers={}, kept=KEPT)
            with pytest.raises(Unconfirmed):
                await wire.get(f"{far.url}/messages/SM1", headers={}, kept=KEPT)
            with pytest.raises(NotTaken):
                await wire.post(f"http://127.0.0.1:{unused_port()}/x", content=b"", headers={})
            with pytest.raises(NotTaken):
                await wire.get("http://[::1", headers={})
    await wire.aclose()
    assert [(seen.method, seen.target, seen.status) for seen in exchanges] == [
        ("POST", "/messages", 202),
        ("GET", "/messages/SM1", 0),
        ("POST", "/x", 0),
        ("GET", "", 0),
    ]
    assert exchanges[0].response == "sid: SM1"
    assert exchanges[1].response.startswith("Unconfirmed: ")
    assert exchanges[2].response.startswith("NotTaken: ")
    assert all(0 <= seen.milliseconds < 10_000 for seen in exchanges)


async def test_texts_at_once_are_recorded_apart() -> None:
    wire = Wire(timeout=1.0)

    async def send(path: str) -> list[str]:
        with recording() as exchanges:
            await wire.post(f"{far.url}{path}", content=b"", headers={})
        return [exchange.target for exchange in exchanges]

    async with FarSide(answers(http("202 Accepted"))) as far:
        assert await asyncio.gather(*(send(f"/{place}") for place in range(20))) == [[f"/{n}"] for n in range(20)]
    await wire.aclose()


async def test_outside_of_a_recording_nothing_is_kept() -> None:
    wire = Wire(timeout=1.0)
    async with FarSide(answers(http("202 Accepted"))) as far:
        with recording() as exchanges:
            pass
        await wire.post(far.url, content=b"", headers={})
    await wire.aclose()
    assert exchanges == []
