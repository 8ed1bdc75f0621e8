"""Whatever goes wrong over the API is a problem document with a stable code."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from provisioning.models import User
from tests import factories
from texting_hub.throttling import ApiThrottle

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(full_admin: User, signed_in_as: Any) -> Client:
    client: Client = signed_in_as(full_admin)
    client.raise_request_exception = False
    return client


@pytest.fixture
def url(full_admin: User) -> str:
    return f"/api/v1/organizations/{full_admin.organization_id}/business-texting"


def is_problem(response: Any, status: int, code: str) -> bool:
    assert response["Content-Type"] == "application/problem+json"
    document = response.json()
    assert document["title"]
    assert document["type"] == f"urn:texting-hub:problem:{code}"
    return (response.status_code, document["status"], document["code"]) == (status, status, code)


def put(browser: Client, url: str, body: Any, content_type: str = "application/json") -> Any:
    return browser.put(url, body, content_type=content_type)


def test_nobody_is_asked_for_a_token(url: str) -> None:
    response = Client().get(url)
    assert is_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_role_that_lacks_the_permission_is_told_so(user: User, url: str, signed_in_as: Any) -> None:
    assert is_problem(signed_in_as(user).get(url), 403, "permission_denied")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/organizations/not-a-uuid/business-texting",
        "/api/v1/organizations/0192f0c1-0000-7000-8000-000000000000/business-texting",
        "/api/v1/nothing",
        "/api/v1/me/",
        "/api/",
    ],
)
def test_what_is_not_there_is_not_found(browser: Client, path: str) -> None:
    assert is_problem(browser.get(path), 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_method_that_is_not_taken_is_named_with_those_that_are(browser: Client, url: str, method: str) -> None:
    response = browser.generic(method, url)
    assert is_problem(response, 405, "method_not_allowed")
    assert {"GET", "PUT"} <= set(response["Allow"].split(", "))


@pytest.mark.parametrize("accept", ["text/html", "application/xml"])
def test_a_client_that_takes_no_json_is_told_so(browser: Client, url: str, accept: str) -> None:
    assert is_problem(browser.get(url, headers={"accept": accept}), 406, "not_acceptable")


def test_a_browser_that_prefers_pages_gets_json(browser: Client, url: str) -> None:
    response = browser.get(url, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_a_body_that_is_not_json_is_refused(browser: Client, url: str, content_type: str) -> None:
    assert is_problem(put(browser, url, "enabled=true", content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"enabled",
        b'{"enabled": NaN}',
        b'{"enabled": "\\ud800"}',
        b'{"enabled": "\xff"}',
        b"[" * 100_000,
        b"\x00",
    ],
)
def test_json_that_is_malformed_is_refused(browser: Client, url: str, body: bytes) -> None:
    assert is_problem(put(browser, url, body), 400, "malformed")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'"on"', b"1"])
def test_json_of_the_wrong_shape_is_pointed_at(browser: Client, url: str, body: bytes) -> None:
    response = put(browser, url, body)
    assert is_problem(response, 400, "invalid")
    assert response.json()["errors"]


@pytest.mark.parametrize("query", ["page_size=0", "page_size=201", "page_size=all", "page_size=", "cursor=nonsense"])
def test_a_page_that_cannot_be_is_pointed_at(browser: Client, query: str) -> None:
    response = browser.get(f"/api/v1/conversations?{query}")
    assert is_problem(response, 400, "invalid")
    assert [error["pointer"] for error in response.json()["errors"]] == ["/" + query.split("=", 1)[0]]


def test_a_body_too_large_is_refused(browser: Client, url: str) -> None:
    assert is_problem(put(browser, url, b'{"enabled": "' + b"x" * 1_000_001 + b'"}'), 413, "too_large")


def test_too_many_requests_are_told_how_long_to_wait(
    browser: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr(ApiThrottle, "rate", "1/min", raising=False)
    assert browser.get(url).status_code == 200
    response = browser.get(url)
    assert is_problem(response, 429, "rate_limited")
    assert 1 <= int(response["Retry-After"]) <= 61
    cache.clear()


def test_a_mistake_of_ours_has_a_request_id_and_no_details(
    browser: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: Any) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("provisioning.api.texting.check_organization", fail)
    response = browser.get(url)
    assert is_problem(response, 500, "server_error")
    assert response.json()["request_id"]
    assert b"secret" not in response.content


def test_a_refusal_carries_what_to_do(browser: Client, url: str, full_admin: User) -> None:
    organization = full_admin.organization
    assert organization is not None
    organization.texting_enabled, organization.customer_type = False, "trial"
    organization.save()
    response = put(browser, url, '{"enabled": true}')
    assert is_problem(response, 422, "customer_type")
    assert response.json()["title"] == "This organization is not eligible for texting capabilities"
    assert "enterprise agreement" in response.json()["remedy"]


def test_someone_deactivated_is_nobody(browser: Client, url: str, full_admin: User) -> None:
    User.objects.filter(pk=full_admin.pk).update(is_active=False)
    assert is_problem(browser.get(url), 401, "not_authenticated")


def test_an_operator_is_told_that_the_api_is_not_theirs(url: str, signed_in_as: Any) -> None:
    assert is_problem(signed_in_as(factories.OperatorFactory()).get(url), 403, "permission_denied")
