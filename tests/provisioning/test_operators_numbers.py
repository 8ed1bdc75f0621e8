"""Phone numbers in the provider's admin: the rules of the portal hold there too."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from compliance.models import AuditEvent
from provisioning.changes import Actor
from provisioning.models import Location, NumberTenure, Organization, PhoneNumber, User
from provisioning.number_inventory import release
from tests.factories import NOW, LocationFactory, OperatorFactory, PhoneNumberFactory, UserFactory

LIST, ADD = "admin:provisioning_phonenumber_changelist", "admin:provisioning_phonenumber_add"
CHANGE = "admin:provisioning_phonenumber_change"
NO_SENDING = {"sending-TOTAL_FORMS": 0, "sending-INITIAL_FORMS": 0}


@pytest.fixture
def browser(signed_in_as: Any, db: Any) -> Any:
    return signed_in_as(OperatorFactory())


def values(organization: Organization, typed: str, **more: Any) -> dict[str, Any]:
    known = {"source": "cisco_calling_plan", "capability": "unknown", "active": "on", **NO_SENDING}
    return {"organization": organization.pk, "e164": typed, **known, **more}


def changed(row: PhoneNumber, **more: Any) -> dict[str, Any]:
    known = {"source": row.source, "capability": row.capability, "active": "on" if row.active else "", **NO_SENDING}
    links = {name: getattr(row, f"{name}_id") or "" for name in ("location", "campaign", "user")}
    return {**known, **links, **more}


def test_a_number_of_a_british_location_is_read_as_it_is_dialled_there(
    browser: Any, organization: Organization
) -> None:
    leeds = LocationFactory(organization=organization, country="GB")
    answer = browser.post(reverse(ADD), values(organization, "0113 496 0101", location=leeds.pk))
    assert answer.status_code == 302
    assert PhoneNumber.objects.get().e164 == "+441134960101"


@pytest.mark.parametrize("typed", ["911", "800 555 0199", "+44 113 496 0101", "abc"])
def test_what_the_portal_refuses_is_refused_here_too(browser: Any, organization: Organization, typed: str) -> None:
    assert browser.post(reverse(ADD), values(organization, typed)).status_code == 200
    assert not PhoneNumber.objects.exists()


def test_another_customers_number_is_refused_and_operators_are_told_whose_it_is(
    browser: Any, organization: Organization, stranger: User
) -> None:
    theirs = PhoneNumber.objects.get(user=stranger).e164
    answer = browser.post(reverse(ADD), values(organization, theirs))
    assert f"{stranger.organization} has this number." in answer.content.decode()


def test_a_number_given_up_can_go_to_another_customer_and_back_only_by_the_portal(
    browser: Any, user: User, other_organization: Organization
) -> None:
    row = PhoneNumber.objects.get(user=user)
    release([row], Actor.system("test"), NOW)
    assert user.organization is not None
    answer = browser.post(reverse(ADD), values(user.organization, row.e164))
    assert "This customer had this number before." in answer.content.decode()
    assert browser.post(reverse(ADD), values(other_organization, row.e164)).status_code == 302
    assert PhoneNumber.objects.owned().get(e164=row.e164).organization == other_organization


def test_released_numbers_can_be_looked_at_and_not_changed(browser: Any, user: User) -> None:
    row = PhoneNumber.objects.get(user=user)
    release([row], Actor.system("test"), NOW)
    address = reverse(CHANGE, args=[row.pk])
    assert browser.get(address).status_code == 200
    assert browser.post(address, changed(row, user=user.pk)).status_code == 403


def test_numbers_are_released_from_the_list_and_it_is_recorded(browser: Any, user: User, stranger: User) -> None:
    rows = PhoneNumber.objects.all()
    asked = {"action": "release_numbers", "_selected_action": [row.pk for row in rows]}
    assert browser.post(reverse(LIST), asked).status_code == 302
    assert not PhoneNumber.objects.owned().exists()
    events = AuditEvent.objects.filter(action="number.released")
    assert {event.organization_id for event in events} == {user.organization_id, stranger.organization_id}


def test_a_locations_main_number_is_not_released_here_either(browser: Any, user: User) -> None:
    row = PhoneNumber.objects.get(user=user)
    Location.objects.filter(pk=row.location_id).update(main_number=row)
    asked = {"action": "release_numbers", "_selected_action": [row.pk]}
    assert "main number" in browser.post(reverse(LIST), asked, follow=True).content.decode()
    assert PhoneNumber.objects.owned().filter(pk=row.pk).exists()
    elsewhere = LocationFactory(organization=user.organization)
    answer = browser.post(reverse(CHANGE, args=[row.pk]), changed(row, location=elsewhere.pk))
    assert "It is the main number of" in answer.content.decode()


def test_a_user_given_a_number_here_stands_in_its_history(browser: Any, organization: Organization) -> None:
    location = LocationFactory(organization=organization)
    row = PhoneNumberFactory(organization=organization, location=location)
    person = UserFactory(organization=organization, location=location)
    browser.post(reverse(CHANGE, args=[row.pk]), changed(row, user=person.pk))
    browser.post(reverse(CHANGE, args=[row.pk]), changed(row, user=""))
    tenure = NumberTenure.objects.get()
    assert (tenure.user, tenure.until is not None) == (person, True)


def test_nobody_is_given_an_inactive_number_and_a_deactivated_user_is_given_none(
    browser: Any, organization: Organization
) -> None:
    location = LocationFactory(organization=organization)
    person = UserFactory(organization=organization, location=location)
    gone = UserFactory(organization=organization, location=location, is_active=False)
    row = PhoneNumberFactory(organization=organization, location=location)
    for wrong in ({"user": person.pk, "active": ""}, {"user": gone.pk}):
        assert browser.post(reverse(CHANGE, args=[row.pk]), changed(row, **wrong)).status_code == 200
    row.refresh_from_db()
    assert row.user is None
