"""May the carrier have the text? Asked against real sockets, because the answer decides whether it is sent again."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from messaging.carriers import wire as wire_module
from messaging.carriers.base import NotTaken, Unconfirmed
from messaging.carriers.wire import LONGEST_REPLY, Reply, Wire
from tests.messaging.far_side import FarSide, answers, falls_silent, hangs_up, http, resets, then_closes, unused_port

OK = http("202 Accepted", '{"id":"c-1"}')


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire(timeout=0.5)
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
        wire = Wire(timeout=0.5)
        await post(wire, far.url)
        await wire.aclose()
    assert proxy.requests == []


async def test_a_request_that_cannot_be_written_is_not_taken(wire: Wire) -> None:
    async with FarSide(answers(OK)) as far:
        with pytest.raises(NotTaken):
            await wire.post(far.url, content=b"", headers={"authorization": "Bearer two\nlines"})
    assert far.requests == []


async def test_an_interim_answer_is_not_the_answer(wire: Wire) -> None:
    async with FarSide(answers(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)) as far:
        assert (await post(wire, far.url)).status == 202


async def test_a_reply_that_ends_with_the_connection_is_read_whole(wire: Wire) -> None:
    async with FarSide(hangs_up(b"HTTP/1.0 200 OK\r\n\r\nold ways")) as far:
        assert (await post(wire, far.url)).body == b"old ways"


async def test_texts_at_once_have_connections_of_their_own(wire: Wire) -> None:
    async with FarSide(answers(OK)) as far:
        replies = await asyncio.gather(*(post(wire, far.url, b"%d" % place) for place in range(20)))
        assert far.connections == 20
        await asyncio.gather(*(post(wire, far.url) for _ in range(20)))
        assert (far.connections, len(far.requests)) == (20, 40)
    assert {reply.status for reply in replies} == {202}


async def test_an_idle_connection_is_given_up_before_servers_do(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FarSide(answers(OK)) as far:
        await post(wire, far.url)
        later = time.monotonic() + 3.1
        monkeypatch.setattr(wire_module, "time", SimpleNamespace(monotonic=lambda: later))
        await post(wire, far.url)
        assert far.connections == 2


async def test_a_connection_that_says_something_unasked_is_not_used_again(wire: Wire) -> None:
    async with FarSide(answers(OK + b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"), answers(OK)) as far:
        await post(wire, far.url)
        assert (await post(wire, far.url)).status == 202
        assert far.connections == 2


async def test_a_cancelled_request_leaves_no_connection_behind(wire: Wire) -> None:
    async with FarSide(falls_silent(), answers(OK)) as far:
        task = asyncio.ensure_future(post(wire, far.url))
        await far.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await post(wire, far.url)
        assert far.connections == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody vouches for, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "far side")])
    now = datetime.now(tz=UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "far.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed.public_bytes(Encoding.PEM)
    )
    return path


def far_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_not_taken(wire: Wire, certificate: Path) -> None:
    async with FarSide(answers(OK), tls=far_tls(certificate)) as far:
        with pytest.raises(NotTaken):
            await post(wire, far.url)
    assert far.requests == []


async def test_a_trusted_carrier_is_spoken_to_over_tls_on_kept_alive_connections(wire: Wire, certificate: Path) -> None:
    wire._tls_context().load_verify_locations(certificate)
    async with FarSide(answers(OK), tls=far_tls(certificate)) as far:
        for _ in range(3):
            assert (await post(wire, far.url)).status == 202
    assert (far.connections, len(far.requests)) == (1, 3)


def test_tls_is_verified() -> None:
    context = Wire(timeout=0.5)._tls_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://carrier.example", "carrier.example"),
        ("https://carrier.example:443/v1", "carrier.example"),
        ("http://carrier.example:8080/", "carrier.example:8080"),
        ("http://[::1]:9000", "[::1]:9000"),
    ],
)
def test_the_host_is_named_as_in_the_address(url: str, host: str) -> None:
    assert wire_module._parsed(url)[0].name == host
