"""What provider operators can do in the admin, and what is recorded of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from compliance.models import AuditEvent
from messaging import routing
from messaging.admin import SendingNumberAdmin
from messaging.models import CarrierAccount, SendingNumber
from provisioning import vault
from provisioning.changes import Actor
from provisioning.models import Campaign, Mail, Organization, PhoneNumber, RoleAssignment, User
from tests import factories


@pytest.fixture
def operator(db: Any) -> User:
    return factories.OperatorFactory()


@pytest.fixture
def browser(operator: User, signed_in_as: Any) -> Any:
    return signed_in_as(operator)


def recorded(action: str) -> AuditEvent:
    return AuditEvent.objects.get(action=action)


def add(browser: Any, model: str, **values: Any) -> Any:
    return browser.post(reverse(f"admin:{model}_add"), values)


def change(browser: Any, model: str, row: Any, **values: Any) -> Any:
    return browser.post(reverse(f"admin:{model}_change", args=[row.pk]), values)


def no_inlines(prefix: str, initial: int = 0) -> dict[str, Any]:
    return {f"{prefix}-TOTAL_FORMS": initial, f"{prefix}-INITIAL_FORMS": initial}


def test_the_admin_has_no_sign_in_page_of_its_own(client: Any, db: Any) -> None:
    assert client.get("/admin/provisioning/user/")["Location"] == "/sign-in/?next=/admin/provisioning/user/"
    assert client.get("/admin/login/?next=/admin/provisioning/user/")["Location"] == (
        "/sign-in/?next=/admin/provisioning/user/"
    )


def test_nobody_of_an_organization_gets_into_the_admin(user: User, full_admin: User, signed_in_as: Any) -> None:
    for person in (user, full_admin):
        answer = signed_in_as(person).get("/admin/provisioning/user/", follow=True)
        assert answer.status_code == 403


def test_operators_leave_by_the_sign_out_of_the_hub(browser: Any) -> None:
    answer = browser.post(reverse("admin:logout"), follow=True)
    assert answer.redirect_chain == [("/sign-out/", 307), ("/sign-in/", 302)]
    assert "_auth_user_id" not in browser.session


def test_operators_manage_what_the_design_lists_and_nothing_else() -> None:
    assert {model._meta.label for model in admin.site._registry} == {
        "provisioning.Organization", "provisioning.Location", "provisioning.User", "provisioning.PhoneNumber",
        "provisioning.Brand", "provisioning.Campaign", "provisioning.RoleAssignment",
        "messaging.CarrierAccount", "messaging.SendingNumber", "messaging.OptOut", "messaging.ContentRule",
        "compliance.PurgeRun", "compliance.AuditEvent",
        "provisioning.Alert", "provisioning.Mail", "provisioning.RegistryAccount", "provisioning.RegistryNotice",
        "provisioning.RegistrySubmission", "provisioning.RegistrationEvent",
    }  # fmt: skip
    assert not admin.site.is_registered(Group)


def test_nothing_can_be_deleted_but_a_role(browser: Any, operator: User, rf: Any) -> None:
    request = rf.get("/admin/")
    request.user = operator
    deletable = {
        model._meta.model_name for model, page in admin.site._registry.items() if page.has_delete_permission(request)
    }
    assert deletable == {"roleassignment"}
    for page in admin.site._registry.values():
        assert "delete_selected" not in page.get_actions(request)


@pytest.mark.parametrize(
    "model", ["organization", "location", "user", "phonenumber", "brand", "campaign"]
)  # fmt: skip
def test_the_address_for_deleting_is_refused(browser: Any, user: User, model: str) -> None:
    rows = {
        "organization": user.organization, "location": user.location, "user": user,
        "phonenumber": user.primary_number, "brand": user.primary_number.campaign.brand,
        "campaign": user.primary_number.campaign,
    }  # fmt: skip
    row: Any = rows[model]
    assert (
        browser.post(reverse(f"admin:provisioning_{model}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    )
    assert type(row).objects.filter(pk=row.pk).exists()


ORGANIZATION = {
    "name": "Fabrikam", "customer_type": "enterprise", "addon_licenses": "25", "opt_out_scope": "organization",
    "time_zone": "America/Chicago", "unanswered_reply": "",
}  # fmt: skip


def test_an_organization_is_made_with_its_calling_plans_and_recorded(browser: Any, operator: User) -> None:
    plans = {
        "calling_plans-TOTAL_FORMS": 2, "calling_plans-INITIAL_FORMS": 0,
        "calling_plans-0-country": "us", "calling_plans-1-country": "CA",
    }  # fmt: skip
    assert add(browser, "provisioning_organization", **ORGANIZATION, **plans).status_code == 302
    made = Organization.objects.get(name="Fabrikam")
    assert sorted(made.calling_plans.values_list("country", flat=True)) == ["CA", "US"]
    event = recorded("admin.organization_added")
    assert (event.actor_id, event.organization_id, event.via) == (operator.pk, made.pk, "admin")
    assert event.after["addon_licenses"] == 25
    assert AuditEvent.objects.filter(action="admin.callingplan_added", organization=made).count() == 2


def test_a_change_is_recorded_with_only_what_changed(browser: Any, organization: Organization) -> None:
    values = {**ORGANIZATION, "name": organization.name, "time_zone": organization.time_zone, "addon_licenses": "7"}
    plans = list(organization.calling_plans.order_by("id"))
    inlines: dict[str, Any] = no_inlines("calling_plans", len(plans))
    for index, plan in enumerate(plans):
        inlines |= {
            f"calling_plans-{index}-id": plan.pk, f"calling_plans-{index}-country": plan.country,
            f"calling_plans-{index}-organization": organization.pk,
        }  # fmt: skip
    inlines["calling_plans-0-DELETE"] = "on"
    answer = change(browser, "provisioning_organization", organization, **values, **inlines)
    assert answer.status_code == 302
    event = recorded("admin.organization_changed")
    assert (event.before, event.after) == ({"addon_licenses": 100}, {"addon_licenses": 7})
    removed = recorded("admin.callingplan_removed")
    assert (removed.target_id, removed.before["country"]) == (str(plans[0].pk), plans[0].country)
    assert organization.calling_plans.count() == 1


def test_texting_itself_is_not_the_operators_to_switch(browser: Any, organization: Organization) -> None:
    values = {**ORGANIZATION, "texting_enabled": "", **no_inlines("calling_plans")}
    change(browser, "provisioning_organization", organization, **values)
    organization.refresh_from_db()
    assert organization.texting_enabled


@pytest.mark.parametrize(
    ("field", "typed"), [("time_zone", "Mars/Olympus"), ("addon_licenses", "-1"), ("customer_type", "friend")]
)
def test_a_value_that_means_nothing_is_refused(browser: Any, field: str, typed: str) -> None:
    values = {**ORGANIZATION, field: typed, **no_inlines("calling_plans")}
    assert add(browser, "provisioning_organization", **values).status_code == 200
    assert not Organization.objects.exists()


def test_a_user_is_made_without_a_password(browser: Any, organization: Organization) -> None:
    values = {
        "organization": organization.pk, "email": "New.Person@x.example", "first_name": "New", "last_name": "Person",
        "license": "professional", "is_active": "on", "password": "chosen by the operator",
    }  # fmt: skip
    assert add(browser, "provisioning_user", **values).status_code == 302
    person = User.objects.get(email_key="new.person@x.example")
    assert not person.has_usable_password()
    event = recorded("admin.user_added")
    assert "password" not in event.after
    assert event.organization_id == organization.pk


def test_an_email_address_in_use_is_refused_whatever_its_case(browser: Any, user: User) -> None:
    values = {"organization": user.organization_id, "email": user.email.upper(), "license": "none"}
    answer = add(browser, "provisioning_user", **values)
    assert "A user with this e-mail address exists already." in answer.content.decode()


def test_operators_cannot_become_a_user(browser: Any, user: User) -> None:
    before = (user.email, user.password)
    values = {"email": "mine@provider.example", "password": "mine", "license": "professional", "is_active": "on"}
    change(browser, "provisioning_user", user, **values)
    user.refresh_from_db()
    assert (user.email, user.password) == before
    assert browser.get(f"/admin/provisioning/user/{user.pk}/password/").status_code in (302, 404)


def test_a_location_of_another_organization_is_refused_for_a_user(browser: Any, user: User, stranger: User) -> None:
    answer = change(browser, "provisioning_user", user, location=stranger.location_id, license="none")
    assert "This location is another organization" in answer.content.decode()


def test_deactivating_a_user_is_recorded(browser: Any, user: User) -> None:
    change(browser, "provisioning_user", user, location=user.location_id, license=user.license,
           first_name=user.first_name, last_name=user.last_name)  # fmt: skip
    event = recorded("user.deactivated")
    assert (event.before, event.after, event.via) == ({"active": True}, {"active": False}, "admin")
    assert not AuditEvent.objects.filter(action="admin.user_changed").exists()
    change(browser, "provisioning_user", user, location=user.location_id, license=user.license, is_active="on",
           first_name="Renamed", last_name=user.last_name)  # fmt: skip
    assert recorded("user.reactivated").target_id == str(user.pk)
    assert recorded("admin.user_changed").after == {"first_name": "Renamed"}


def test_deactivating_a_user_ends_sessions_and_tokens_in_the_admin_too(
    browser: Any, user: User, signed_in_as: Any
) -> None:
    open_browser = signed_in_as(user)
    assert open_browser.get("/inbox/").status_code == 200
    change(browser, "provisioning_user", user, location=user.location_id, license=user.license)
    assert open_browser.get("/inbox/").status_code == 302
    User.objects.filter(pk=user.pk).update(is_active=True)
    assert open_browser.get("/inbox/").status_code == 302


def test_the_last_full_administrator_stays_in_the_admin_too(browser: Any, full_admin: User) -> None:
    answer = change(browser, "provisioning_user", full_admin, license=full_admin.license)
    assert "The last full administrator can’t be deactivated." in answer.content.decode()
    role = full_admin.role_assignments.get()
    answer = browser.post(
        reverse("admin:provisioning_roleassignment_delete", args=[role.pk]), {"post": "yes"}, follow=True
    )
    assert "The last full administrator keeps the role." in answer.content.decode()
    assert RoleAssignment.objects.filter(pk=role.pk).exists()
    assert User.objects.get(pk=full_admin.pk).is_active


def number_values(organization: Organization, typed: str, **more: Any) -> dict[str, Any]:
    return {
        "organization": organization.pk, "e164": typed, "source": "cisco_calling_plan", "capability": "capable",
        "active": "on", "sending-TOTAL_FORMS": 1, "sending-INITIAL_FORMS": 0,
        "sending-0-texts_a_minute": "6.0", "sending-0-burst": "6", "sending-0-texts_a_day": "1000", **more,
    }  # fmt: skip


@pytest.mark.parametrize("typed", ["(415) 555-0101", "415.555.0101", "+1 415 555 0101", "14155550101"])
def test_a_number_typed_as_people_write_it_is_stored_as_e164(
    browser: Any, organization: Organization, typed: str
) -> None:
    assert add(browser, "provisioning_phonenumber", **number_values(organization, typed)).status_code == 302
    assert PhoneNumber.objects.get().e164 == "+14155550101"


@pytest.mark.parametrize("typed", ["", "123", "not a number", "+1 555"])
def test_what_is_no_number_is_refused(browser: Any, organization: Organization, typed: str) -> None:
    assert add(browser, "provisioning_phonenumber", **number_values(organization, typed)).status_code == 200
    assert not PhoneNumber.objects.exists()


def test_a_number_that_exists_is_refused_in_every_spelling(browser: Any, user: User) -> None:
    assert user.organization is not None
    typed = user.primary_number.e164.removeprefix("+1")
    answer = add(browser, "provisioning_phonenumber", **number_values(user.organization, typed))
    assert f"{user.organization} has this number." in answer.content.decode()


def test_a_number_gets_its_carrier_and_pace_with_it(browser: Any, organization: Organization) -> None:
    account = factories.CarrierAccountFactory()
    sending = {
        "sending-0-carrier_account": account.pk, "sending-0-texts_a_minute": "12", "sending-0-burst": "6",
        "sending-0-texts_a_day": "500",
    }  # fmt: skip
    add(browser, "provisioning_phonenumber", **number_values(organization, "415 555 0101", **sending))
    made = SendingNumber.objects.get()
    assert (made.organization_id, made.carrier_account_id, made.texts_a_minute) == (organization.pk, account.pk, 12)
    assert recorded("admin.sendingnumber_added").organization_id == organization.pk


def test_a_number_without_a_carrier_gets_no_sending_number(browser: Any, organization: Organization) -> None:
    add(browser, "provisioning_phonenumber", **number_values(organization, "415 555 0101"))
    assert PhoneNumber.objects.exists()
    assert not SendingNumber.objects.exists()


def test_a_number_is_linked_only_within_its_organization(
    browser: Any, organization: Organization, stranger: User
) -> None:
    for field, row in (
        ("user", stranger),
        ("location", stranger.location),
        ("campaign", stranger.primary_number.campaign),
    ):
        answer = add(
            browser, "provisioning_phonenumber", **number_values(organization, "4155550199", **{field: row.pk})
        )
        assert "another organization" in answer.content.decode()
    assert not PhoneNumber.objects.filter(organization=organization).exists()


def test_the_fiftieth_number_of_a_campaign_is_refused(browser: Any, organization: Organization) -> None:
    campaign = factories.CampaignFactory(brand=factories.BrandFactory(organization=organization))
    for _ in range(49):
        factories.PhoneNumberFactory(organization=organization, campaign=campaign)
    values = number_values(organization, "+1 604 555 0150", campaign=campaign.pk)
    assert "number pool" in add(browser, "provisioning_phonenumber", **values).content.decode()
    Campaign.objects.update(number_pool=True)
    assert add(browser, "provisioning_phonenumber", **values).status_code == 302


ACCOUNT = {"name": "Main carrier", "carrier": "simulator", "base_url": "https://carrier.example/api"}
SECRET = '{"api_key": "very-secret-key", "webhook_secret": "another"}'


def test_carrier_credentials_are_sealed_and_never_shown_again(browser: Any) -> None:
    assert add(browser, "messaging_carrieraccount", **ACCOUNT, credentials=SECRET).status_code == 302
    account = CarrierAccount.objects.get()
    assert "very-secret-key" not in account.sealed_credentials
    assert vault.unseal(account.sealed_credentials) == json.loads(SECRET)
    page = browser.get(reverse("admin:messaging_carrieraccount_change", args=[account.pk])).content.decode()
    assert "very-secret-key" not in page
    assert account.sealed_credentials not in page
    event = recorded("admin.carrieraccount_added")
    assert event.after["credentials"] == "replaced"
    assert "very-secret-key" not in repr(event.__dict__)
    assert account.sealed_credentials not in repr(event.__dict__)


def test_credentials_left_empty_stay_as_they_are(browser: Any) -> None:
    add(browser, "messaging_carrieraccount", **ACCOUNT, credentials=SECRET)
    account = CarrierAccount.objects.get()
    change(browser, "messaging_carrieraccount", account, **{**ACCOUNT, "texts_a_second": "5"}, credentials="")
    account.refresh_from_db()
    assert account.texts_a_second == 5
    assert vault.unseal(account.sealed_credentials) == json.loads(SECRET)
    assert recorded("admin.carrieraccount_changed").after == {"texts_a_second": "5.0"}


def test_new_credentials_replace_the_stored_ones(browser: Any) -> None:
    add(browser, "messaging_carrieraccount", **ACCOUNT, credentials=SECRET)
    account = CarrierAccount.objects.get()
    newer = json.dumps({**json.loads(SECRET), "api_key": "newer-key"})
    change(browser, "messaging_carrieraccount", account, **ACCOUNT, credentials=newer)
    account.refresh_from_db()
    assert vault.unseal(account.sealed_credentials) == json.loads(newer)
    assert recorded("admin.carrieraccount_changed").after == {"credentials": "replaced"}


PACE = {"texts_a_minute": "12.0", "burst": "6", "texts_a_day": "1000"}


def of_sending(values: dict[str, Any]) -> dict[str, Any]:
    """As fields of the sending number on its number's page."""
    return {f"sending-0-{name}": value for name, value in values.items()}


def test_a_page_opened_before_a_pause_does_not_end_it(browser: Any, user: User, operator: User) -> None:
    """Whoever paused said why; a form with a box that was empty then knows nothing of it."""
    number, account = SendingNumber.objects.get(), CarrierAccount.objects.get()
    for page in (
        browser.get(reverse("admin:messaging_carrieraccount_change", args=[account.pk])),
        browser.get(reverse("admin:messaging_sendingnumber_change", args=[number.pk])),
        browser.get(reverse("admin:provisioning_phonenumber_change", args=[number.pk])),
    ):
        assert 'paused"' not in "".join(re.findall(r"<input[^>]*>", page.content.decode()))
        assert re.search("Provider (>|&gt;) (Relay|Numbers)", page.content.decode())
    routing.pause(account, Actor.of_user(operator, via="portal"), "spam")
    routing.pause_number(number, Actor.of_user(operator, via="portal"), "spam")
    change(browser, "messaging_carrieraccount", account, **ACCOUNT, credentials=SECRET)
    change(browser, "messaging_sendingnumber", number, carrier_account=account.pk, **PACE)
    inside = of_sending({"number": number.pk, "carrier_account": account.pk, **PACE, "burst": "7"})
    counted = {"sending-TOTAL_FORMS": 1, "sending-INITIAL_FORMS": 1}
    kept = {"source": "cisco_calling_plan", "capability": "capable", "active": "on", "user": user.pk,
            "location": user.location_id, "campaign": number.number.campaign_id}  # fmt: skip
    assert change(browser, "provisioning_phonenumber", number, **kept, **inside, **counted).status_code == 302
    number.refresh_from_db(), account.refresh_from_db()
    assert (account.paused, account.name) == (True, "Main carrier")
    assert (number.paused, number.texts_a_minute, number.burst) == (True, 12, 7)
    told = AuditEvent.objects.filter(action="admin.sendingnumber_changed").order_by("sequence")
    assert [event.after for event in told] == [{"texts_a_minute": "12.0"}, {"burst": 7}]


def test_only_what_the_operator_changed_is_written(browser: Any, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay writes to the same rows: what it wrote since the page read them stays."""
    number = SendingNumber.objects.get()
    meanwhile = {"paused": True, "next_due_at": factories.NOW, "tokens": 0.5, "texts_a_day": 7}
    read = SendingNumberAdmin.save_form

    def save_form(*arguments: Any, **options: Any) -> Any:
        SendingNumber.objects.update(**meanwhile)
        return read(*arguments, **options)

    monkeypatch.setattr(SendingNumberAdmin, "save_form", save_form)
    change(browser, "messaging_sendingnumber", number, carrier_account=number.carrier_account_id, **PACE)
    found = SendingNumber.objects.values(*meanwhile, "texts_a_minute").get()
    assert found == {**meanwhile, "texts_a_minute": 12}


@pytest.mark.parametrize("typed", ["very-secret-key", '["very-secret-key"]', '{"api_key": 5, "x": "very-secret-key"}'])
def test_credentials_of_the_wrong_shape_are_refused_and_not_shown_back(browser: Any, typed: str) -> None:
    answer = add(browser, "messaging_carrieraccount", **ACCOUNT, credentials=typed)
    assert "Enter a JSON object whose values are texts." in answer.content.decode()
    assert "very-secret-key" not in answer.content.decode()


def test_operators_name_the_first_officer(browser: Any, user: User) -> None:
    assert add(browser, "provisioning_roleassignment", user=user.pk, role="compliance_officer").status_code == 302
    role = RoleAssignment.objects.get()
    assert (role.organization_id, role.role) == (user.organization_id, "compliance_officer")
    event = recorded("role.assigned")
    assert (event.organization_id, event.via, event.target_id) == (user.organization_id, "admin", str(user.pk))
    assert event.after == {"role": "Compliance officer"}
    assert Mail.objects.get(kind="officer_named").recipient == user


def test_a_role_taken_back_is_recorded(browser: Any, user: User, full_admin: User) -> None:
    factories.with_role(user, "full_admin")
    role = RoleAssignment.objects.get(user=user)
    browser.post(reverse("admin:provisioning_roleassignment_delete", args=[role.pk]), {"post": "yes"})
    assert not RoleAssignment.objects.filter(user=user).exists()
    event = recorded("role.removed")
    assert (event.organization_id, event.before["role"]) == (user.organization_id, "Full administrator")


def test_a_location_administrator_has_named_locations_and_no_other_role(browser: Any, user: User) -> None:
    path = "provisioning_roleassignment"
    assert add(browser, path, user=user.pk, role="location_admin").status_code == 200
    assert add(browser, path, user=user.pk, role="full_admin", location=user.location_id).status_code == 200
    assert add(browser, path, user=user.pk, role="location_admin", location=user.location_id).status_code == 302
    assert add(browser, path, user=user.pk, role="user_admin").status_code == 200
    assert RoleAssignment.objects.count() == 1


def test_operators_have_no_role_in_an_organization(browser: Any, operator: User, user: User, stranger: User) -> None:
    path = "provisioning_roleassignment"
    assert add(browser, path, user=operator.pk, role="full_admin").status_code == 200
    foreign = {"user": user.pk, "role": "location_admin", "location": stranger.location_id}
    assert add(browser, path, **foreign).status_code == 200
    assert not RoleAssignment.objects.exists()
