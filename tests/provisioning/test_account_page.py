"""Management > Account: what was sold, what was accepted, what the organization sets itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from compliance.models import AuditEvent
from messaging.models import OptOut
from messaging.optouts import count_standing
from provisioning.account import AddonLicenses, addon_licenses, edit_organization
from provisioning.changes import Actor
from provisioning.models import Organization, PhoneNumber, User
from provisioning.opt_out_scope import StandingOptOuts
from provisioning.refusals import Refusal
from provisioning.texting import set_organization_texting
from tests import factories
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db

PAGE = "/account/"


@pytest.fixture
def admin(user: User, full_admin: User, signed_in_as: Any) -> Any:
    return signed_in_as(full_admin)


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def opened(browser: Any) -> dict[str, Any]:
    form = browser.get(PAGE).context["form"]
    return {name: form[name].value() for name in form.fields}


def test_the_page_says_what_was_sold_and_that_only_the_provider_changes_it(admin: Any) -> None:
    page = text_of(admin.get(PAGE))
    assert "Only your provider changes these." in page
    assert "<dd>Enterprise</dd>" in page
    assert "<dd>Canada, United States</dd>" in page
    assert "2 of 100 licenses assigned" in page


def test_what_is_lacking_says_what_to_do(admin: Any, organization: Organization) -> None:
    organization.calling_plans.all().delete()
    Organization.objects.update(customer_type="trial", addon_licenses=0)
    page = text_of(admin.get(PAGE))
    assert "move the organization to an enterprise agreement" in page
    assert "Texting needs a plan for the US or Canada." in page
    assert "Not purchased" in page


def test_a_license_is_assigned_to_whoever_has_professional_and_texting_on(organization: Organization) -> None:
    home = factories.LocationFactory(organization=organization)
    off = factories.LocationFactory(organization=organization, texting_setting="off")
    make = factories.UserFactory
    make(location=home)
    make(location=off)
    make(location=off, texting_setting="on")
    make(location=home, texting_setting="off")
    make(location=home, license="standard")
    make(location=home, is_active=False)
    assert addon_licenses(organization) == AddonLicenses(bought=100, assigned=2)
    organization.texting_enabled = False
    organization.save()
    assert addon_licenses(organization).assigned == 1


def test_too_few_licenses_are_said_and_stop_nobody(admin: Any, organization: Organization) -> None:
    Organization.objects.update(addon_licenses=1)
    page = text_of(admin.get(PAGE))
    assert "1 license too few" in page
    assert "Nobody stops texting because of it." in page


def test_the_policy_is_shown_with_who_accepted_it_and_when_in_the_organizations_time_zone(
    admin: Any, organization: Organization, full_admin: User
) -> None:
    organization.texting_enabled = False
    organization.save()
    when = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
    set_organization_texting(organization, True, Actor.of_user(full_admin, via="portal"), when, accept_policy=True)
    page = text_of(admin.get(PAGE))
    assert f"By {full_admin.display_name} on 22 Nov 2026, 18:30" in page
    assert "A STOP is final." in page
    Organization.objects.update(acceptable_use_accepted_at=None)
    assert "Not accepted yet" in text_of(admin.get(PAGE))


def test_the_attestation_is_shown_whole_with_who_gave_it(admin: Any, full_admin: User) -> None:
    assert "Not a healthcare customer, so nothing has to be confirmed." in text_of(admin.get(PAGE))
    Organization.objects.update(healthcare=True)
    page = text_of(admin.get(PAGE))
    assert "Not confirmed yet" in page
    assert "its users don’t text protected health information, don’t ask patients to send any" in page
    Organization.objects.update(phi_attested_at=factories.NOW, phi_attested_by=full_admin)
    assert f"By {full_admin.display_name} on 23 Nov 2026, 07:00" in text_of(admin.get(PAGE))


def test_settings_are_saved_and_told_in_words(admin: Any, organization: Organization, full_admin: User) -> None:
    posted = {
        **opened(admin),
        "time_zone": "America/Toronto",
        "opt_out_scope": "number",
        "unanswered_reply": " Bye.\r\nN ",
    }
    assert "Saved. The organization’s settings are changed." in text_of(admin.post(PAGE, posted, follow=True))
    organization.refresh_from_db()
    assert (organization.time_zone, organization.opt_out_scope) == ("America/Toronto", "number")
    assert organization.unanswered_reply == "Bye.\nN"
    event = AuditEvent.objects.get(action="organization.changed")
    assert event.actor == full_admin
    assert event.before["opt_out_scope"] == "Every number of the organization"
    assert event.after == {
        "time_zone": "America/Toronto", "opt_out_scope": "Only the number that was texted",
        "unanswered_reply": "Bye.\nN",
    }  # fmt: skip


def test_a_page_saved_as_it_is_changes_nothing(admin: Any) -> None:
    assert admin.post(PAGE, opened(admin)).status_code == 302
    assert not AuditEvent.objects.filter(action="organization.changed").exists()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"time_zone": "Mars/Olympus"}, "Select a valid choice."),
        ({"opt_out_scope": "planet"}, "Select a valid choice."),
        ({"unanswered_reply": "x" * 321}, "The reply is 321 characters long. Use at most 320."),
        ({"unanswered_reply": "bell \x07"}, "The reply has characters that can’t be texted."),
    ],
)
def test_what_is_refused_is_marked_and_stays_typed(admin: Any, wrong: dict[str, str], sentence: str) -> None:
    response = admin.post(PAGE, {**opened(admin), **wrong})
    assert response.status_code == 422
    assert sentence in text_of(response)
    [(name, value)] = wrong.items()
    assert response.context["form"][name].value() == value


def test_the_second_of_two_is_told_what_changed_and_loses_nothing_typed(admin: Any, organization: Organization) -> None:
    typed = {**opened(admin), "unanswered_reply": "Mine"}
    admin.post(PAGE, {**opened(admin), "unanswered_reply": "Theirs", "time_zone": "America/Toronto"})
    late = admin.post(PAGE, typed)
    assert late.status_code == 409
    page = text_of(late)
    assert "Changed meanwhile" in page
    assert "<li>Automatic reply when nobody can read a text: <strong>Theirs</strong></li>" in page
    assert "<li>Time zone: <strong>America/Toronto</strong></li>" in page
    assert ">Mine</textarea>" in late.content.decode().replace("\n", "")
    again = {**typed, "seen": late.context["form"]["seen"].value()}
    assert admin.post(PAGE, again).status_code == 302
    organization.refresh_from_db()
    assert (organization.unanswered_reply, organization.time_zone) == ("Mine", "America/Los_Angeles")


def opt_out(number: PhoneNumber, counterpart: str, *, everywhere: bool, **fields: Any) -> None:
    OptOut.objects.create(
        organization=number.organization, number=None if everywhere else number, counterpart=counterpart,
        keyword="stop", opted_out_at=factories.NOW, **fields,
    )  # fmt: skip


def test_the_scopes_say_what_they_mean_for_people_who_opted_out_already(admin: Any, user: User, stranger: User) -> None:
    number = user.primary_number
    other = factories.texting_user(user.organization).primary_number
    opt_out(number, "+12065550100", everywhere=True)
    opt_out(number, "+12065550101", everywhere=False)
    opt_out(other, "+12065550101", everywhere=False)
    opt_out(other, "+12065550102", everywhere=False)
    opt_out(number, "+12065550103", everywhere=True, lifted_at=factories.NOW)
    opt_out(stranger.primary_number, "+12065550104", everywhere=True)
    assert count_standing(user.organization) == StandingOptOuts(everywhere=1, one_number=2)
    page = text_of(admin.get(PAGE))
    assert "2 people who opted out of one number are then texted by none." in page
    assert "1 person who has opted out of every number stays opted out of every number." in page


def test_an_unknown_field_value_is_refused_by_the_domain_too(organization: Organization, full_admin: User) -> None:
    actor = Actor.of_user(full_admin, via="api")
    for wanted, code in (({"time_zone": "x"}, "unknown_time_zone"), ({"opt_out_scope": "x"}, "unknown_opt_out_scope")):
        with recorded() as changes, pytest.raises(Refusal, match=f"^{code}$"):
            edit_organization(organization, wanted, actor, factories.NOW)
        assert changes == []


@pytest.mark.parametrize("role", ["read_only_admin", "user_admin"])
def test_administrators_who_may_only_look_get_no_form(organization: Organization, signed_in_as: Any, role: str) -> None:
    person = factories.with_role(factories.UserFactory(organization=organization, location=None), role)
    browser = signed_in_as(person)
    page = text_of(browser.get(PAGE))
    assert "Every number of the organization" in page
    assert "<textarea" not in page
    assert browser.post(PAGE, {"time_zone": "UTC"}).status_code == 403


def test_the_page_takes_at_most_nine_queries(admin: Any, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_max_num_queries(9):
        admin.get(PAGE)
