"""Reading replies: however they are cut, whatever is in them, the outcome is a reply or Unconfirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.carriers.base import Unconfirmed
from messaging.carriers.wire import LONGEST, LONGEST_HEAD, LONGEST_REPLY, Reply, Wire, _Reading
from tests.messaging.far_side import FarSide, answers, hangs_up, http

PLAIN = http("202 Accepted", '{"id":"c-1"}', "Retry-After: 7\r\nX-Empty:\r\n")
CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
    b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5;ext=1\r\n{"id"\r\n7\r\n:"c-1"}\r\n0\r\nX-Trailer: 1\r\n\r\n'
)
UNTIL_THE_END = b'HTTP/1.0 202 Accepted\r\nServer: old\r\n\r\n{"id":"c-1"}'
REPLIES = [PLAIN, CHUNKED, UNTIL_THE_END]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire(timeout=0.5)
    yield wire
    await wire.aclose()


def read(*pieces: bytes, ends: bool = True) -> Reply | None:
    """Raises httptools.HttpParserError."""
    reading = _Reading()
    for piece in pieces:
        reading.feed(piece)
    if ends and reading.reply is None:
        reading.end()
    return reading.reply


@given(raw=st.sampled_from(REPLIES), cuts=st.lists(st.integers(0, 250), max_size=12))
def test_a_reply_is_the_same_however_it_is_cut(raw: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(raw)]
    pieces = [raw[start:end] for start, end in pairwise(places)]
    reply = read(*pieces)
    assert reply == read(raw)
    assert reply is not None
    assert (reply.status, reply.body) == (202, b'{"id":"c-1"}')
    assert not reply.headers.keys() & {"x-early", "x-trailer"}


@given(raw=st.sampled_from([PLAIN, CHUNKED]), length=st.integers(0, 250))
def test_a_reply_that_is_not_whole_is_none(raw: bytes, length: int) -> None:
    part = raw[: min(length, len(raw) - 1)]
    with pytest.raises(httptools.HttpParserError):
        read(part)


@given(
    raw=st.sampled_from(REPLIES),
    place=st.integers(0, 250),
    junk=st.binary(min_size=1, max_size=8),
    replaced=st.integers(0, 8),
)
def test_whatever_is_in_it_only_one_kind_of_error_comes_out(raw: bytes, place: int, junk: bytes, replaced: int) -> None:
    place %= len(raw)
    try:
        reply = read(raw[:place] + junk + raw[place + replaced :])
    except httptools.HttpParserError:
        return
    assert reply is not None
    assert 200 <= reply.status <= 999


HEAD = b"HTTP/1.1 202 Accepted\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 20 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2022 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2.0 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"ICY 200 OK\r\n\r\nabc",
        HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        HEAD + b"Content-Length: -3\r\n\r\nabc",
        HEAD + b"Content-Length: 3x\r\n\r\nabc",
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\nabc",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        HEAD + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"no colon\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"X y: 1\r\nContent-Length: 0\r\n\r\n",
        HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n",
        HEAD + b"X: " + b"a" * (LONGEST_HEAD + 1),
        (b"HTTP/1.1 103 Early\r\nX: " + b"a" * 1000 + b"\r\n\r\n") * 20,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * (LONGEST // 6 + 1),
    ],
)
async def test_what_is_no_whole_reply_is_unconfirmed(wire: Wire, raw: bytes) -> None:
    with pytest.raises(httptools.HttpParserError):
        read(raw)
    async with FarSide(hangs_up(raw)) as far:
        with pytest.raises(Unconfirmed):
            await wire.post(far.url, content=b"text", headers={})
        assert len(far.requests) == 1


@pytest.mark.parametrize(
    "raw",
    [
        http("202 Accepted", "abc", "Connection: close\r\n"),
        http("202 Accepted", "abc").replace(b"1.1", b"1.0"),
        http("202 Accepted", "abc") + b"x",
        http("202 Accepted", "abc") + http("200 OK", "another"),
        http("202 Accepted", "a" * (LONGEST_REPLY + 1)),
    ],
    ids=["it says close", "HTTP/1.0", "a letter more", "a reply more", "more than is read"],
)
async def test_after_such_a_reply_the_connection_is_not_used_again(wire: Wire, raw: bytes) -> None:
    async with FarSide(answers(raw), answers(PLAIN)) as far:
        assert (await wire.post(far.url, content=b"text", headers={})).status == 202
        assert (await wire.post(far.url, content=b"text", headers={})).body == b'{"id":"c-1"}'
        assert far.connections == 2


async def test_an_offer_to_upgrade_is_not_taken_up(wire: Wire) -> None:
    offer = http("202 Accepted", "abc", "Upgrade: h2,h2c\r\nConnection: Upgrade\r\n")
    async with FarSide(answers(offer)) as far:
        assert (await wire.post(far.url, content=b"text", headers={})).body == b"abc"


@pytest.mark.parametrize("raw", [CHUNKED, b"HTTP/1.1 204 No Content\r\n\r\n", PLAIN])
async def test_after_a_whole_reply_it_is(wire: Wire, raw: bytes) -> None:
    async with FarSide(answers(raw)) as far:
        for _ in range(3):
            assert (await wire.get(far.url, headers={})).status in (202, 204)
        assert far.connections == 1
