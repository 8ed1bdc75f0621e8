"""Random states of the database for property tests: organizations, locations, registration, users, numbers.

Anything may belong to anything: a location, number, campaign or brand of another organization, nulls, operators
without an organization, people who are deactivated. No page makes most of these; the two halves of a rule must still
agree on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from provisioning.models import Brand, CallingPlan, Campaign, Location, Organization, PhoneNumber, TextingSetting, User
from provisioning.models.numbers import NumberSource, TextCapability
from provisioning.models.organizations import CustomerType, PstnConnection
from provisioning.models.registration import BrandStatus, CampaignStatus
from provisioning.models.users import License
from tests.factories import NOW

# The good value comes first and often: a world in which nothing works finds nothing.
SETTINGS = st.sampled_from(TextingSetting.values)
COUNTRIES = st.sampled_from(["US", "CA", "PR", "GB"])


def mostly(*values: Any) -> st.SearchStrategy[Any]:
    """The first value about three times out of four, any other in the rest."""
    return st.sampled_from([values[0]] * 2 * len(values) + list(values))


def one_of(rows: list[Any]) -> st.SearchStrategy[Any]:
    return mostly(*rows) if rows else st.none()


def maybe_one_of(rows: list[Any]) -> st.SearchStrategy[Any]:
    return mostly(*rows, None) if rows else st.none()


@dataclass
class World:
    """What was stored."""

    organizations: list[Organization]
    users: list[User]


@dataclass
class Draft:
    """A world before it is stored, so that a failing example prints as rows."""

    organizations: list[Organization]
    plans: list[CallingPlan]
    locations: list[Location]
    brands: list[Brand]
    campaigns: list[Campaign]
    users: list[User]
    numbers: list[PhoneNumber]

    def store(self) -> World:
        Organization.objects.bulk_create(self.organizations)
        CallingPlan.objects.bulk_create(self.plans)
        Location.objects.bulk_create(self.locations)
        Brand.objects.bulk_create(self.brands)
        Campaign.objects.bulk_create(self.campaigns)
        User.objects.bulk_create(self.users)
        PhoneNumber.objects.bulk_create(self.numbers)
        return World(self.organizations, list(User.objects.filter(pk__in=[user.pk for user in self.users])))


@st.composite
def drafts(draw: Any) -> Draft:
    organizations = [_organization(draw, index) for index in range(2)]
    plans = [
        CallingPlan(organization=organization, country=country)
        for organization in organizations
        for country in draw(mostly(["US"], ["CA", "GB"], ["GB"], []))
    ]
    locations = [_location(draw, organizations, index) for index in range(draw(mostly(1, 2, 3, 0)))]
    brands = [_brand(draw, organizations) for _ in range(draw(mostly(1, 2, 0)))]
    campaigns = [_campaign(draw, organizations, brands) for _ in range(draw(mostly(1, 2, 3, 0)) if brands else 0)]
    users = [_user(draw, organizations, locations, index) for index in range(draw(st.integers(1, 4)))]
    numbers = _numbers(draw, organizations, campaigns, users)
    return Draft(organizations, plans, locations, brands, campaigns, users, numbers)


def _organization(draw: Any, index: int) -> Organization:
    return Organization(
        name=f"Organization {index}",
        customer_type=draw(mostly(*CustomerType.values)),
        addon_licenses=draw(mostly(1, 100, 0)),
        healthcare=draw(st.booleans()),
        phi_attested_at=draw(mostly(NOW, None)),
        texting_enabled=draw(mostly(True, False)),
    )


def _location(draw: Any, organizations: list[Organization], index: int) -> Location:
    return Location(
        organization=draw(one_of(organizations)),
        name=f"Location {index}",
        country=draw(COUNTRIES),
        pstn_connection=draw(mostly(*PstnConnection.values)),
        texting_setting=draw(SETTINGS),
    )


def _brand(draw: Any, organizations: list[Organization]) -> Brand:
    return Brand(
        organization=draw(one_of(organizations)),
        legal_name="Brand",
        status=draw(mostly(BrandStatus.VERIFIED, *BrandStatus.values)),
    )


def _campaign(draw: Any, organizations: list[Organization], brands: list[Brand]) -> Campaign:
    return Campaign(
        organization=draw(one_of(organizations)),
        brand=draw(one_of(brands)),
        name="Campaign",
        status=draw(mostly(CampaignStatus.ACTIVE, *CampaignStatus.values)),
        number_pool=draw(st.booleans()),
    )


def _user(draw: Any, organizations: list[Organization], locations: list[Location], index: int) -> User:
    organization = draw(mostly(*organizations, None))
    return User(
        organization=organization,
        is_staff=organization is None,
        location=draw(maybe_one_of(locations)),
        email=f"user{index}@example.com",
        email_key=f"user{index}@example.com",
        first_name=f"User {index}",
        license=draw(mostly(License.PROFESSIONAL, *License.values)),
        texting_setting=draw(SETTINGS),
        is_active=draw(mostly(True, False)),
    )


def _numbers(
    draw: Any, organizations: list[Organization], campaigns: list[Campaign], users: list[User]
) -> list[PhoneNumber]:
    """A number for most users, and one or two that nobody has: they fill campaigns."""
    holders = [user for user in users if draw(mostly(True, False))] + [None] * draw(st.integers(0, 2))
    return [
        PhoneNumber(
            organization=draw(mostly(holder.organization, *organizations) if holder and holder.organization_id
                              else one_of(organizations)),
            user=holder,
            e164=f"+1415555{index:04d}",
            source=draw(mostly(*NumberSource.values)),
            capability=draw(mostly(TextCapability.CAPABLE, *TextCapability.values)),
            campaign=draw(maybe_one_of(campaigns)),
            active=draw(mostly(True, False)),
        )
        for index, holder in enumerate(holders)
    ]  # fmt: skip
