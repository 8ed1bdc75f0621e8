"""Behind a proxy, the client's address is the one the proxy saw; without one, no header counts."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from texting_hub.proxy import client_address


def address(**headers: Any) -> str:
    """What the pages see as the client's address."""
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", **headers)
    client_address(lambda _request: HttpResponse())(request)
    return str(request.META["REMOTE_ADDR"])


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("not an address", "10.0.0.9"),
        ("", "10.0.0.9"),
    ],
)
def test_the_last_address_is_the_proxys_own_word(header: str, seen: str) -> None:
    assert address(HTTP_X_FORWARDED_FOR=header) == seen


def test_without_the_header_the_peer_stays() -> None:
    assert address() == "10.0.0.9"


async def test_the_live_stream_sees_it_too() -> None:
    async def page(request: Any) -> HttpResponse:
        return HttpResponse(request.META["REMOTE_ADDR"])

    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="203.0.113.7")
    response = await client_address(page)(request)
    assert response.content == b"203.0.113.7"


def test_without_a_proxy_nobody_picks_the_address_that_limits_count(settings: Any) -> None:
    from texting_hub.throttling import SignInThrottle

    assert "texting_hub.proxy.client_address" not in settings.MIDDLEWARE
    request = RequestFactory().post("/sign-in/", REMOTE_ADDR="10.0.0.9", HTTP_X_FORWARDED_FOR="203.0.113.7")
    assert SignInThrottle().get_ident(request) == "10.0.0.9"  # type: ignore[arg-type]
