"""The API of brands and campaigns."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from provisioning.models import Brand, Campaign, Organization, RegistryAccount, RegistrySubmission, User
from tests import factories
from tests.provisioning.registration import rows


@pytest.fixture
def api(full_admin: User, signed_in_as: Any) -> Client:
    browser: Client = signed_in_as(full_admin)
    return browser


def ask(browser: Client, method: str, path: str, body: Any = None) -> Any:
    return getattr(browser, method)(f"/api/v1/{path}", data=body, content_type="application/json")


def test_a_brand_is_made_changed_and_submitted(api: Client, account: RegistryAccount) -> None:
    made = ask(api, "post", "brands", {"legal_name": "Northwind"})
    assert (made.status_code, made.json()["status"]) == (201, "draft")
    path = f"brands/{made.json()['id']}"
    refused = ask(api, "post", f"{path}/submit")
    assert (refused.status_code, refused.json()["code"]) == (422, "incomplete")
    assert {"pointer": "/entity_type", "code": "required", "detail": "Choose what kind of organization this is."} in (
        refused.json()["errors"]
    )
    changed = ask(api, "patch", path, {**rows.BRAND, "tax_id": "943128765"})
    assert (changed.status_code, changed.json()["tax_id"]) == (200, "94-3128765")
    submitted = ask(api, "post", f"{path}/submit")
    assert (submitted.status_code, submitted.json()["status"]) == (202, "submitting")
    assert [step["step"] for step in submitted.json()["history"]] == ["submitting", "draft"]
    again = ask(api, "post", f"{path}/submit")
    assert (again.status_code, again.json()["code"]) == (409, "with_registry")
    assert RegistrySubmission.objects.count() == 1


def test_a_campaign_is_made_changed_and_submitted(
    api: Client, account: RegistryAccount, organization: Organization
) -> None:
    brand = rows.brand_of(organization, status="verified")
    made = ask(api, "post", "campaigns", {"brand_id": str(brand.pk), "name": "Care", "samples": ["one"]})
    assert (made.status_code, made.json()["samples"], made.json()["numbers"]) == (201, ["one"], 0)
    path = f"campaigns/{made.json()['id']}"
    refused = ask(api, "post", f"{path}/submit")
    assert "/samples/0" in [error["pointer"] for error in refused.json()["errors"]]
    assert ask(api, "patch", path, rows.CAMPAIGN).status_code == 200
    assert ask(api, "post", f"{path}/submit").status_code == 202
    listed = ask(api, "get", "campaigns").json()["results"]
    assert [(row["id"], row["status"]) for row in listed] == [(made.json()["id"], "submitting")]


@pytest.mark.parametrize(
    "body",
    [
        {"entity_type": "guild"},
        {"legal_name": 5},
        {"legal_name": "x" * 256},
        {"country": "Atlantis"},
        [1],
        {"dba": "\0"},
    ],
)
def test_what_can_not_be_kept_is_refused(api: Client, body: Any) -> None:
    assert ask(api, "post", "brands", body).status_code == 400
    assert not Brand.objects.exists()


def test_a_campaign_of_an_unknown_or_foreign_brand_is_refused(api: Client, other_organization: Organization) -> None:
    foreign = rows.brand_of(other_organization)
    for key in (foreign.pk, uuid.uuid4()):
        answer = ask(api, "post", "campaigns", {"brand_id": str(key), "name": "Care"})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_brand")


def test_numbers_are_linked_all_or_none(api: Client, organization: Organization, campaign: Campaign) -> None:
    made = [str(factories.PhoneNumberFactory(organization=organization).pk) for _number in range(50)]
    path = f"campaigns/{campaign.pk}/numbers"
    answer = ask(api, "post", path, {"numbers": made})
    assert (answer.status_code, answer.json()["code"]) == (422, "campaign_full")
    assert campaign.numbers.count() == 0
    assert ask(api, "post", path, {"numbers": made[:49]}).json()["numbers"] == 49
    assert len(ask(api, "get", path).json()["results"]) == 49
    assert ask(api, "delete", f"{path}/{made[0]}").status_code == 204
    assert campaign.numbers.count() == 48
    assert ask(api, "delete", f"{path}/{made[0]}").status_code == 404


def test_numbers_of_another_organization_are_not_there(
    api: Client, campaign: Campaign, other_organization: Organization
) -> None:
    foreign = factories.PhoneNumberFactory(organization=other_organization)
    answer = ask(api, "post", f"campaigns/{campaign.pk}/numbers", {"numbers": [str(foreign.pk)]})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_number")


def test_without_the_add_on_it_is_refused_and_says_why(api: Client, campaign: Campaign) -> None:
    Organization.objects.update(addon_licenses=0)
    for path in ("brands", "campaigns", f"brands/{campaign.brand_id}", f"campaigns/{campaign.pk}/numbers"):
        answer = ask(api, "get", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "addon_license")


def test_lists_take_few_queries(api: Client, campaign: Campaign, django_assert_max_num_queries: Any) -> None:
    for place in range(30):
        rows.campaign_of(campaign.brand, name=f"Campaign {place}")
    with django_assert_max_num_queries(6):
        assert len(ask(api, "get", "campaigns").json()["results"]) == 31
