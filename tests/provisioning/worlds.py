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


class Dice:
    """Draws for one world. The good value comes first: a calm world has a flaw or two, a wild one is full of them.

    Both are needed. Where nothing works, one broken rule hides another.
    """

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.weight = draw(st.sampled_from([8, 8, 2]))

    def mostly(self, *values: Any) -> Any:
        return self.draw(st.sampled_from([values[0]] * self.weight * len(values) + list(values)))

    def one_of(self, rows: list[Any]) -> Any:
        return self.mostly(*rows) if rows else None

    def maybe_one_of(self, rows: list[Any]) -> Any:
        return self.mostly(*rows, None) if rows else None


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
    dice = Dice(draw)
    organizations = [_organization(dice, index) for index in range(2)]
    plans = [
        CallingPlan(organization=organization, country=country)
        for organization in organizations
        for country in dice.mostly(["US"], ["CA", "GB"], ["GB"], [])
    ]
    locations = [_location(dice, organizations, index) for index in range(dice.mostly(1, 2, 3, 0))]
    brands = [_brand(dice, organizations) for _ in range(dice.mostly(1, 2, 0))]
    campaigns = [_campaign(dice, organizations, brands) for _ in range(dice.mostly(1, 2, 3, 0) if brands else 0)]
    users = [_user(dice, organizations, locations, index) for index in range(draw(st.integers(1, 3)))]
    numbers = _numbers(dice, organizations, campaigns, users)
    return Draft(organizations, plans, locations, brands, campaigns, users, numbers)


def _organization(dice: Dice, index: int) -> Organization:
    return Organization(
        name=f"Organization {index}",
        customer_type=dice.mostly(*CustomerType.values),
        addon_licenses=dice.mostly(1, 100, 0),
        healthcare=dice.draw(st.booleans()),
        phi_attested_at=dice.mostly(NOW, None),
        texting_enabled=dice.mostly(True, False),
    )


def _location(dice: Dice, organizations: list[Organization], index: int) -> Location:
    return Location(
        organization=dice.one_of(organizations),
        name=f"Location {index}",
        country=dice.mostly("US", "CA", "PR", "GB"),
        pstn_connection=dice.mostly(*PstnConnection.values),
        texting_setting=dice.mostly(*TextingSetting.values),
    )


def _brand(dice: Dice, organizations: list[Organization]) -> Brand:
    return Brand(
        organization=dice.one_of(organizations),
        legal_name="Brand",
        status=dice.mostly(BrandStatus.VERIFIED, *BrandStatus.values),
        reasons=_reasons(dice),
    )


def _campaign(dice: Dice, organizations: list[Organization], brands: list[Brand]) -> Campaign:
    return Campaign(
        organization=dice.one_of(organizations),
        brand=dice.one_of(brands),
        name="Campaign",
        status=dice.mostly(CampaignStatus.ACTIVE, *CampaignStatus.values),
        number_pool=dice.draw(st.booleans()),
        reasons=_reasons(dice),
    )


def _reasons(dice: Dice) -> list[dict[str, str]]:
    """Each unlike the others, so that the wrong one shows."""
    return dice.mostly([{"code": "1", "text": f"Reason {dice.draw(st.integers(0, 999))}."}], [])


def _user(dice: Dice, organizations: list[Organization], locations: list[Location], index: int) -> User:
    organization = dice.mostly(*organizations, None)
    return User(
        organization=organization,
        is_staff=organization is None,
        location=dice.maybe_one_of(locations),
        email=f"user{index}@example.com",
        email_key=f"user{index}@example.com",
        first_name=f"User {index}",
        license=dice.mostly(License.PROFESSIONAL, *License.values),
        texting_setting=dice.mostly(*TextingSetting.values),
        is_active=dice.mostly(True, False),
    )


def _numbers(
    dice: Dice, organizations: list[Organization], campaigns: list[Campaign], users: list[User]
) -> list[PhoneNumber]:
    """A number for most users, and up to two that nobody has: they fill campaigns."""
    holders = [user for user in users if dice.mostly(True, False)] + [None] * dice.draw(st.integers(0, 2))
    return [
        PhoneNumber(
            organization=_owner(dice, organizations, holder),
            user=holder,
            e164=f"+1415555{index:04d}",
            source=dice.mostly(*NumberSource.values),
            capability=dice.mostly(TextCapability.CAPABLE, *TextCapability.values),
            campaign=dice.maybe_one_of(campaigns),
            active=dice.mostly(True, False),
        )
        for index, holder in enumerate(holders)
    ]


def _owner(dice: Dice, organizations: list[Organization], holder: User | None) -> Organization:
    """The holder's organization, mostly."""
    if holder is None or holder.organization is None:
        found = dice.one_of(organizations)
    else:
        found = dice.mostly(holder.organization, *organizations)
    assert isinstance(found, Organization)
    return found
