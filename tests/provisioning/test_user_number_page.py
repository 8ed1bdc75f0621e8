"""A user's primary number: chosen among the free ones, or released."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from provisioning.models import Location, Organization, PhoneNumber, User
from provisioning.views.user_number import SHOWN
from tests import factories


@pytest.fixture
def admin(full_admin: User, signed_in_as: Any) -> Any:
    return signed_in_as(full_admin)


@pytest.fixture
def vancouver(organization: Organization) -> Location:
    return factories.LocationFactory(organization=organization, name="Vancouver")


def page_of(user: User) -> str:
    return f"/users/{user.pk}/number/"


def free(organization: Organization, e164: str, **fields: Any) -> PhoneNumber:
    return factories.PhoneNumberFactory(organization=organization, e164=e164, **fields)


def offered(response: Any) -> list[str]:
    return re.findall(r'class="num">(\+1 \d{3} \d{3} \d{4})</label>', response.content.decode())


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def number_of(user: User) -> str | None:
    number = PhoneNumber.objects.filter(user=user).first()
    return number.e164 if number else None


def test_free_numbers_are_offered_those_of_the_users_location_first(
    admin: Any, user: User, organization: Organization, vancouver: Location, stranger: User
) -> None:
    free(organization, "+12065550001", location=vancouver)
    free(organization, "+14255550001", location=user.location)
    free(organization, "+12065550002", location=vancouver, active=False)
    free(stranger.organization, "+12065550003", location=stranger.location)
    free(organization, "+12065550004", location=vancouver, user=factories.UserFactory(location=vancouver))
    answer = admin.get(page_of(user))
    assert offered(answer) == ["+1 425 555 0001", "+1 206 555 0001"]
    assert "Another location than the user’s" in text_of(answer)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("206", ["+1 206 555 0001"]),
        ("(206) 555-0001", ["+1 206 555 0001"]),
        ("+1 425", ["+1 425 555 0001"]),
        ("vanc", ["+1 206 555 0001"]),
        ("999", []),
        ("%", []),
    ],
)
def test_free_numbers_are_searched(
    admin: Any, user: User, organization: Organization, vancouver: Location, typed: str, found: list[str]
) -> None:
    free(organization, "+12065550001", location=vancouver)
    free(organization, "+14255550001", location=user.location)
    assert offered(admin.get(page_of(user), {"q": typed})) == found


def test_of_thousands_a_page_is_shown_in_as_many_queries(
    admin: Any, user: User, organization: Organization, vancouver: Location, django_assert_max_num_queries: Any
) -> None:
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=organization, location=vancouver, e164=f"+1206{n:07d}") for n in range(1500)
    )
    admin.get(page_of(user))
    with django_assert_max_num_queries(12):
        answer = admin.get(page_of(user))
    assert len(offered(answer)) == SHOWN
    assert f"The first {SHOWN} free numbers. Search to see others." in text_of(answer)


def test_a_number_is_assigned_in_place_of_the_one_before(admin: Any, user: User, organization: Organization) -> None:
    old, new = user.primary_number, free(organization, "+12065550001", location=user.location)
    answer = admin.post(page_of(user), {"number": str(new.pk)}, follow=True)
    assert answer.redirect_chain == [(f"/users/{user.pk}/calling/", 302)]
    assert "+1 206 555 0001 is the primary number of" in text_of(answer)
    assert number_of(user) == "+12065550001"
    old.refresh_from_db()
    assert old.user_id is None


def test_a_number_is_released(admin: Any, user: User) -> None:
    assert admin.post(page_of(user), {"release": "1"}).status_code == 302
    assert number_of(user) is None


def test_a_number_that_somebody_else_was_faster_to_get_is_refused(
    admin: Any, user: User, organization: Organization
) -> None:
    taken, kept = factories.texting_user(organization).primary_number, number_of(user)
    answer = admin.post(page_of(user), {"number": str(taken.pk)})
    assert answer.status_code == 422
    assert 'data-code="number_taken"' in text_of(answer)
    assert number_of(user) == kept


@pytest.mark.parametrize("typed", [{}, {"number": ""}, {"number": "12"}])
def test_choosing_none_is_refused_with_a_sentence(admin: Any, user: User, typed: dict[str, str]) -> None:
    answer = admin.post(page_of(user), typed)
    assert answer.status_code == 422
    assert "Choose a number, then assign it." in text_of(answer)


def test_a_number_of_others_or_of_nobody_is_not_there(admin: Any, user: User, stranger: User) -> None:
    for key in (stranger.primary_number.pk, uuid.uuid4()):
        assert admin.post(page_of(user), {"number": str(key)}).status_code == 404
    assert admin.post(page_of(stranger), {"release": "1"}).status_code == 404
    assert number_of(stranger)


def test_a_location_administrator_gives_numbers_of_the_named_locations_only(
    user: User, organization: Organization, vancouver: Location, signed_in_as: Any
) -> None:
    elsewhere = free(organization, "+12065550001", location=vancouver)
    nowhere = free(organization, "+12065550002", location=None)
    here = free(organization, "+14255550001", location=user.location)
    person = factories.UserFactory(organization=organization, location=None)
    browser = signed_in_as(factories.with_role(person, "location_admin", user.location))
    assert offered(browser.get(page_of(user))) == ["+1 425 555 0001"]
    for number in (elsewhere, nowhere):
        assert browser.post(page_of(user), {"number": str(number.pk)}).status_code == 404
    assert browser.post(page_of(user), {"number": str(here.pk)}).status_code == 302


def test_a_read_only_administrator_sees_the_number_and_no_way_to_change_it(
    user: User, organization: Organization, signed_in_as: Any
) -> None:
    person = factories.UserFactory(organization=organization, location=None)
    browser = signed_in_as(factories.with_role(person, "read_only_admin"))
    page = text_of(browser.get(f"/users/{user.pk}/calling/"))
    assert "Primary number" in page
    assert "Change or release" not in page
    assert browser.post(page_of(user), {"release": "1"}).status_code == 403
