"""Services > Calling > Service Settings."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from compliance.models import AuditEvent
from provisioning.models import Location, Organization, User
from provisioning.views import service_settings as view
from tests import factories

PAGE = "/calling/service-settings/"
SWITCH = "/calling/service-settings/texting/"
LABEL = "Enable Business Texting for all the users at locations with business texting capabilities"
INELIGIBLE = "This organization is not eligible for texting capabilities"


@pytest.fixture
def admin(user: User, full_admin: User, signed_in_as: Any) -> Any:
    """A browser of a full administrator; the organization has one user who can text by its default."""
    return signed_in_as(full_admin)


def text_of(response: Any) -> str:
    """What the page says, with white space as a browser shows it."""
    return " ".join(response.content.decode().split())


def test_the_page_shows_the_switch_with_the_label_of_control_hub(admin: Any) -> None:
    page = text_of(admin.get(PAGE))
    assert "Business texting provisioning" in page
    assert LABEL in page
    assert 'role="switch" aria-checked="true"' in page
    assert "Messages are kept for 400 days, then deleted." in page


def test_the_page_takes_at_most_twelve_queries(
    admin: Any, organization: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(60):
        factories.LocationFactory(organization=organization)
    with django_assert_max_num_queries(12):
        admin.get(PAGE)


def test_switching_off_says_who_loses_texting_and_who_keeps_it(admin: Any, organization: Organization) -> None:
    factories.texting_user(organization, texting_setting="on")
    for address in (PAGE, f"{SWITCH}?to=off"):
        page = text_of(admin.get(address))
        assert "Disable Business Texting" in page
        assert "<strong>1 user</strong> uses the organization default and loses texting now." in page
        assert "1 user keeps texting, because their location or their own setting is On." in page


def test_switching_off_is_confirmed_then_done_and_recorded(
    admin: Any, organization: Organization, full_admin: User
) -> None:
    response = admin.post(SWITCH, {"to": "off"}, follow=True)
    assert "Business Texting is off for this organization." in text_of(response)
    organization.refresh_from_db()
    assert not organization.texting_enabled
    event = AuditEvent.objects.get(action="organization.texting_changed")
    assert (event.actor_id, event.before["enabled"], event.after["enabled"]) == (full_admin.pk, True, False)
    assert (event.via, event.ip) == ("portal", "127.0.0.1")


def test_opening_the_confirm_page_changes_nothing(admin: Any, organization: Organization) -> None:
    admin.get(f"{SWITCH}?to=off")
    organization.refresh_from_db()
    assert organization.texting_enabled


@pytest.fixture
def switched_off(organization: Organization) -> Organization:
    organization.texting_enabled = False
    organization.acceptable_use_accepted_at = None
    organization.save()
    return organization


def test_switching_on_says_how_many_can_text_and_that_it_is_not_hipaa_compliant(
    admin: Any, switched_off: Organization
) -> None:
    page = text_of(admin.get(PAGE))
    assert "Off for this organization. You can still turn it on for one location or user." in page
    assert "1 of 2 users can text right away." in page
    assert "It is not HIPAA compliant." in page
    assert "I accept the acceptable use policy" in page
    assert "protected health information is texted</label>" not in page


def test_switching_on_takes_the_acceptable_use_policy(admin: Any, switched_off: Organization) -> None:
    refused = admin.post(SWITCH, {"to": "on"})
    assert refused.status_code == 422
    assert "Accept the acceptable use policy to switch Business Texting on." in text_of(refused)
    switched_off.refresh_from_db()
    assert not switched_off.texting_enabled
    admin.post(SWITCH, {"to": "on", "agree": "on"})
    switched_off.refresh_from_db()
    assert switched_off.texting_enabled
    assert switched_off.acceptable_use_accepted_at is not None


def test_a_healthcare_customer_also_attests_each_time_it_switches_on(admin: Any, switched_off: Organization) -> None:
    switched_off.healthcare = True
    switched_off.save()
    for _ in range(2):
        page = text_of(admin.get(PAGE))
        assert "I confirm that no protected health information is texted" in page
        assert "its users don’t text protected health information" in page
        refused = admin.post(SWITCH, {"to": "on", "agree": "on"})
        assert refused.status_code == 422
        assert "Business texting is not HIPAA compliant." in text_of(refused)
        assert re.search(r'name="agree"[^>]* checked', text_of(refused))
        admin.post(SWITCH, {"to": "on", "agree": "on", "attest": "on"})
        switched_off.refresh_from_db()
        assert switched_off.texting_enabled
        assert switched_off.phi_attested_at is not None
        admin.post(SWITCH, {"to": "off"})
    told = AuditEvent.objects.filter(action="organization.health_attested")
    assert told.count() == 2


def test_a_healthcare_customer_is_told_how_many_can_text_before_it_attests(
    admin: Any, switched_off: Organization
) -> None:
    switched_off.healthcare = True
    switched_off.save()
    assert "1 of 2 users can text right away." in text_of(admin.get(PAGE))
    User.objects.update(license="standard")
    page = text_of(admin.get(PAGE))
    assert "0 of 2 users can text right away. Nobody meets every requirement yet" in page


@pytest.mark.parametrize("to", ["", "maybe"])
def test_a_switch_to_nothing_known_is_refused(admin: Any, organization: Organization, to: str) -> None:
    assert admin.post(SWITCH, {"to": to}).status_code == 422
    organization.refresh_from_db()
    assert organization.texting_enabled


def test_an_ineligible_organization_gets_the_cause_and_the_remedy_in_place_of_the_switch(
    admin: Any, organization: Organization
) -> None:
    organization.customer_type = "trial"
    organization.save()
    page = text_of(admin.get(PAGE))
    assert f"<strong>{INELIGIBLE}</strong>" in page
    assert "This is a trial customer" in page
    assert "move the organization to an enterprise agreement" in page
    assert 'role="switch"' not in page
    assert "<dialog" not in page
    assert "Locations table" not in page


def test_the_checklist_gives_every_requirement_with_its_code_and_state(admin: Any, organization: Organization) -> None:
    organization.brands.update(status="pending")
    page = text_of(admin.get(PAGE))
    for code in ("customer_type", "calling_plan", "texting_location", "addon_license", "healthcare"):
        assert f'data-code="{code}" data-state="met"' in page
    assert 'data-code="registration" data-state="waiting"' in page
    assert "5 of 6 met" in page


def test_a_location_is_set_and_recorded(admin: Any, organization: Organization, user: User) -> None:
    location = user.location
    assert location is not None
    posted = {f"setting-{location.pk}": "off", f"was-{location.pk}": "default"}
    response = admin.post(PAGE, posted, follow=True)
    assert "Saved. 1 location changed." in text_of(response)
    location.refresh_from_db()
    assert location.texting_setting == "off"
    event = AuditEvent.objects.get(action="location.texting_changed")
    assert (event.before, event.after) == ({"setting": "default"}, {"setting": "off"})


def test_each_location_says_how_many_of_its_users_can_text(admin: Any, user: User) -> None:
    factories.UserFactory(location=user.location, organization=user.organization)
    assert "<div>1 of 2</div>" in text_of(admin.get(PAGE))


def test_a_location_without_texting_says_why_instead_of_offering_a_choice(
    admin: Any, organization: Organization
) -> None:
    gateway = factories.LocationFactory(organization=organization, name="Sacramento", pstn_connection="local_gateway")
    leeds = factories.LocationFactory(organization=organization, name="Leeds", country="GB")
    page = text_of(admin.get(PAGE))
    assert "Texting needs Cisco PSTN." in page
    assert "Texting is available in the US and Canada." in page
    for location in (gateway, leeds):
        assert f"setting-{location.pk}" not in page


def test_one_refused_location_saves_none_and_keeps_what_was_chosen(
    admin: Any, organization: Organization, user: User
) -> None:
    open_one, leeds = user.location, factories.LocationFactory(organization=organization, name="Leeds", country="GB")
    assert open_one is not None
    posted = {
        f"setting-{open_one.pk}": "off", f"was-{open_one.pk}": "default",
        f"setting-{leeds.pk}": "on", f"was-{leeds.pk}": "default",
    }  # fmt: skip
    response = admin.post(PAGE, posted)
    assert response.status_code == 422
    assert 'data-code="location_country"' in text_of(response)
    assert '<option value="off" selected>' in text_of(response)
    assert set(Location.objects.values_list("texting_setting", flat=True)) == {"default"}
    assert not AuditEvent.objects.filter(action="location.texting_changed").exists()


def test_a_location_someone_else_set_meanwhile_is_not_overwritten(admin: Any, user: User) -> None:
    location = user.location
    assert location is not None
    Location.objects.filter(pk=location.pk).update(texting_setting="on")
    response = admin.post(PAGE, {f"setting-{location.pk}": "off", f"was-{location.pk}": "default"})
    assert response.status_code == 409
    assert 'data-code="changed_meanwhile"' in text_of(response)
    location.refresh_from_db()
    assert location.texting_setting == "on"


def test_a_location_of_another_organization_is_not_found(admin: Any, stranger: User) -> None:
    location = stranger.location
    assert location is not None
    response = admin.post(PAGE, {f"setting-{location.pk}": "off", f"was-{location.pk}": "default"})
    assert response.status_code == 404
    assert admin.post(PAGE, {"setting-nonsense": "off"}).status_code == 404
    location.refresh_from_db()
    assert location.texting_setting == "default"


def test_an_unknown_setting_is_refused(admin: Any, user: User) -> None:
    assert user.location is not None
    response = admin.post(PAGE, {f"setting-{user.location.pk}": "perhaps", f"was-{user.location.pk}": "default"})
    assert response.status_code == 400
    assert 'data-code="invalid_setting"' in text_of(response)


def test_locations_come_fifty_a_page(admin: Any, organization: Organization, user: User) -> None:
    for number in range(60):
        factories.LocationFactory(organization=organization, name=f"Branch {number:02}")
    first, second = text_of(admin.get(PAGE)), text_of(admin.get(f"{PAGE}?page=2"))
    assert f"1–{view.LOCATIONS_A_PAGE} of 61 locations" in first
    assert "51–61 of 61 locations" in second
    assert "Branch 00" in first
    assert "Branch 00" not in second


@pytest.mark.parametrize("role", ["read_only_admin", "user_admin"])
def test_administrators_who_may_only_look_see_no_controls(
    organization: Organization, user: User, signed_in_as: Any, role: str
) -> None:
    person = factories.with_role(factories.UserFactory(organization=organization, location=None), role)
    browser = signed_in_as(person)
    page = text_of(browser.get(PAGE))
    assert LABEL in page
    for control in ("<select", 'role="switch"', "<dialog", ">Save<"):
        assert control not in page
    assert user.location is not None
    posted = {f"setting-{user.location.pk}": "off", f"was-{user.location.pk}": "default"}
    assert browser.post(PAGE, posted).status_code == 403
    assert browser.post(SWITCH, {"to": "off"}).status_code == 403
    organization.refresh_from_db()
    assert organization.texting_enabled


def test_an_organization_without_locations_is_told_what_it_lacks(signed_in_as: Any, full_admin: User) -> None:
    page = text_of(signed_in_as(full_admin).get(reverse("service_settings")))
    assert INELIGIBLE in page
    assert "moves a US or Canada location to Cisco PSTN" in page
