"""May the carrier have the text? Asked against real sockets, because the answer decides whether it is sent again."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import respx

from messaging.carriers.base import NotTaken, Unconfirmed
from messaging.carriers.wire import LONGEST_REPLY, Reply, Wire
from tests.messaging.far_side import FarSide, answers, falls_silent, hangs_up, http, resets, then_closes, unused_port

OK = http("202 Accepted", '{"id":"c-1"}')


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire(connections=4, timeout=0.5)
    yield wire
    await wire.aclose()


async def post(wire: Wire, url: str, content: bytes = b'{"body":"Hello"}') -> Reply:
    return await wire.post(f"{url}/v1/messages", content=content, headers={"content-type": "application/json"})


async def test_a_reply_comes_back_with_its_status_headers_and_body(wire: Wire) -> None:
    async with FarSide(answers(http("429 Too Many", "slow down", "Retry-After: 7\r\n"))) as far:
        reply = await post(wire, far.url)
    assert (reply.status, reply.headers["retry-after"], reply.body) == (429, "7", b"slow down")
    assert far.requests[0].endswith(b'\r\n\r\n{"body":"Hello"}')


async def test_connections_are_kept_alive(wire: Wire) -> None:
    async with FarSide(answers(OK)) as far:
        for _ in range(5):
            await post(wire, far.url)
    assert (far.connections, len(far.requests)) == (1, 5)


async def test_a_refused_connection_is_not_taken(wire: Wire) -> None:
    with pytest.raises(NotTaken):
        await post(wire, f"http://127.0.0.1:{unused_port()}")


async def test_a_name_that_does_not_resolve_is_not_taken(wire: Wire) -> None:
    with pytest.raises(NotTaken):
        await post(wire, "http://carrier.invalid")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1", "http://[::1", "http://127.0.0.1:99999"])
async def test_an_address_that_makes_no_sense_is_not_taken(wire: Wire, url: str) -> None:
    with pytest.raises(NotTaken):
        await post(wire, url)


async def test_a_server_that_speaks_no_tls_is_not_taken(wire: Wire) -> None:
    async with FarSide(answers(b"hello\r\n")) as far:
        with pytest.raises(NotTaken):
            await post(wire, far.url.replace("http:", "https:"))
    assert far.requests == []


async def test_a_connection_that_is_never_accepted_is_not_taken(wire: Wire) -> None:
    """The listener's queue is full: the handshake gets no answer, and the timeout strikes before a byte of ours."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        with pytest.raises(NotTaken):
            await post(wire, f"http://127.0.0.1:{listener.getsockname()[1]}")


async def test_silence_after_the_request_is_unconfirmed(wire: Wire) -> None:
    async with FarSide(falls_silent()) as far:
        with pytest.raises(Unconfirmed):
            await post(wire, far.url)
        assert len(far.requests) == 1


@pytest.mark.parametrize(
    "behaviour",
    [hangs_up(), resets(), hangs_up(b"HTTP/1.1 202 Acc"), hangs_up(b"garbage\r\n\r\n"), hangs_up(OK[:-4])],
    ids=["hangs up", "resets", "half a status line", "no HTTP", "half a body"],
)
async def test_what_breaks_off_after_the_request_is_unconfirmed_and_sent_once(wire: Wire, behaviour: Any) -> None:
    async with FarSide(behaviour) as far:
        with pytest.raises(Unconfirmed):
            await post(wire, far.url)
        await asyncio.sleep(0)
        assert len(far.requests) == 1


async def test_a_connection_closed_while_idle_is_not_used_again(wire: Wire) -> None:
    async with FarSide(then_closes(OK)) as far:
        await post(wire, far.url)
        await far.ended.wait()
        await post(wire, far.url)
        assert len(far.requests) == far.connections == 2


async def test_a_kept_alive_connection_that_breaks_under_a_request_is_unconfirmed_not_repeated(wire: Wire) -> None:
    async with FarSide(answers(OK), hangs_up()) as far:
        await post(wire, far.url)
        with pytest.raises(Unconfirmed):
            await post(wire, far.url)
        assert (far.connections, len(far.requests)) == (1, 2)


async def test_a_redirect_is_an_answer_not_an_order(wire: Wire) -> None:
    async with (
        FarSide(answers(OK)) as other,
        FarSide(answers(http("307 Moved", "", f"Location: {other.url}\r\n"))) as far,
    ):
        assert (await post(wire, far.url)).status == 307
    assert other.requests == []


async def test_a_reply_without_end_is_cut_off(wire: Wire) -> None:
    async with FarSide(answers(http("202 Accepted", "x" * 10 * LONGEST_REPLY))) as far:
        assert len((await post(wire, far.url)).body) == LONGEST_REPLY


async def test_no_reply_is_unpacked(wire: Wire) -> None:
    async with FarSide(answers(http("202 Accepted", "not gzip", "Content-Encoding: gzip\r\n"))) as far:
        assert (await post(wire, far.url)).body == b"not gzip"
    assert b"accept-encoding: identity" in far.requests[0].lower()


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FarSide(answers(OK)) as proxy, FarSide(answers(OK)) as far:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        wire = Wire(connections=1, timeout=0.5)
        await post(wire, far.url)
        await wire.aclose()
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError, NotTaken),
        (httpx.ConnectTimeout, NotTaken),
        (httpx.PoolTimeout, NotTaken),
        (httpx.UnsupportedProtocol, NotTaken),
        (httpx.ReadTimeout, Unconfirmed),
        (httpx.WriteTimeout, Unconfirmed),
        (httpx.ReadError, Unconfirmed),
        (httpx.WriteError, Unconfirmed),
        (httpx.CloseError, Unconfirmed),
        (httpx.RemoteProtocolError, Unconfirmed),
        (httpx.LocalProtocolError, Unconfirmed),
        (httpx.ProxyError, Unconfirmed),
        (httpx.DecodingError, Unconfirmed),
        (httpx.TooManyRedirects, Unconfirmed),
    ],
)
async def test_every_error_of_the_http_client_has_its_meaning(
    wire: Wire, error: type[httpx.RequestError], kind: type[Exception]
) -> None:
    with respx.mock(base_url="http://carrier.example") as router:
        router.post("/v1/messages").mock(side_effect=error)
        with pytest.raises(kind):
            await post(wire, "http://carrier.example")


def test_no_error_of_the_http_client_was_left_out() -> None:
    named = set(_parametrized(test_every_error_of_the_http_client_has_its_meaning))
    concrete = {kind for kind in _kinds(httpx.RequestError) if not kind.__subclasses__()}
    assert concrete <= named


def _kinds(base: type[Exception]) -> set[type[Exception]]:
    return {base}.union(*(_kinds(kind) for kind in base.__subclasses__()))


def _parametrized(test: Any) -> list[type[Exception]]:
    (mark,) = (mark for mark in test.pytestmark if mark.name == "parametrize")
    return [case[0] for case in mark.args[1]]


def test_tls_is_verified() -> None:
    wire = Wire(connections=1, timeout=0.5)
    context: ssl.SSLContext = wire._client._transport._pool._ssl_context  # type: ignore[attr-defined]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
