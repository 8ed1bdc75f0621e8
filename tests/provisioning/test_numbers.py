"""How numbers are shown, and the 50th number of a campaign."""

from __future__ import annotations

import pytest
from django.template import Context, Template

from provisioning.admin.numbers import PhoneNumberForm
from provisioning.campaigns import refuse_if_full
from provisioning.models import PhoneNumber
from provisioning.numbers import display
from provisioning.refusals import Refusal
from tests import factories


@pytest.mark.parametrize(
    ("e164", "shown"),
    [
        ("+14155550101", "+1 415 555 0101"),
        ("+12045550199", "+1 204 555 0199"),
        ("+442079460958", "+44 20 7946 0958"),
        ("72345", "72345"),
        ("", ""),
    ],
)
def test_a_number_is_shown_in_groups(e164: str, shown: str) -> None:
    assert display(e164) == shown


@pytest.mark.parametrize(("value", "shown"), [("+14155550101", "+1 415 555 0101"), (None, ""), ("", "")])
def test_the_template_filter_shows_a_number_or_nothing(value: str | None, shown: str) -> None:
    assert Template("{% load phones %}{{ value|phone }}").render(Context({"value": value})) == shown


def full_campaign(**fields: bool) -> factories.CampaignFactory:
    campaign = factories.CampaignFactory(**fields)
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=campaign.organization, campaign=campaign, e164=f"+1206556{index:04d}")
        for index in range(49)
    )
    return campaign


@pytest.mark.django_db
def test_the_fiftieth_number_of_a_campaign_is_refused() -> None:
    campaign = full_campaign()
    with pytest.raises(Refusal) as refusal:
        refuse_if_full(campaign, factories.PhoneNumberFactory(organization=campaign.organization))
    assert refusal.value.code == "campaign_full"
    assert f"Campaign {campaign} has 49 numbers" in refusal.value.sentence


@pytest.mark.django_db
def test_a_number_already_linked_keeps_its_place() -> None:
    refuse_if_full(full_campaign(), PhoneNumber.objects.earliest("e164"))


@pytest.mark.django_db
def test_a_number_pool_takes_the_fiftieth() -> None:
    campaign = full_campaign(number_pool=True)
    refuse_if_full(campaign, factories.PhoneNumberFactory(organization=campaign.organization))


@pytest.mark.django_db
def test_a_number_that_is_not_active_takes_no_place() -> None:
    campaign = full_campaign()
    refuse_if_full(campaign, factories.PhoneNumberFactory(organization=campaign.organization, active=False))


@pytest.mark.django_db
def test_the_admin_refuses_the_fiftieth_next_to_the_field() -> None:
    campaign = full_campaign()
    typed = {"e164": "+1 415 555 2671", "organization": campaign.organization.pk, "source": "cisco_calling_plan",
             "capability": "capable", "campaign": campaign.pk, "active": "on"}  # fmt: skip
    form = PhoneNumberForm(typed)
    assert list(form.errors) == ["campaign"]
    assert "without a number pool" in form.errors["campaign"][0]
    assert PhoneNumberForm(typed | {"active": ""}).is_valid()
