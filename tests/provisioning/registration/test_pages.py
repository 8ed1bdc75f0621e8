"""Services > 10DLC registration."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from compliance.models import AuditEvent
from provisioning.changes import Actor
from provisioning.models import Brand, Campaign, Organization, PhoneNumber, RegistryAccount, RegistrySubmission, User
from provisioning.registration import submissions
from provisioning.registration.registries.base import Fact
from tests import factories
from tests.factories import NOW
from tests.provisioning.registration import rows

HOME = "/registration/"


@pytest.fixture
def admin(full_admin: User, signed_in_as: Any) -> Client:
    browser: Client = signed_in_as(full_admin)
    return browser


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def samples() -> dict[str, Any]:
    values = {name: value for name, value in rows.CAMPAIGN.items() if name != "samples"}
    return {
        **values, "sample_1": rows.CAMPAIGN["samples"][0], "sample_2": rows.CAMPAIGN["samples"][1],
        "opt_in_keywords": "START", "opt_out_keywords": "STOP", "help_keywords": "HELP",
    }  # fmt: skip


def test_without_the_add_on_there_are_no_such_pages_but_the_checklist_stays(
    admin: Client, user: User, organization: Organization, full_admin: User
) -> None:
    row = Campaign.objects.get(organization=organization)
    Organization.objects.update(addon_licenses=0)
    addresses = [HOME, "/registration/brands/new/", "/registration/campaigns/new/"]
    names = ("campaign", "edit_campaign", "submit_campaign", "campaign_numbers")
    addresses += [reverse(name, args=[row.pk]) for name in names]
    addresses += [reverse(name, args=[row.brand_id]) for name in ("brand", "edit_brand", "submit_brand")]
    assert {admin.get(address).status_code for address in addresses} == {404}
    page = text_of(admin.get("/calling/service-settings/"))
    assert HOME not in page
    assert 'data-code="registration"' in page


def test_the_navigation_names_it_with_the_add_on(admin: Client, user: User) -> None:
    assert f'href="{HOME}"' in text_of(admin.get("/calling/service-settings/"))


def test_an_organization_without_a_brand_is_told_how_to_begin(admin: Client) -> None:
    page = text_of(admin.get(HOME))
    assert "No brand yet" in page
    assert 'href="/registration/brands/new/"' in page


def test_a_brand_can_be_kept_incomplete_as_a_draft(admin: Client, full_admin: User) -> None:
    response = admin.post("/registration/brands/new/", {"legal_name": "Northwind", "action": "save"}, follow=True)
    brand = Brand.objects.get()
    assert (brand.status, brand.legal_name, brand.tax_id) == ("draft", "Northwind", "")
    assert "Not complete yet" in text_of(response)
    event = AuditEvent.objects.get(action="brand.created")
    assert (event.actor_id, event.after["legal_name"]) == (full_admin.pk, "Northwind")


def test_checking_an_incomplete_brand_says_what_is_missing_and_keeps_what_was_typed(admin: Client) -> None:
    response = admin.post(
        "/registration/brands/new/", {"legal_name": "Northwind <b>", "tax_id": "12", "action": "check"}
    )
    page = text_of(response)
    assert response.status_code == 422
    assert "Choose what kind of organization this is." in page
    assert 'value="Northwind &lt;b&gt;"' in page
    assert 'value="12"' in page
    assert not Brand.objects.exists()


def test_a_complete_brand_is_saved_confirmed_and_submitted(admin: Client, account: RegistryAccount) -> None:
    response = admin.post("/registration/brands/new/", {**rows.BRAND, "action": "check"})
    brand = Brand.objects.get()
    assert response["Location"] == f"/registration/brands/{brand.pk}/submit/"
    page = text_of(admin.get(response["Location"]))
    assert "charges your provider for each submission" in page
    assert not RegistrySubmission.objects.exists()
    page = text_of(admin.post(response["Location"], follow=True))
    assert "On its way to the registry" in page
    assert RegistrySubmission.objects.get().document["tax_id"] == "94-3128765"
    assert AuditEvent.objects.filter(action="brand.submitted").count() == 1


def test_an_incomplete_brand_is_not_submitted_by_a_post_either(
    admin: Client, account: RegistryAccount, brand: Brand
) -> None:
    Brand.objects.update(tax_id="")
    response = admin.post(f"/registration/brands/{brand.pk}/submit/")
    assert response.status_code == 422
    assert 'data-code="incomplete"' in text_of(response)
    assert not RegistrySubmission.objects.exists()


def test_without_a_connected_registry_nothing_is_submitted(admin: Client, brand: Brand) -> None:
    response = admin.post(f"/registration/brands/{brand.pk}/submit/")
    assert response.status_code == 409
    assert "Your provider connects one." in text_of(response)
    assert Brand.objects.get().status == "draft"


def test_a_campaign_waits_for_its_brand(admin: Client, account: RegistryAccount, brand: Brand) -> None:
    row = rows.campaign_of(brand)
    assert "The brand is not verified yet" in text_of(admin.get(f"/registration/campaigns/{row.pk}/submit/"))
    response = admin.post(f"/registration/campaigns/{row.pk}/submit/")
    assert (response.status_code, 'data-code="brand_not_verified"' in text_of(response)) == (409, True)


def test_a_campaign_is_refused_with_a_sentence_at_each_field_and_keeps_what_was_typed(
    admin: Client, organization: Organization
) -> None:
    rows.brand_of(organization, status="verified")
    typed = {
        **samples(),
        "sample_1": "Too short",
        "use_case": "mixed",
        "sub_use_cases": ["marketing"],
        "action": "check",
    }
    response = admin.post("/registration/campaigns/new/", typed)
    page = text_of(response)
    assert response.status_code == 422
    assert "in 20 to 1,024 characters. Now it has 9." in page
    assert "Choose 2 to 5 use cases" in page
    assert "Too short</textarea>" in page
    assert 'value="marketing" id="id_sub_use_cases_6" checked' in page or 'value="marketing"' in page
    assert 'data-counts="id_sample_1" data-fewest="20" data-most="1024"><span>9</span>' in page
    assert not Campaign.objects.exists()


def test_a_campaign_is_made_changed_and_audited(admin: Client, organization: Organization) -> None:
    rows.brand_of(organization, status="verified")
    admin.post("/registration/campaigns/new/", {**samples(), "action": "save"})
    row = Campaign.objects.get()
    assert row.samples == rows.CAMPAIGN["samples"]
    admin.post(f"/registration/campaigns/{row.pk}/edit/", {**samples(), "name": "Orders", "was": 0, "action": "save"})
    row.refresh_from_db()
    assert (row.name, row.revision) == ("Orders", 1)
    event = AuditEvent.objects.get(action="campaign.changed")
    assert (event.before, event.after) == ({"name": "Customer care"}, {"name": "Orders"})


def test_saving_what_is_so_already_writes_nothing(admin: Client, organization: Organization) -> None:
    rows.brand_of(organization, status="verified")
    admin.post("/registration/campaigns/new/", {**samples(), "action": "save"})
    row = Campaign.objects.get()
    admin.post(f"/registration/campaigns/{row.pk}/edit/", {**samples(), "was": 0, "action": "save"})
    assert Campaign.objects.get().revision == 0
    assert not AuditEvent.objects.filter(action="campaign.changed").exists()


def test_what_someone_else_changed_meanwhile_is_not_overwritten(admin: Client, brand: Brand) -> None:
    Brand.objects.update(revision=1, legal_name="Theirs")
    response = admin.post(f"/registration/brands/{brand.pk}/edit/", {**rows.BRAND, "was": 0, "action": "save"})
    assert response.status_code == 409
    assert "Someone else changed this" in text_of(response)
    assert Brand.objects.get().legal_name == "Theirs"


@pytest.mark.parametrize("status", ["submitting", "pending", "verified", "suspended"])
def test_what_the_registry_has_can_not_be_changed(admin: Client, brand: Brand, status: str) -> None:
    Brand.objects.update(status=status)
    response = admin.post(f"/registration/brands/{brand.pk}/edit/", {**rows.BRAND, "city": "Oakland", "action": "save"})
    assert response.status_code == 409
    assert Brand.objects.get().city == "San Francisco"


def test_a_rejection_is_shown_with_its_reasons_corrected_and_submitted_again(
    admin: Client, account: RegistryAccount, campaign: Campaign
) -> None:
    first = submissions.submit(campaign, Actor.system("test"), NOW)
    reasons = [{"code": "701", "text": "No sample message names the business.", "field": "sample_1"}]
    submissions.hear(first, Fact(str(first.pk), "rejected", NOW, reasons, {"registry_id": "C123456"}), NOW)
    page = text_of(admin.get(f"/registration/campaigns/{campaign.pk}/"))
    assert "Rejected by the registry" in page
    assert page.count("No sample message names the business.") == 2
    assert "23 November 2026" in page
    assert "No sample message names the business" in text_of(admin.get(HOME))
    edit = f"/registration/campaigns/{campaign.pk}/edit/"
    assert "What the registry objects to" in text_of(admin.get(edit))
    typed = {**samples(), "sample_2": "Northwind Dental Supply: all is well with it.", "action": "check"}
    response = admin.post(edit, typed)
    assert response["Location"] == f"/registration/campaigns/{campaign.pk}/submit/"
    admin.post(response["Location"])
    second = RegistrySubmission.objects.exclude(pk=first.pk).get()
    assert second.document["registry_id"] == "C123456"
    page = text_of(admin.get(f"/registration/campaigns/{campaign.pk}/"))
    assert "On its way to the registry" in page
    assert page.count("No sample message names the business.") == 1


def test_a_campaign_whose_end_is_near_says_so(admin: Client, campaign: Campaign) -> None:
    Campaign.objects.update(status="active", expires_at=timezone.now() + timedelta(days=29))
    assert "Active, to be renewed by" in text_of(admin.get(f"/registration/campaigns/{campaign.pk}/"))
    Campaign.objects.update(expires_at=timezone.now() + timedelta(days=31))
    assert "Active, to be renewed by" not in text_of(admin.get(f"/registration/campaigns/{campaign.pk}/"))


def test_a_page_that_shows_it_already_is_not_swapped(admin: Client, account: RegistryAccount, brand: Brand) -> None:
    submission = submissions.submit(brand, Actor.system("test"), NOW)
    address = f"/registration/brands/{brand.pk}/"
    page = admin.get(address)
    assert 'hx-trigger="every 2s"' in text_of(page) or 'hx-trigger="every 30s"' in text_of(page)
    seen = {"seen": page.context["stamp"]}
    assert admin.get(address, seen, headers={"HX-Request": "true"}).status_code == 204
    assert admin.get(address, seen).status_code == 200
    submissions.hear(submission, Fact(str(submission.pk), "verified", NOW), NOW)
    answer = admin.get(address, seen, headers={"HX-Request": "true"})
    assert (answer.status_code, "hx-trigger" in text_of(answer)) == (200, False)


def test_those_who_may_only_look_see_no_buttons_and_change_nothing(
    organization: Organization, campaign: Campaign, signed_in_as: Any
) -> None:
    person = factories.with_role(factories.UserFactory(organization=organization, location=None), "read_only_admin")
    browser = signed_in_as(person)
    for address in (HOME, f"/registration/campaigns/{campaign.pk}/", f"/registration/brands/{campaign.brand_id}/"):
        page = text_of(browser.get(address))
        for control in (">Edit<", ">Submit<", "Register a campaign</a>"):
            assert control not in page, (address, control)
    assert browser.get("/registration/brands/new/").status_code == 403
    assert browser.post(f"/registration/campaigns/{campaign.pk}/submit/").status_code == 403
    assert browser.post(f"/registration/campaigns/{campaign.pk}/numbers/", {"all": "1"}).status_code == 403


def numbers(organization: Organization, count: int, **fields: Any) -> list[PhoneNumber]:
    return [factories.PhoneNumberFactory(organization=organization, **fields) for _number in range(count)]


def test_many_numbers_are_linked_at_once_and_unlinked(
    admin: Client, organization: Organization, campaign: Campaign
) -> None:
    made = numbers(organization, 12)
    address = f"/registration/campaigns/{campaign.pk}/numbers/"
    page = text_of(admin.post(f"{address}?show=unlinked", {"number": [str(made[0].pk), str(made[1].pk)]}, follow=True))
    assert "Linked 2 numbers." in page
    assert "2 of at most 49 active numbers are linked. 47 more can be." in page
    admin.post(f"{address}?show=unlinked", {"all": "1"})
    assert campaign.numbers.count() == 12
    assert AuditEvent.objects.filter(action="number.linked").count() == 12
    page = text_of(admin.post(f"{address}?show=linked&q={made[3].e164[-7:]}", {"all": "1"}, follow=True))
    assert "Unlinked 1 number." in page
    assert campaign.numbers.count() == 11


def test_the_fiftieth_number_is_refused_with_a_sentence(
    admin: Client, organization: Organization, campaign: Campaign
) -> None:
    numbers(organization, 48, campaign=campaign)
    numbers(organization, 2)
    address = f"/registration/campaigns/{campaign.pk}/numbers/?show=unlinked"
    response = admin.post(address, {"all": "1"})
    page = text_of(response)
    assert (response.status_code, 'data-code="campaign_full"' in page) == (422, True)
    assert "which is all it can have without a number pool" in page
    assert "1 number was not linked." in page
    assert campaign.numbers.count() == 49
    Campaign.objects.update(number_pool=True)
    assert admin.post(address, {"all": "1"}).status_code == 302
    assert campaign.numbers.count() == 50


def test_choosing_nothing_is_said(admin: Client, campaign: Campaign) -> None:
    address = f"/registration/campaigns/{campaign.pk}/numbers/"
    assert admin.post(address, {"number": ["nonsense"]}).status_code == 422


def test_numbers_of_another_organization_are_not_linked(
    admin: Client, campaign: Campaign, other_organization: Organization
) -> None:
    foreign = factories.PhoneNumberFactory(organization=other_organization)
    address = f"/registration/campaigns/{campaign.pk}/numbers/?show=unlinked"
    assert admin.post(address, {"number": [str(foreign.pk)]}).status_code == 422
    foreign.refresh_from_db()
    assert foreign.campaign is None


def test_each_page_takes_few_queries_however_much_there_is(
    admin: Client, organization: Organization, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for place in range(20):
        other = rows.campaign_of(
            campaign.brand, name=f"Campaign {place}", status="active", expires_at=NOW + timedelta(place)
        )
        numbers(organization, 3, campaign=other)
    numbers(organization, 30, campaign=campaign)
    addresses = {
        HOME: 9,
        f"/registration/brands/{campaign.brand_id}/": 9,
        f"/registration/campaigns/{campaign.pk}/": 9,
        f"/registration/campaigns/{campaign.pk}/numbers/": 9,
        f"/registration/campaigns/{campaign.pk}/edit/": 8,
    }
    for address, most in addresses.items():
        with django_assert_max_num_queries(most):
            assert admin.get(address).status_code == 200
