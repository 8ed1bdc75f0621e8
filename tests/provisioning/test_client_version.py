"""The Webex app's version: compared as numbers, kept when it changed, refused when too old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from provisioning.client_version import too_old
from provisioning.models import User
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def get_me(browser: Client, version: str) -> Any:
    return browser.get("/api/v1/me", headers={"Webex-App-Version": version})


@pytest.mark.parametrize(
    "version", ["desktop/42.12", "desktop/42.12.0", "desktop/42.13", "desktop/43.0.1", "desktop/100.1", "mobile/43.2.0"]
)
def test_a_version_new_enough_is_served_and_kept(user: User, signed_in_as: Any, version: str) -> None:
    assert get_me(signed_in_as(user), version).status_code == 200
    assert User.objects.get(pk=user.pk).client_version == version


@pytest.mark.parametrize(
    ("version", "minimum"),
    [
        ("desktop/42.11.9", "desktop/42.12"),
        ("desktop/42.9", "desktop/42.12"),
        ("desktop/5.100", "desktop/42.12"),
        ("mobile/43.1.99", "mobile/43.2"),
        ("mobile/42.12", "mobile/43.2"),
    ],
)
def test_a_version_too_old_is_told_what_it_takes(user: User, signed_in_as: Any, version: str, minimum: str) -> None:
    response = get_me(signed_in_as(user), version)
    assert (response.status_code, response.json()["code"]) == (426, "client_too_old")
    assert response.json()["minimum"] == minimum
    assert minimum.split("/")[1] in response.json()["title"]
    assert User.objects.get(pk=user.pk).client_version == version


@pytest.mark.parametrize(
    "version", ["", "42.12.0", "desktop", "desktop/", "desktop/42", "desktop/42.x", "tablet/43.2", "desktop/42.12.0 ;",
                "Desktop/42.12", "desktop/٤٢.١٢", "desktop/" + "9" * 5000]
)  # fmt: skip
def test_what_is_not_a_version_is_refused(user: User, signed_in_as: Any, version: str) -> None:
    response = get_me(signed_in_as(user), version)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_client_version")
    assert "desktop/42.12.0" in response.json()["title"]
    assert User.objects.get(pk=user.pk).client_version == ""


def test_no_version_is_served(user: User, signed_in_as: Any) -> None:
    assert signed_in_as(user).get("/api/v1/me").status_code == 200


def test_the_same_version_again_is_not_written(
    user: User, signed_in_as: Any, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in_as(user)
    get_me(browser, "desktop/42.12.0")
    with django_assert_max_num_queries(20) as queries:
        get_me(browser, "desktop/42.12.0")
    assert [query["sql"] for query in queries.captured_queries if query["sql"].startswith("UPDATE")] == []


def test_when_it_was_seen_is_kept_to_a_minute(user: User, signed_in_as: Any) -> None:
    browser = signed_in_as(user)
    for after, kept in ((0, 0), (30, 0), (61, 61), (90, 61)):
        with time_machine.travel(NOW + timedelta(seconds=after), tick=False):
            get_me(browser, "desktop/42.12.0")
        assert User.objects.get(pk=user.pk).client_seen_at == NOW + timedelta(seconds=kept)
    with time_machine.travel(NOW + timedelta(seconds=91), tick=False):
        get_me(browser, "desktop/42.13.0")
    assert User.objects.get(pk=user.pk).client_seen_at == NOW + timedelta(seconds=91)


@pytest.mark.parametrize(
    ("sent", "needed"),
    [("desktop/42.11.9", "42.12"), ("desktop/42.12", ""), ("mobile/43.1", "43.2"), ("mobile/43.2.1", ""), ("", "")],
)
def test_a_version_once_seen_is_judged_later(sent: str, needed: str) -> None:
    assert too_old(sent) == needed


def test_the_version_of_nobody_is_not_looked_at() -> None:
    assert get_me(Client(), "desktop/1.0").status_code == 401
