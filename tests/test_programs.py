"""A bearer token's request goes straight to the API: no browser's half, and everything that holds for all requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_structlog.signals import bind_extra_request_finished_metadata
from rest_framework.views import APIView
from structlog.contextvars import get_contextvars

from provisioning.changes import Actor
from provisioning.models import User
from provisioning.tokens import issue
from texting_hub import programs
from texting_hub.urls import api_v1

pytestmark = pytest.mark.django_db


def bearer(user: User) -> dict[str, Any]:
    later = timezone.now() + timedelta(days=1)
    plain = issue(user, name="test", scopes=["people:read"], expires_at=later, actor=Actor.system("test"))[1]
    return {"HTTP_AUTHORIZATION": f"Bearer {plain}"}


def test_every_address_of_the_api_asks_for_itself_who_it_is() -> None:
    """What gets past the browsers' checks of a sign-in must refuse by itself."""
    assert api_v1
    for pattern in api_v1:
        view = getattr(pattern.callback, "cls", None)
        assert view is not None, f"{pattern} is no view of the API"
        assert issubclass(view, APIView), f"{pattern} is no view of the API"


def test_the_browsers_half_is_not_asked(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_arguments: Any) -> None:
        raise AssertionError("a program has no session")

    headers, browser = bearer(user), Client()
    assert browser.get("/api/v1/me", **headers).status_code == 200
    monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_request", asked)
    assert browser.get("/api/v1/me", **headers).status_code == 200
    with pytest.raises(AssertionError, match="no session"):
        browser.get("/api/v1/me")


def test_the_token_decides_whoever_is_signed_in_beside_it(user: User, stranger: User, signed_in_as: Any) -> None:
    browser = signed_in_as(stranger)
    assert browser.get("/api/v1/me", **bearer(user)).json()["id"] == str(user.pk)
    assert browser.get("/api/v1/me").json()["id"] == str(stranger.pk)


@pytest.mark.parametrize("header", ["Bearer", "bearer  ", "BEARER hub_nothing", "Bearer hub_000000000000_x"])
def test_a_token_that_is_no_good_is_refused_whoever_is_signed_in(
    stranger: User, signed_in_as: Any, header: str
) -> None:
    answer = signed_in_as(stranger).get("/api/v1/me", HTTP_AUTHORIZATION=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


def test_another_scheme_is_a_browsers_request(stranger: User, signed_in_as: Any) -> None:
    answer = signed_in_as(stranger).get("/api/v1/me", HTTP_AUTHORIZATION="Basic eDp5")
    assert answer.json()["id"] == str(stranger.pk)


def test_pages_are_never_reached_by_a_token(user: User) -> None:
    answer = Client().get("/inbox/", **bearer(user))
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/inbox/")


def test_answers_and_refusals_bring_the_same_headers(user: User) -> None:
    headers = bearer(user)
    for path, status in (("/api/v1/me", 200), ("/api/v1/nothing", 404), ("/api/v1/messages", 403)):
        answer = Client().get(path, **headers)
        assert (answer.status_code, path) == (status, path)
        for name, value in programs.HEADERS.items():
            assert answer[name] == value
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Language"] == "en"
        assert answer["Content-Length"] == str(len(answer.content))
        assert not answer.cookies


def test_what_is_not_there_is_a_problem_document(user: User) -> None:
    answer = Client().get("/api/v1/nothing", **bearer(user))
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_what_nobody_foresaw_is_a_problem_document_and_logged(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("provisioning.api.texting.Me.get", fails)
    answer = Client(raise_request_exception=False).get("/api/v1/me", **bearer(user))
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")


def test_another_hosts_name_is_refused(user: User) -> None:
    assert Client().get("/api/v1/me", HTTP_HOST="elsewhere.example", **bearer(user)).status_code == 400


def test_a_body_that_is_too_large_is_refused_unread(user: User) -> None:
    answer = Client().post(
        "/api/v1/messages", b"x", content_type="application/json", CONTENT_LENGTH="99999999", **bearer(user)
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_log_lines_name_the_request_the_user_and_the_address_that_counts(user: User) -> None:
    """Anybody can send X-Forwarded-For; texting_hub/proxy.py decides what of it to believe."""
    seen: list[dict[str, Any]] = []

    def note(**_told: Any) -> None:
        seen.append(dict(get_contextvars()))

    bind_extra_request_finished_metadata.connect(note)
    try:
        Client().get("/api/v1/me", REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="198.51.100.1", **bearer(user))
    finally:
        bind_extra_request_finished_metadata.disconnect(note)
    assert (seen[0]["ip"], seen[0]["user_id"]) == ("192.0.2.7", str(user.pk))
    assert seen[0]["request_id"]
