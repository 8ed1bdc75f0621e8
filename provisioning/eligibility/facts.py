"""What the Python rules look at, read from the database once a check.

Only rows of the user's own organization count: a location, number, campaign or brand of another one is as good as none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from provisioning.eligibility import trouble
from provisioning.eligibility.trouble import Trouble
from provisioning.enablement import own_location
from provisioning.models import Brand, Campaign, Location, Organization, PhoneNumber, User
from provisioning.models.choices import TEXTING_COUNTRIES
from provisioning.models.organizations import PstnConnection
from provisioning.models.registration import BrandStatus, CampaignStatus

CAMPAIGN_NUMBERS_LIMIT: Final = 49
"""Numbers a campaign can have without a number pool (T-Mobile's rule, as Cisco documents it)."""

REGISTERED = Q(
    status=CampaignStatus.ACTIVE,
    brand__status=BrandStatus.VERIFIED,
    brand__organization_id=F("organization_id"),
)
"""Campaigns that carriers accept: active, of a verified brand of the same organization."""

PENDING_BRANDS = Q(status__in=[BrandStatus.SUBMITTING, BrandStatus.PENDING])
PENDING_CAMPAIGNS = Q(
    status__in=[CampaignStatus.SUBMITTING, CampaignStatus.PENDING],
    brand__status=BrandStatus.VERIFIED,
    brand__organization_id=F("organization_id"),
)
TEXTING_LOCATIONS = Q(country__in=TEXTING_COUNTRIES, pstn_connection=PstnConnection.CISCO_PSTN)
"""Locations whose users can text."""


def users_at_texting_locations() -> QuerySet[User]:
    """Active users at a location of their own organization that can text."""
    return User.objects.filter(
        is_active=True,
        location__organization_id=F("organization_id"),
        location__country__in=TEXTING_COUNTRIES,
        location__pstn_connection=PstnConnection.CISCO_PSTN,
    )


@dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """One organization; None stands for a provider operator's lack of one, which meets nothing."""

    organization: Organization | None
    plan_countries: tuple[str, ...]
    registered_campaign: Campaign | None
    registration_pending: bool
    registration_trouble: Trouble | None = None
    """Why not, when nothing is registered and nothing is pending."""
    stopped_campaigns: tuple[Campaign, ...] = ()
    """Suspended and expired ones beside the registered one, where they were asked for."""

    @classmethod
    def of(cls, organization: Organization | None) -> OrganizationFacts:
        """Two queries; up to three more when nothing is registered."""
        if organization is None:
            return cls(None, (), None, registration_pending=False)
        return cls.with_campaign(organization, registered_campaigns(organization).first())

    @classmethod
    def with_campaign(
        cls, organization: Organization, registered: Campaign | None, *, reasons: bool = True
    ) -> OrganizationFacts:
        """Where the first registered campaign is at hand; without `reasons`, two queries at most."""
        pending = registered is None and _registration_pending(organization)
        idle = registered is None and not pending and reasons
        return cls(
            organization=organization,
            plan_countries=tuple(organization.calling_plans.order_by("country").values_list("country", flat=True)),
            registered_campaign=registered,
            registration_pending=pending,
            registration_trouble=trouble.of_organizations([organization.pk]).get(organization.pk) if idle else None,
        )


def stopped_campaigns(organization: Organization) -> tuple[Campaign, ...]:
    """Those that were registered and can't be used now."""
    stopped = (CampaignStatus.SUSPENDED, CampaignStatus.EXPIRED)
    return tuple(Campaign.objects.filter(organization=organization, status__in=stopped).order_by("id")[:5])


def registered_campaigns(organization: Organization) -> QuerySet[Campaign]:
    """The oldest first, with their brands."""
    return Campaign.objects.filter(REGISTERED, organization=organization).select_related("brand").order_by("id")


def _registration_pending(organization: Organization) -> bool:
    """Whether the registry has yet to answer: about a brand, or about a campaign of a verified brand."""
    brands = Brand.objects.filter(PENDING_BRANDS, organization=OuterRef("pk"))
    campaigns = Campaign.objects.filter(PENDING_CAMPAIGNS, organization=OuterRef("pk"))
    return Organization.objects.filter(Exists(brands) | Exists(campaigns), pk=organization.pk).exists()


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """A location, or a user's lack of one."""

    location: Location | None


@dataclass(frozen=True, slots=True)
class UserFacts(PlaceFacts):
    """One user: the organization's facts, the location, and the number that has this user."""

    organization: OrganizationFacts
    user: User
    number: PhoneNumber | None
    campaign_crowded: bool

    @classmethod
    def of(cls, user: User, organization: OrganizationFacts | None = None) -> UserFacts:
        """At most four queries more than `OrganizationFacts`, which can be given to check many users of one."""
        number = PhoneNumber.objects.select_related("campaign__brand").filter(user_id=user.pk).first()
        if number is not None and number.organization_id != user.organization_id:
            number = None
        campaign = number.campaign if number is not None else None
        return cls(
            organization=organization or OrganizationFacts.of(user.organization),
            user=user,
            location=own_location(user),
            number=number,
            campaign_crowded=campaign is not None and crowded(campaign),
        )


def crowded(campaign: Campaign) -> bool:
    """Whether the campaign has more numbers than it may."""
    return not campaign.number_pool and count_numbers(campaign) > CAMPAIGN_NUMBERS_LIMIT


def count_numbers(campaign: Campaign) -> int:
    """Active numbers of the campaign, counted no further than one past the limit."""
    return PhoneNumber.objects.filter(campaign=campaign, active=True).order_by()[: CAMPAIGN_NUMBERS_LIMIT + 1].count()


def is_registered(campaign: Campaign) -> bool:
    """`REGISTERED`, for one campaign at hand."""
    return (
        campaign.status == CampaignStatus.ACTIVE
        and campaign.brand.status == BrandStatus.VERIFIED
        and campaign.brand.organization_id == campaign.organization_id
    )
