"""A user's Calling > Business Texting page."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from compliance.models import AuditEvent
from provisioning.models import Organization, User
from tests import factories

CODES = (
    "customer_type", "calling_plan", "addon_license", "healthcare", "registration", "location_country",
    "location_pstn", "license", "primary_number", "number_capability", "number_campaign",
)  # fmt: skip


@pytest.fixture
def admin(full_admin: User, signed_in_as: Any) -> Any:
    return signed_in_as(full_admin)


def page_of(user: User) -> str:
    return f"/users/{user.pk}/calling/"


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def save(browser: Any, user: User, **typed: str) -> Any:
    return browser.post(page_of(user), {"was": "default", **typed})


def test_the_page_has_the_two_radios_of_control_hub(admin: Any, user: User) -> None:
    page = text_of(admin.get(page_of(user)))
    assert 'value="default" checked><label for="m-def">Use the default configuration for the organization<' in page
    assert 'value="override"><label for="m-own">Override settings<' in page
    assert "It is not HIPAA compliant." in page


def test_the_result_names_its_source(admin: Any, user: User) -> None:
    assert "<span>From organization default</span>" in text_of(admin.get(page_of(user)))
    location = user.location
    assert location is not None
    location.name, location.texting_setting = "Vancouver", "off"
    location.save()
    page = text_of(admin.get(page_of(user)))
    assert 'data-status="off">Off</span><span>From location Vancouver</span>' in page
    assert "Now Off. From location Vancouver." in page
    user.texting_setting = "on"
    user.save()
    page = text_of(admin.get(page_of(user)))
    assert 'data-status="on">On</span><span>From override</span>' in page
    assert "Now Off. From location Vancouver." in page


def test_the_checklist_gives_all_eleven_requirements_of_a_user(admin: Any, user: User) -> None:
    page = text_of(admin.get(page_of(user)))
    for code in CODES:
        assert f'data-code="{code}" data-state="met"' in page
    assert "11 of 11 met" in page


def test_the_page_takes_at_most_nine_queries(
    admin: Any, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(9):
        admin.get(page_of(user))


@pytest.mark.parametrize(
    ("typed", "setting"),
    [
        ({"mode": "override", "own_on": "on"}, "on"),
        ({"mode": "override"}, "off"),
    ],
)
def test_an_override_is_saved_and_recorded(
    admin: Any, user: User, full_admin: User, typed: dict[str, str], setting: str
) -> None:
    response = save(admin, user, **typed)
    assert (response.status_code, response["Location"]) == (302, page_of(user))
    user.refresh_from_db()
    assert user.texting_setting == setting
    event = AuditEvent.objects.get(action="user.texting_changed")
    assert (event.actor_id, event.target_id) == (full_admin.pk, str(user.pk))
    assert (event.before, event.after) == ({"setting": "default"}, {"setting": setting})


def test_going_back_to_the_default_ignores_the_toggle(admin: Any, user: User) -> None:
    user.texting_setting = "off"
    user.save()
    admin.post(page_of(user), {"mode": "default", "own_on": "on", "was": "off"})
    user.refresh_from_db()
    assert user.texting_setting == "default"


def test_saving_what_is_so_already_records_nothing(admin: Any, user: User) -> None:
    assert save(admin, user, mode="default").status_code == 302
    assert not AuditEvent.objects.filter(action="user.texting_changed").exists()


def test_a_setting_someone_else_changed_meanwhile_is_not_overwritten(admin: Any, user: User) -> None:
    User.objects.filter(pk=user.pk).update(texting_setting="on")
    response = save(admin, user, mode="override")
    assert response.status_code == 409
    page = text_of(response)
    assert "Someone else changed this setting while you had the page open." in page
    assert 'name="was" value="on"' in page
    assert 'value="override" checked' in page
    user.refresh_from_db()
    assert user.texting_setting == "on"
    assert admin.post(page_of(user), {"mode": "override", "was": "on"}).status_code == 302


@pytest.mark.parametrize("typed", [{}, {"mode": "sideways"}, {"mode": "override", "was": "never"}])
def test_a_form_that_says_nothing_known_is_refused(admin: Any, user: User, typed: dict[str, str]) -> None:
    response = save(admin, user, **typed)
    assert response.status_code == 422
    assert "Your changes weren’t saved" in text_of(response)
    user.refresh_from_db()
    assert user.texting_setting == "default"


def test_switching_on_is_refused_with_the_cause_and_the_choice_kept(
    admin: Any, user: User, organization: Organization
) -> None:
    organization.acceptable_use_accepted_at = None
    organization.save()
    response = save(admin, user, mode="override", own_on="on")
    assert response.status_code == 422
    page = text_of(response)
    assert "Accept the acceptable use policy to switch Business Texting on." in page
    assert 'value="override" checked' in page
    assert 'name="own_on" checked' in page


def test_a_number_that_cannot_text_blocks_the_user_in_the_words_of_cisco(admin: Any, user: User) -> None:
    user.primary_number.capability = "incapable"
    user.primary_number.save()
    page = text_of(admin.get(page_of(user)))
    assert "Your primary number does not support texting. Select another number to enable texting" in page
    assert 'data-status="not_eligible">Not eligible' in page
    assert "The setting is kept, and applies when the problem is fixed." in page
    assert 'data-code="number_capability" data-state="not_met"' in page


def test_the_override_of_a_blocked_user_is_kept(admin: Any, user: User) -> None:
    user.primary_number.capability = "incapable"
    user.primary_number.save()
    assert save(admin, user, mode="override", own_on="on").status_code == 302
    user.refresh_from_db()
    assert user.texting_setting == "on"


def test_a_user_without_a_number_is_told_so_in_the_words_of_cisco(admin: Any, organization: Organization) -> None:
    factories.texting_user(organization)
    person = factories.UserFactory(organization=organization, location=organization.locations.first())
    page = text_of(admin.get(page_of(person)))
    assert "User is not eligible for texting capabilities because there is no primary telephone number found" in page
    assert "No primary number" in page


def test_a_missing_registration_warns_that_only_sending_stops(
    admin: Any, user: User, organization: Organization
) -> None:
    organization.campaigns.update(status="rejected")
    page = text_of(admin.get(page_of(user)))
    assert 'class="banner banner-warn" data-code="registration"' in page
    assert 'data-status="on">On' in page
    assert "Receives only" in page


def test_a_read_only_administrator_sees_the_setting_without_controls(
    user: User, organization: Organization, signed_in_as: Any
) -> None:
    person = factories.with_role(factories.UserFactory(organization=organization, location=None), "read_only_admin")
    browser = signed_in_as(person)
    page = text_of(browser.get(page_of(user)))
    assert "Use the default configuration for the organization" in page
    for control in ('type="radio"', ">Save<"):
        assert control not in page
    assert save(browser, user, mode="override").status_code == 403
    user.refresh_from_db()
    assert user.texting_setting == "default"


def test_a_user_of_another_organization_or_of_none_is_not_found(admin: Any, stranger: User) -> None:
    operator = factories.OperatorFactory()
    for path in (page_of(stranger), page_of(operator), f"/users/{uuid.uuid4()}/calling/"):
        assert admin.get(path).status_code == 404
        assert admin.post(path, {"mode": "override", "was": "default"}).status_code == 404
    stranger.refresh_from_db()
    assert stranger.texting_setting == "default"


def test_a_location_administrator_reaches_the_named_locations_only(
    user: User, organization: Organization, signed_in_as: Any
) -> None:
    elsewhere = factories.texting_user(organization)
    person = factories.UserFactory(organization=organization, location=None)
    browser = signed_in_as(factories.with_role(person, "location_admin", user.location))
    assert save(browser, user, mode="override").status_code == 302
    assert save(browser, elsewhere, mode="override").status_code == 404
    assert browser.get(page_of(elsewhere)).status_code == 404
