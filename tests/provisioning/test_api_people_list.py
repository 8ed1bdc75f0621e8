"""GET /api/v1/people: the Users list over the API."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.models import Organization, User
from tests import factories
from tests.provisioning.test_api_people import Caller, bound_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(full_admin: User) -> Caller:
    return Caller(full_admin, "people:read")


def emails(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [person["email"] for person in answer.json()["results"]]


def test_people_are_listed_newest_first_with_what_the_page_shows(call: Caller, user: User) -> None:
    person = call("get", "people").json()["results"][0]
    assert person["email"] == user.email
    assert user.location is not None
    assert person["location"] == {"id": str(user.location_id), "name": user.location.name}
    assert person["primary_number"] == user.primary_number.e164
    assert person["business_texting"] == {
        "enabled": True, "source": "organization", "can_receive": True, "can_send": True, "code": "",
    }  # fmt: skip


def test_why_somebody_is_not_eligible_is_a_code(call: Caller, organization: Organization) -> None:
    factories.texting_user(organization, license="none", email="nobody@x.example")
    [person] = call("get", "people?requirement=license").json()["results"]
    assert person["email"] == "nobody@x.example"
    assert person["business_texting"] == {
        "enabled": True, "source": "organization", "can_receive": False, "can_send": False, "code": "license",
    }  # fmt: skip


def test_pages_follow_each_other_and_show_everybody_once(call: Caller, organization: Organization) -> None:
    for _each in range(7):
        factories.UserFactory(organization=organization, location=None)
    everyone = list(User.objects.filter(organization=organization).order_by("-id").values_list("email", flat=True))
    address, shown, pages = "people?page_size=3", [], 0
    while address:
        answer = call("get", address)
        shown += emails(answer)
        following = answer.json()["next"]
        address = following and following.partition("/api/v1/")[2]
        pages += 1
    assert shown == everyone
    assert pages == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=ada", ["ada@x.example"]),
        ("status=off", ["ada@x.example"]),
        ("source=user", ["ada@x.example"]),
        ("license=standard", ["ben@x.example"]),
        ("requirement=license:not_met&license=standard", ["ben@x.example"]),
        ("requirement=number_capability:waiting&q=cy", ["cy@x.example"]),
        ("account=deactivated", ["cy@x.example"]),
        ("location=none&q=cy", ["cy@x.example"]),
        ("status=not_eligible&q=x.example", ["cy@x.example", "ben@x.example"]),
    ],
)
def test_the_filters_are_those_of_the_page(
    call: Caller, organization: Organization, query: str, expected: list[str]
) -> None:
    factories.texting_user(organization, email="ada@x.example", texting_setting="off")
    factories.texting_user(organization, email="ben@x.example", license="standard")
    factories.UserFactory(organization=organization, location=None, email="cy@x.example", is_active=False)
    assert emails(call("get", f"people?{query}")) == expected


def test_one_location_is_filtered_by_its_id(call: Caller, organization: Organization, user: User) -> None:
    factories.texting_user(organization)
    assert emails(call("get", f"people?location={user.location_id}")) == [user.email]


@pytest.mark.parametrize(
    "query",
    [
        "status=nonsense",
        "requirement=nonsense",
        "license=gold",
        "account=x",
        "source=x",
        "location=xyz",
        f"q={'a' * 201}",
    ],
)
def test_a_filter_that_is_not_known_is_refused(call: Caller, query: str) -> None:
    answer = call("get", f"people?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


def test_nobody_of_another_organization_is_listed_or_found_by_number(call: Caller, stranger: User) -> None:
    assert stranger.email not in emails(call("get", "people"))
    assert emails(call("get", f"people?q={stranger.primary_number.e164.removeprefix('+')}")) == []
    assert emails(call("get", f"people?location={stranger.location_id}")) == []


def test_a_location_administrator_lists_the_named_locations_only(organization: Organization, user: User) -> None:
    elsewhere = factories.texting_user(organization)
    call = bound_to(user.location, "people:read")
    assert emails(call("get", "people")) == [user.email]
    assert emails(call("get", f"people?q={elsewhere.primary_number.e164[2:]}")) == []
    assert emails(call("get", f"people?location={elsewhere.location_id}")) == []


def test_a_token_without_the_scope_lists_nobody(full_admin: User) -> None:
    assert Caller(full_admin, "people:write")("get", "people").status_code == 403


def test_a_list_takes_as_many_queries_for_fifty_as_for_one(
    call: Caller, organization: Organization, django_assert_max_num_queries: Any
) -> None:
    for _each in range(55):
        factories.texting_user(organization)
    call("get", "people")
    with django_assert_max_num_queries(9):
        assert len(emails(call("get", "people"))) == 50
