"""The search in the top bar finds users, numbers and locations within reach, and says where the rest is."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from provisioning.models import Organization, User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(full_admin: User, signed_in_as: Any) -> Client:
    browser: Client = signed_in_as(full_admin)
    return browser


def found(browser: Client, typed: str) -> Any:
    answer = browser.get(reverse("search"), {"q": typed})
    assert answer.status_code == 200
    return answer.context


def test_one_word_finds_users_numbers_and_locations(organization: Organization, browser: Client) -> None:
    place = factories.LocationFactory(organization=organization, name="Silverlake House")
    person = factories.UserFactory(location=place, last_name="Silverlake")
    number = factories.PhoneNumberFactory(organization=organization, location=place, user=person)
    context = found(browser, "SILVERL")
    assert (context["users"], context["numbers"], context["locations"]) == ([person], [number], [place])


@pytest.mark.parametrize("typed", ["+1 (415) 555-0199", "4155550199", "0199"])
def test_digits_find_the_number_and_who_has_it(organization: Organization, browser: Client, typed: str) -> None:
    person = factories.UserFactory(location=factories.LocationFactory(organization=organization))
    number = factories.PhoneNumberFactory(organization=organization, e164="+14155550199", user=person)
    context = found(browser, typed)
    assert (context["users"], context["numbers"]) == ([person], [number])


def test_five_of_each_are_shown_and_the_way_to_all(organization: Organization, browser: Client) -> None:
    place = factories.LocationFactory(organization=organization, name="Harbor")
    for _person in range(7):
        factories.UserFactory(location=place, first_name="Harbor")
    context = found(browser, "harbor")
    assert len(context["users"]) == 5
    assert context["more"] == {"users": True, "numbers": False, "locations": False}
    assert "All users found" in browser.get(reverse("search"), {"q": "harbor"}).content.decode()


def test_nothing_of_another_organization_is_found(browser: Client, stranger: User) -> None:
    context = found(browser, stranger.email)
    assert not context["any"]


def test_a_location_administrator_finds_only_what_is_at_the_named_locations(
    organization: Organization, signed_in_as: Any
) -> None:
    mine, other = (factories.LocationFactory(organization=organization, name=name) for name in ("Quay 1", "Quay 2"))
    for place in (mine, other):
        person = factories.UserFactory(location=place, last_name="Quayle")
        factories.PhoneNumberFactory(organization=organization, location=place, user=person)
    bound = factories.with_role(factories.UserFactory(location=mine, last_name="Boss"), "location_admin", mine)
    context = found(signed_in_as(bound), "quay")
    assert [row.location for row in context["users"]] == [mine]
    assert [row.location for row in context["numbers"]] == [mine]
    assert context["locations"] == [mine]


@pytest.mark.parametrize("typed", ["", "   ", "\x00", "%", "x" * 5000, "<script>"])
def test_whatever_is_typed_is_answered(browser: Client, typed: str) -> None:
    html = browser.get(reverse("search"), {"q": typed}).content.decode()
    assert "&lt;script&gt;" in html or typed != "<script>"


def test_a_search_takes_few_queries(
    organization: Organization, browser: Client, django_assert_max_num_queries: Any
) -> None:
    place = factories.LocationFactory(organization=organization, name="Harbor")
    for _person in range(4):
        person = factories.UserFactory(location=place, first_name="Harbor")
        factories.PhoneNumberFactory(organization=organization, location=place, user=person)
    with django_assert_max_num_queries(8):
        found(browser, "harbor")
