"""Each of the twelve requirements by name: when it holds, what it says when it does not, and what to do then."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.eligibility import (
    Requirement,
    RequirementState,
    annotate_standing,
    check_location,
    check_organization,
    check_user,
    standing,
    standings,
)
from provisioning.models import Brand, CallingPlan, Campaign, Organization, PhoneNumber, User
from tests import factories

pytestmark = pytest.mark.django_db

MET, NOT_MET, WAITING = RequirementState
ORGANIZATION_CODES = [
    "customer_type", "calling_plan", "texting_location", "addon_license", "healthcare", "registration",
]  # fmt: skip
USER_CODES = [
    "customer_type", "calling_plan", "addon_license", "healthcare", "registration", "location_country",
    "location_pstn", "license", "primary_number", "number_capability", "number_campaign",
]  # fmt: skip


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def of_user(user: User, code: str) -> Requirement:
    return {requirement.code: requirement for requirement in check_user(fresh(user))}[code]


def of_organization(organization: Organization, code: str) -> Requirement:
    row = Organization.objects.get(pk=organization.pk)
    return {requirement.code: requirement for requirement in check_organization(row)}[code]


def change(row: Any, **values: Any) -> None:
    type(row).objects.filter(pk=row.pk).update(**values)


def test_a_user_with_everything_meets_everything_in_the_order_of_the_table(user: User) -> None:
    requirements = check_user(user)
    assert [requirement.code for requirement in requirements] == USER_CODES
    assert {requirement.state for requirement in requirements} == {MET}


def test_an_organization_with_everything_meets_everything_in_the_order_of_the_table(user: User) -> None:
    requirements = check_organization(user.organization)
    assert [requirement.code for requirement in requirements] == ORGANIZATION_CODES
    assert {requirement.state for requirement in requirements} == {MET}


def test_what_is_met_has_no_sentence_and_no_remedy(user: User) -> None:
    assert {(item.sentence, item.remedy) for item in check_user(user)} == {("", "")}


@pytest.mark.parametrize("customer_type", ["online", "trial"])
def test_customer_type_is_enterprise_only(user: User, customer_type: str) -> None:
    change(user.organization, customer_type=customer_type)
    on_page, on_user = of_organization(user.organization, "customer_type"), of_user(user, "customer_type")
    assert on_page.state == on_user.state == NOT_MET
    assert on_page.sentence == "This organization is not eligible for texting capabilities"
    assert on_user.sentence == "User is not eligible for texting capability"
    assert customer_type in on_page.detail
    assert "enterprise agreement" in on_page.remedy


@pytest.mark.parametrize(("countries", "state"), [(["CA"], MET), (["US", "GB"], MET), (["GB"], NOT_MET), ([], NOT_MET)])
def test_calling_plan_is_of_the_us_or_canada(user: User, countries: list[str], state: str) -> None:
    CallingPlan.objects.all().delete()
    for country in countries:
        CallingPlan.objects.create(organization=user.organization, country=country)
    requirement = of_user(user, "calling_plan")
    assert requirement.state == state
    assert bool(requirement.remedy) is (state == NOT_MET)


def test_texting_location_takes_an_active_user_at_a_us_or_canada_location_on_cisco_pstn(user: User) -> None:
    assert of_organization(user.organization, "texting_location").state == MET
    for row, values in [(user, {"is_active": False}), (user.location, {"pstn_connection": "local_gateway"}),
                        (user.location, {"country": "GB"})]:  # fmt: skip
        before = {name: getattr(row, name) for name in values}
        change(row, **values)
        requirement = of_organization(user.organization, "texting_location")
        assert requirement.state == NOT_MET
        assert requirement.sentence == "This organization is not eligible for texting capabilities"
        change(row, **before)


def test_texting_location_is_not_a_users_requirement(user: User) -> None:
    assert "texting_location" not in {requirement.code for requirement in check_user(user)}


def test_addon_license_is_bought_by_at_least_one(user: User) -> None:
    assert of_user(user, "addon_license").detail == "100 licenses"
    change(user.organization, addon_licenses=0)
    requirement = of_user(user, "addon_license")
    assert (requirement.state, requirement.detail) == (NOT_MET, "Not purchased")
    assert "Cisco partner" in requirement.remedy


def test_healthcare_customers_confirm_that_no_health_information_is_texted(user: User, full_admin: User) -> None:
    change(user.organization, healthcare=True)
    requirement = of_user(user, "healthcare")
    assert requirement.state == NOT_MET
    assert requirement.sentence.startswith("Business texting is not HIPAA compliant.")
    change(user.organization, phi_attested_at=factories.NOW, phi_attested_by=full_admin)
    requirement = of_user(user, "healthcare")
    assert requirement.state == MET
    assert requirement.detail == f"Confirmed by {full_admin.display_name} on 23 Nov 2026"


def test_registration_takes_an_active_campaign_of_a_verified_brand(user: User) -> None:
    assert of_user(user, "registration").detail == f"Northwind Dental Supply, Inc., {Campaign.objects.get()}"
    Campaign.objects.update(status="suspended")
    assert of_user(user, "registration").state == NOT_MET
    Campaign.objects.update(status="active")
    Brand.objects.update(status="suspended")
    requirement = of_user(user, "registration")
    assert requirement.state == NOT_MET
    assert "if it is lifted within 24 hours" in requirement.remedy


@pytest.mark.parametrize(("brand", "campaign"), [("pending", "draft"), ("verified", "pending")])
def test_registration_waits_for_the_registry(user: User, brand: str, campaign: str) -> None:
    Brand.objects.update(status=brand)
    Campaign.objects.update(status=campaign)
    requirement = of_organization(user.organization, "registration")
    assert requirement.state == WAITING
    assert requirement.sentence == "Waiting for the registry to approve the 10DLC registration"


def test_registration_waits_for_the_add_on(user: User) -> None:
    Campaign.objects.update(status="draft")
    change(user.organization, addon_licenses=0)
    requirement = of_organization(user.organization, "registration")
    assert (requirement.state, requirement.sentence) == (WAITING, "Waiting for the Business Texting add-on")


def test_registration_of_another_organization_counts_for_nothing(user: User, stranger: User) -> None:
    Campaign.objects.filter(organization=user.organization).update(brand=Brand.objects.get(
        organization=stranger.organization))  # fmt: skip
    assert of_user(user, "registration").state == NOT_MET


@pytest.mark.parametrize(
    ("country", "state"), [("US", MET), ("CA", MET), ("PR", MET), ("GB", NOT_MET), ("JM", NOT_MET)]
)
def test_location_country_is_the_us_with_its_territories_or_canada(user: User, country: str, state: str) -> None:
    change(user.location, country=country)
    assert of_user(user, "location_country").state == state


@pytest.mark.parametrize("connection", ["local_gateway", "other"])
def test_location_pstn_is_cisco_pstn(user: User, connection: str) -> None:
    change(user.location, pstn_connection=connection)
    requirement = of_user(user, "location_pstn")
    assert requirement.state == NOT_MET
    assert requirement.sentence == "The location does not use Cisco PSTN"
    assert requirement.detail in {"Local Gateway", "Another provider"}


def test_without_a_location_its_pstn_waits(user: User) -> None:
    change(user, location=None)
    assert of_user(user, "location_country").state == NOT_MET
    requirement = of_user(user, "location_pstn")
    assert (requirement.state, requirement.sentence) == (WAITING, "Waiting for a location")


@pytest.mark.parametrize("license_name", ["none", "standard"])
def test_license_is_professional(user: User, license_name: str) -> None:
    change(user, license=license_name)
    requirement = of_user(user, "license")
    assert requirement.state == NOT_MET
    assert "Webex Calling Professional" in requirement.remedy


@pytest.mark.parametrize(
    ("values", "detail"),
    [
        ({"user": None}, ""),
        ({"active": False}, "{number} is not active"),
        ({"source": "other"}, "{number} is from another provider"),
    ],
)
def test_primary_number_is_active_and_from_the_calling_plan(user: User, values: dict[str, Any], detail: str) -> None:
    PhoneNumber.objects.update(e164="+14155550101", **values)
    requirement = of_user(user, "primary_number")
    assert requirement.state == NOT_MET
    assert requirement.detail == detail.format(number="+1 415 555 0101")
    assert requirement.sentence == (
        "User is not eligible for texting capabilities because there is no primary telephone number found"
    )


def test_without_a_primary_number_what_hangs_on_it_waits(user: User) -> None:
    PhoneNumber.objects.update(user=None)
    for code in ("number_capability", "number_campaign"):
        requirement = of_user(user, code)
        assert (requirement.state, requirement.sentence) == (WAITING, "Waiting for a primary number")


def test_number_capability_is_what_the_carrier_reports(user: User) -> None:
    PhoneNumber.objects.update(capability="incapable")
    requirement = of_user(user, "number_capability")
    assert requirement.state == NOT_MET
    assert requirement.sentence == (
        "Your primary number does not support texting. Select another number to enable texting"
    )


def test_number_capability_waits_until_the_carrier_has_reported(user: User) -> None:
    PhoneNumber.objects.update(capability="unknown")
    requirement = of_user(user, "number_capability")
    assert requirement.state == WAITING
    assert requirement.sentence == (
        "Waiting for the carrier to report whether the primary number supports texting"
    )  # fmt: skip


def test_number_campaign_is_a_link_to_an_active_campaign(user: User) -> None:
    PhoneNumber.objects.update(campaign=None)
    requirement = of_user(user, "number_campaign")
    assert requirement.state == NOT_MET
    assert requirement.sentence.startswith("The primary number is not linked to an active 10DLC campaign.")


def test_number_campaign_waits_for_the_registration(user: User) -> None:
    Campaign.objects.update(status="pending")
    requirement = of_user(user, "number_campaign")
    assert (requirement.state, requirement.sentence) == (WAITING, "Waiting for the 10DLC registration")


def crowd(campaign: Campaign, numbers: int) -> None:
    """So many numbers in all, the one there already included."""
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=campaign.organization, campaign=campaign, e164=f"+1206556{index:04d}")
        for index in range(numbers - 1)
    )


def test_a_campaign_carries_49_numbers(user: User) -> None:
    crowd(Campaign.objects.get(), 49)
    assert of_user(user, "number_campaign").state == MET


def test_a_campaign_with_50_numbers_and_no_pool_meets_nobodys_requirement(user: User) -> None:
    crowd(Campaign.objects.get(), 50)
    requirement = of_user(user, "number_campaign")
    assert requirement.state == NOT_MET
    assert "more than 49 numbers" in requirement.detail
    assert standings([user.pk])[user.pk].can_send is False


def test_a_number_pool_carries_50_numbers(user: User) -> None:
    crowd(Campaign.objects.get(), 50)
    Campaign.objects.update(number_pool=True)
    assert of_user(user, "number_campaign").state == MET
    assert standings([user.pk])[user.pk].can_send is True


def test_a_number_that_is_not_active_takes_no_place_in_a_campaign(user: User) -> None:
    crowd(Campaign.objects.get(), 50)
    PhoneNumber.objects.filter(e164="+12065560000").update(active=False)
    assert of_user(user, "number_campaign").state == MET
    assert standings([user.pk])[user.pk].can_send is True


@pytest.mark.parametrize("stray", ["campaign", "brand", "both"])
def test_a_campaign_or_brand_of_another_organization_carries_no_number(
    user: User, other_organization: Organization, stray: str
) -> None:
    campaign = Campaign.objects.get()
    if stray != "brand":
        change(campaign, organization=other_organization)
    if stray != "campaign":
        change(campaign.brand, organization=other_organization)
    in_sql = annotate_standing(User.objects.filter(pk=user.pk)).get()
    assert of_user(user, "number_campaign").state == in_sql.req_number_campaign == WAITING
    assert (in_sql.can_text, in_sql.can_send) == (True, False)


def test_every_unmet_requirement_says_what_to_do(user: User) -> None:
    change(user.organization, customer_type="trial", addon_licenses=0, healthcare=True)
    change(user.location, country="GB", pstn_connection="other")
    change(user, license="none")
    CallingPlan.objects.all().delete()
    Campaign.objects.update(status="draft")
    PhoneNumber.objects.update(user=None)
    unmet = check_user(fresh(user))
    assert [item.code for item in unmet if item.met] == []
    assert [item.code for item in unmet if not item.sentence or not item.remedy] == []


def test_a_location_has_the_organizations_requirements_and_its_own(user: User) -> None:
    change(user.location, country="GB")
    found = {item.code: item.state for item in check_location(fresh(user).location)}
    assert list(found) == [*USER_CODES[:5], "location_country", "location_pstn"]
    assert found.pop("location_country") == NOT_MET
    assert set(found.values()) == {MET}


def test_standing_is_clear_when_all_is_well(user: User) -> None:
    found = standing(user)
    assert (found.enabled, found.can_receive, found.can_send, found.code, found.sentence) == (True, True, True, "", "")


def test_texting_that_is_off_is_named_before_any_requirement(user: User) -> None:
    change(user, texting_setting="off", license="none")
    found = standings([user.pk])[user.pk]
    assert (found.enabled, found.can_receive, found.can_send, found.code) == (False, False, False, "texting_off")
    assert found.sentence == "Business Texting is off for you. Ask your administrator to turn it on"


def test_registration_stops_sending_but_not_replies(user: User) -> None:
    Campaign.objects.update(status="expired")
    found = standing(fresh(user))
    assert (found.can_receive, found.can_send, found.code) == (True, False, "registration")


def test_what_stops_texting_is_named_before_what_only_stops_sending(user: User) -> None:
    Campaign.objects.update(status="expired")
    PhoneNumber.objects.update(capability="incapable")
    assert standing(fresh(user)).code == "number_capability"


def test_someone_deactivated_cannot_text(user: User) -> None:
    change(user, is_active=False)
    found = standings([user.pk])[user.pk]
    assert (found.can_receive, found.can_send, found.code) == (False, False, "user_inactive")


def test_a_provider_operator_cannot_text() -> None:
    operator = factories.OperatorFactory()
    assert standing(operator).can_receive is False
    assert standings([operator.pk])[operator.pk].can_receive is False


def test_standings_of_many_users_are_one_query(user: User, stranger: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        found = standings([user.pk, stranger.pk])
    assert set(found) == {user.pk, stranger.pk}


def test_a_page_of_fifty_users_with_their_standing_is_one_query(
    organization: Organization, django_assert_num_queries: Any
) -> None:
    for _each in range(50):
        factories.UserFactory(location=factories.LocationFactory(organization=organization))
    users = User.objects.filter(organization=organization).select_related("location", "primary_number")
    with django_assert_num_queries(1):
        rows = list(annotate_standing(users)[:50])
    assert [row.first_unmet for row in rows] == ["primary_number"] * 50


def test_the_checklists_take_few_queries(user: User, django_assert_max_num_queries: Any) -> None:
    row = User.objects.select_related("organization", "location").get(pk=user.pk)
    with django_assert_max_num_queries(4):
        check_user(row)
    with django_assert_max_num_queries(4):
        check_organization(row.organization)
