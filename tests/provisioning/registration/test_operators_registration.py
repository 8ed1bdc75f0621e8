"""What the provider's admin does with registrations and registry accounts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent
from provisioning import vault
from provisioning.models import Brand, Campaign, RegistrationEvent, RegistryAccount
from tests import factories
from tests.provisioning.registration import rows

SECRET = '{"api_key": "very-secret-key", "webhook_secret": "another"}'
ACCOUNT = {"name": "Registry", "registry": "simulator", "base_url": "https://registry.example", "active": "on"}


@pytest.fixture
def operator(db: Any, signed_in_as: Any) -> Client:
    browser: Client = signed_in_as(factories.OperatorFactory())
    return browser


def test_credentials_go_in_and_never_come_out(operator: Client) -> None:
    operator.post(reverse("admin:provisioning_registryaccount_add"), {**ACCOUNT, "credentials": SECRET})
    account = RegistryAccount.objects.get()
    assert vault.unseal(account.sealed_credentials)["api_key"] == "very-secret-key"
    page = operator.get(reverse("admin:provisioning_registryaccount_change", args=[account.pk])).content.decode()
    assert "very-secret-key" not in page
    assert account.sealed_credentials not in page
    assert f"https://hub.example/webhooks/registry/{account.pk}/" in page
    event = AuditEvent.objects.get(action="admin.registryaccount_added")
    assert event.after["credentials"] == "replaced"
    assert "very-secret-key" not in repr(event.__dict__)
    assert account.sealed_credentials not in repr(event.__dict__)


def change(browser: Client, row: Brand | Campaign, **fields: Any) -> Any:
    name = row._meta.model_name
    form = browser.get(reverse(f"admin:provisioning_{name}_change", args=[row.pk])).context["adminform"].form
    values = {key: value for key in form.fields if (value := form[key].value()) not in (None, False)}
    return browser.post(reverse(f"admin:provisioning_{name}_change", args=[row.pk]), {**values, **fields})


def test_an_operators_status_goes_the_same_way_as_the_registrys_word(operator: Client, brand: Brand) -> None:
    assert change(operator, brand, status="verified", registry_id="BELSEWH").status_code == 302
    brand.refresh_from_db()
    assert (brand.status, brand.registry_id) == ("verified", "BELSEWH")
    event = RegistrationEvent.objects.get()
    assert (event.step, event.source) == ("verified", "operator")
    assert AuditEvent.objects.get(action="brand.status_changed").after == {"status": "verified"}


def test_saving_without_another_status_says_nothing(operator: Client, brand: Brand) -> None:
    change(operator, brand, legal_name="Northwind Dental, Inc.")
    assert not RegistrationEvent.objects.exists()
    assert Brand.objects.get().legal_name == "Northwind Dental, Inc."


def test_a_class_brings_its_pace_and_a_tier_its_cap(operator: Client, campaign: Campaign) -> None:
    change(operator, campaign, throughput_class="T")
    change(operator, campaign.brand, tier="low_mid")
    campaign.refresh_from_db()
    assert (campaign.segments_a_minute, Brand.objects.get().segments_a_day) == (75, 10_000)
    change(operator, Campaign.objects.get(), throughput_class="E", segments_a_minute="100")
    assert Campaign.objects.get().segments_a_minute == 100


def test_submissions_events_and_notices_are_only_looked_at(operator: Client, account: RegistryAccount) -> None:
    for name in ("registrysubmission", "registrationevent", "registrynotice"):
        assert operator.get(reverse(f"admin:provisioning_{name}_changelist")).status_code == 200
        assert operator.get(reverse(f"admin:provisioning_{name}_add")).status_code == 403


def test_a_new_brand_of_an_operator_may_be_verified_at_once(operator: Client, organization: Any) -> None:
    values = {"organization": organization.pk, "legal_name": "Elsewhere", "status": "verified", "registry_id": "B1"}
    assert operator.post(reverse("admin:provisioning_brand_add"), values).status_code == 302
    assert Brand.objects.get().status == "verified"
    assert rows.campaign_of(Brand.objects.get()).status == "draft"
