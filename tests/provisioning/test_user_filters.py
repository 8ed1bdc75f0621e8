"""Which users a filter finds: the list, the export and bulk actions ask here."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings

from provisioning.eligibility import KnownRoot, RequirementState, annotate_standing, check_user
from provisioning.eligibility.standing import RULES_OF_USERS, standing
from provisioning.enablement import Source, resolve
from provisioning.forms.users import CHOICES, REQUIREMENTS, WAITING_CODES
from provisioning.models import Location, Organization, User
from provisioning.user_filters import FEW, NO_LOCATION, narrow, narrow_for_list, narrow_places, narrows
from tests import factories
from tests.provisioning.test_eligibility_agrees import stored
from tests.provisioning.worlds import Draft, drafts

pytestmark = pytest.mark.django_db


def found(organization: Organization, **values: str) -> set[str]:
    """The last names of those who are found."""
    users = User.objects.filter(organization=organization)
    return {user.last_name for user in narrow(users, values, KnownRoot.of(organization))}


def named(organization: Organization, last_name: str, **fields: Any) -> User:
    return factories.texting_user(organization, first_name="", last_name=last_name, **fields)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drafts())
def test_every_filter_finds_those_of_whom_the_rules_say_so_and_nobody_else(draft: Draft) -> None:
    with stored(draft) as world:
        for organization in world.organizations:
            people = [user for user in world.users if user.organization_id == organization.pk]
            everyone = User.objects.filter(pk__in=[user.pk for user in people])
            root = KnownRoot.of(organization)
            for name, value in every_filter():
                expected = {user.pk for user in people if fits(user, name, value)}
                assert {user.pk for user in narrow(everyone, {name: value}, root)} == expected, (name, value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drafts())
def test_nobody_who_is_found_is_at_a_location_that_is_passed(draft: Draft) -> None:
    with stored(draft) as world:
        for organization in world.organizations:
            root, own = KnownRoot.of(organization), Location.objects.filter(organization=organization)
            for name, value in every_filter():
                found = narrow(User.objects.filter(organization=organization), {name: value}, root)
                at = set(found.filter(location__in=own).values_list("location_id", flat=True))
                assert at <= set(narrow_places(own, {name: value}).values_list("pk", flat=True)), (name, value)


def every_filter() -> list[tuple[str, str]]:
    return [(name, value) for name, values in CHOICES.items() for value in values]


def fits(user: User, name: str, value: str) -> bool:
    """By the Python rules."""
    if name == "source":
        return resolve(user).source is Source(value)
    if name == "requirement":
        code, _, state = value.partition(":")
        actual = next(item.state for item in check_user(user) if item.code == code)
        return actual is RequirementState(state) if state else actual is not RequirementState.MET
    if name == "status":
        return status_of(user) == value
    if name == "license":
        return user.license == value
    return value == ("active" if user.is_active else "deactivated")


def status_of(user: User) -> str:
    if not user.is_active or any(item.stops_texting for item in check_user(user)):
        return "not_eligible"
    return "on" if standing(user).can_receive else "off"


def test_every_requirement_can_be_filtered_by_each_state_it_can_have() -> None:
    codes = {rule.code for rule in RULES_OF_USERS}
    assert codes <= REQUIREMENTS
    assert {f"{code}:not_met" for code in codes} <= REQUIREMENTS
    assert {name.partition(":")[0] for name in REQUIREMENTS if name.endswith(":waiting")} == set(WAITING_CODES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drafts())
def test_no_requirement_waits_that_the_list_does_not_offer_as_waiting(draft: Draft) -> None:
    with stored(draft) as world:
        rows = annotate_standing(User.objects.filter(pk__in=[user.pk for user in world.users]))
        waiting = {
            rule.code
            for row in rows
            for rule in RULES_OF_USERS
            if getattr(row, f"req_{rule.code}") == RequirementState.WAITING.value
        }
        assert waiting <= set(WAITING_CODES)


def test_an_account_is_active_invited_or_deactivated(organization: Organization) -> None:
    named(organization, "Seen", last_login=factories.NOW, invited_at=factories.NOW)
    named(organization, "NeverAsked")
    named(organization, "Asked", invited_at=factories.NOW)
    named(organization, "Gone", invited_at=factories.NOW, is_active=False)
    assert found(organization, account="active") == {"Seen", "NeverAsked"}
    assert found(organization, account="invited") == {"Asked"}
    assert found(organization, account="deactivated") == {"Gone"}


def test_those_without_a_location_are_found(organization: Organization) -> None:
    named(organization, "Somewhere")
    factories.UserFactory(organization=organization, location=None, last_name="Nowhere")
    assert found(organization, location=NO_LOCATION) == {"Nowhere"}


def test_short_words_begin_a_name_and_longer_ones_stand_anywhere(organization: Organization) -> None:
    for last_name in ("Li", "Lindqvist", "Ali", "O’Neill"):
        named(organization, last_name)
    assert found(organization, q="li") == {"Li", "Lindqvist"}
    assert found(organization, q="LIN") == {"Lindqvist"}
    assert found(organization, q="neill") == {"O’Neill"}
    assert found(organization, q="li lindq") == {"Lindqvist"}
    assert found(organization, q="li neill") == set()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("4155550101", {"First"}),
        ("+1 (415) 555-01", {"First", "Second"}),
        ("0102", {"Second"}),
        ("2055", {"Third"}),
        ("01", set()),
        ("555 0101 x", set()),
    ],
)
def test_digits_are_found_anywhere_in_the_number_and_in_the_address(
    organization: Organization, typed: str, expected: set[str]
) -> None:
    for last_name, e164 in (("First", "+14155550101"), ("Second", "+14155550102"), ("Third", "")):
        person = named(organization, last_name, email=f"{'d2055' if not e164 else last_name}@x.example")
        person.primary_number.e164 = e164 or "+16045550199"
        person.primary_number.save()
    assert found(organization, q=typed) == expected


def test_a_number_of_another_organization_finds_nobody(organization: Organization, stranger: User) -> None:
    assert found(organization, q=stranger.primary_number.e164) == set()


def test_what_is_empty_filters_nothing(organization: Organization) -> None:
    named(organization, "Anybody")
    assert found(organization, q="", status="", location="") == {"Anybody"}
    assert not narrows({"q": "", "sort": "name"})
    assert narrows({"license": "none"})


def test_a_search_that_finds_few_is_answered_first_and_finds_the_same(organization: Organization) -> None:
    for number in range(5):
        named(organization, f"Smith{number}", texting_setting="off" if number == 3 else "on")
    everyone, root = User.objects.filter(organization=organization), KnownRoot.of(organization)
    values = {"q": "smith", "status": "on"}
    few, are_few = narrow_for_list(everyone, values, root)
    with patch("provisioning.user_filters.FEW", 4):
        many, are_many = narrow_for_list(everyone, values, root)
    assert (are_few, are_many) == (True, False)
    assert {user.pk for user in few} == {user.pk for user in many}
    assert few.count() == 4
    assert FEW > 4


def test_a_filter_that_the_organization_decides_asks_nothing_of_the_users(
    organization: Organization, django_assert_num_queries: Any
) -> None:
    named(organization, "Anybody")
    root = KnownRoot.of(organization)
    with django_assert_num_queries(0):
        assert list(narrow(User.objects.all(), {"requirement": "addon_license"}, root)) == []
