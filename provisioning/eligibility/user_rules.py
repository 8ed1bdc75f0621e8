"""The six requirements of one user's place, license and number, each in Python and as SQL (from a User queryset)."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.eligibility.facts import CAMPAIGN_NUMBERS_LIMIT, PlaceFacts, UserFacts, is_registered
from provisioning.eligibility.known import KnownRoot
from provisioning.eligibility.organization_rules import RegistrationRule
from provisioning.eligibility.requirements import FROM_USER, Condition, Gate, RequirementState, Root, Rule, met_if
from provisioning.eligibility.trouble import Trouble, of_number
from provisioning.models import Country, Location, PhoneNumber
from provisioning.models.choices import TEXTING_COUNTRIES
from provisioning.models.numbers import NumberSource, TextCapability
from provisioning.models.organizations import PstnConnection
from provisioning.models.registration import BrandStatus, CampaignStatus
from provisioning.models.users import License
from provisioning.numbers import display


def own_location(root: Root) -> Q:
    """Users at a location of their own organization."""
    return Q(location__organization_id=root.own_id)


def no_own_location(root: Root) -> Q:
    """The opposite of `own_location()`. Spelled out: NOT leaves NULL as it is, and Django guards only some of it."""
    if isinstance(root, KnownRoot):  # Read the own locations once, instead of each user's location.
        return Q(location__isnull=True) | ~Q(location__in=Location.objects.filter(organization=root.own_id))
    return Q(location__isnull=True) | ~own_location(root)


def usable_number(root: Root) -> Q:
    """Users with an active primary number of their own organization, from its Cisco Calling Plan."""
    return Q(
        primary_number__organization_id=root.own_id,
        primary_number__active=True,
        primary_number__source=NumberSource.CISCO_CALLING_PLAN,
    )


def no_usable_number(root: Root) -> Q:
    """The opposite of `usable_number()`, spelled out."""
    organization = Q(organization__isnull=True) if root is FROM_USER else Q()
    return (
        Q(primary_number__isnull=True)
        | organization
        | ~Q(primary_number__organization_id=root.own_id)
        | Q(primary_number__active=False)
        | ~Q(primary_number__source=NumberSource.CISCO_CALLING_PLAN)
    )


class LocationCountryRule(Rule[PlaceFacts]):
    """The user's location is in the US (its territories count) or Canada."""

    code = "location_country"
    label = gettext_lazy("Location is in the US or Canada")
    not_met = gettext_lazy("The location is not in the US or Canada")

    def state(self, facts: PlaceFacts) -> RequirementState:
        return met_if(facts.location is not None and facts.location.country in TEXTING_COUNTRIES)

    def met(self, root: Root) -> Q:
        return own_location(root) & Q(location__country__in=TEXTING_COUNTRIES)

    def failing(self, root: Root) -> Condition:
        return no_own_location(root) | ~Q(location__country__in=TEXTING_COUNTRIES)

    def detail(self, facts: PlaceFacts) -> str:
        if facts.location is None:
            return _("No location")
        country = facts.location.country
        return f"{facts.location.name}, {dict(Country.choices).get(country, country)}"

    def remedy(self, facts: PlaceFacts) -> str:
        return _("Texting is available in the US and Canada. An administrator assigns users to a location there.")


class LocationPstnRule(Rule[PlaceFacts]):
    """That location uses Cisco PSTN. Waits for a location."""

    code = "location_pstn"
    label = gettext_lazy("Location uses Cisco PSTN")
    not_met = gettext_lazy("The location does not use Cisco PSTN")

    def state(self, facts: PlaceFacts) -> RequirementState:
        if facts.location is None:
            return RequirementState.WAITING
        return met_if(facts.location.pstn_connection == PstnConnection.CISCO_PSTN)

    def met(self, root: Root) -> Q:
        return own_location(root) & Q(location__pstn_connection=PstnConnection.CISCO_PSTN)

    def waiting(self, root: Root) -> Condition:
        return no_own_location(root)

    def failing(self, root: Root) -> Condition:
        return own_location(root) & ~Q(location__pstn_connection=PstnConnection.CISCO_PSTN)

    def detail(self, facts: PlaceFacts) -> str:
        return str(PstnConnection(facts.location.pstn_connection).label) if facts.location is not None else ""

    def waits_for(self, facts: PlaceFacts) -> str:
        return _("Waiting for a location") if facts.location is None else ""

    def remedy(self, facts: PlaceFacts) -> str:
        if facts.location is None:
            return _("An administrator assigns the user to a location in the US or Canada first.")
        return _("A full administrator changes the PSTN connection of the location to Cisco PSTN.")


class LicenseRule(Rule[UserFacts]):
    """The user has a Webex Calling Professional license."""

    code = "license"
    label = gettext_lazy("Webex Calling Professional license")
    not_met = gettext_lazy("The user has no Webex Calling Professional license")

    def state(self, facts: UserFacts) -> RequirementState:
        return met_if(facts.user.license == License.PROFESSIONAL)

    def met(self, root: Root) -> Q:
        return Q(license=License.PROFESSIONAL)

    def failing(self, root: Root) -> Condition:
        return ~Q(license=License.PROFESSIONAL)

    def detail(self, facts: UserFacts) -> str:
        return "" if self.state(facts) is RequirementState.MET else str(License(facts.user.license).label)

    def remedy(self, facts: UserFacts) -> str:
        return _("An administrator assigns a Webex Calling Professional license to the user.")


class PrimaryNumberRule(Rule[UserFacts]):
    """The user has an active primary number, assigned from the Cisco Calling Plan."""

    code = "primary_number"
    label = gettext_lazy("Primary number found")
    not_met = gettext_lazy(
        "User is not eligible for texting capabilities because there is no primary telephone number found"
    )

    def state(self, facts: UserFacts) -> RequirementState:
        number = facts.number
        return met_if(number is not None and number.active and number.source == NumberSource.CISCO_CALLING_PLAN)

    def met(self, root: Root) -> Q:
        return usable_number(root)

    def failing(self, root: Root) -> Condition:
        return no_usable_number(root)

    def detail(self, facts: UserFacts) -> str:
        number = facts.number
        if number is None:
            return ""
        if not number.active:
            return _("%(number)s is not active") % {"number": display(number.e164)}
        if number.source != NumberSource.CISCO_CALLING_PLAN:
            return _("%(number)s is from another provider") % {"number": display(number.e164)}
        return display(number.e164)

    def remedy(self, facts: UserFacts) -> str:
        return _("An administrator assigns the user a primary number from the Cisco Calling Plan.")


class NumberCapabilityRule(Rule[UserFacts]):
    """The carrier reports that the number can text. Waits for a primary number, and for the carrier's report."""

    code = "number_capability"
    label = gettext_lazy("Primary number supports texting")
    not_met = gettext_lazy("Your primary number does not support texting. Select another number to enable texting")
    awaited = gettext_lazy("Waiting for the carrier to report whether the primary number supports texting")

    def state(self, facts: UserFacts) -> RequirementState:
        if facts.number is None or not _has_number(facts) or facts.number.capability == TextCapability.UNKNOWN:
            return RequirementState.WAITING
        return met_if(facts.number.capability == TextCapability.CAPABLE)

    def met(self, root: Root) -> Q:
        return usable_number(root) & Q(primary_number__capability=TextCapability.CAPABLE)

    def waiting(self, root: Root) -> Condition:
        return no_usable_number(root) | Q(primary_number__capability=TextCapability.UNKNOWN)

    def failing(self, root: Root) -> Condition:
        return usable_number(root) & ~Q(
            primary_number__capability__in=[TextCapability.CAPABLE, TextCapability.UNKNOWN]
        )  # fmt: skip

    def waits_for(self, facts: UserFacts) -> str:
        return "" if _has_number(facts) else _("Waiting for a primary number")

    def remedy(self, facts: UserFacts) -> str:
        if not _has_number(facts):
            return _("An administrator assigns the user a primary number first.")
        if self.state(facts) is RequirementState.WAITING:
            return _("Nothing to do now. Carriers usually report a new number within a day.")
        return _("An administrator assigns the user another primary number.")


class NumberCampaignRule(Rule[UserFacts]):
    """The number is linked to an active campaign that has room for it. Gates sending only.

    Waits for a primary number, and for the registration. At most 49 numbers a campaign unless it has a number
    pool: provisioning.campaigns refuses the 50th when it is linked. Where a campaign has more all the same
    (its pool was taken away), nobody can say which 49 the carriers will accept, so none of them meets this.
    """

    code = "number_campaign"
    label = gettext_lazy("Primary number linked to an active 10DLC campaign")
    not_met = gettext_lazy(
        "The primary number is not linked to an active 10DLC campaign. Texts can arrive, but none can be sent"
    )
    gates = Gate.SENDING

    def state(self, facts: UserFacts) -> RequirementState:
        if not _has_number(facts):
            return RequirementState.WAITING
        if _has_campaign(facts) and not facts.campaign_crowded:
            return RequirementState.MET
        if RegistrationRule().state(facts.organization) is not RequirementState.MET:
            return RequirementState.WAITING
        return RequirementState.NOT_MET

    def met(self, root: Root) -> Q:
        if isinstance(root, KnownRoot):
            return usable_number(root) & Q(primary_number__campaign__in=root.open_campaigns)
        linked = Q(
            primary_number__campaign__organization_id=F("organization_id"),
            primary_number__campaign__status=CampaignStatus.ACTIVE,
            primary_number__campaign__brand__status=BrandStatus.VERIFIED,
            primary_number__campaign__brand__organization_id=F("organization_id"),
        )
        # Reads 50 index entries at most, however many numbers the campaign has.
        beyond = PhoneNumber.objects.filter(campaign_id=OuterRef("primary_number__campaign_id"), active=True)
        crowded = Exists(beyond.order_by()[CAMPAIGN_NUMBERS_LIMIT : CAMPAIGN_NUMBERS_LIMIT + 1])
        return usable_number(root) & linked & (Q(primary_number__campaign__number_pool=True) | ~Q(crowded))

    def waiting(self, root: Root) -> Condition:
        if not isinstance(root, KnownRoot):
            return no_usable_number(root) | ~RegistrationRule().met(root)
        return no_usable_number(root) if root.facts.registered_campaign is not None else True

    def failing(self, root: Root) -> Condition:
        if not isinstance(root, KnownRoot):
            raise NotImplementedError
        if root.facts.registered_campaign is None:
            return False
        elsewhere = Q(primary_number__campaign__isnull=True) | ~Q(primary_number__campaign__in=root.open_campaigns)
        return usable_number(root) & elsewhere

    def trouble(self, facts: UserFacts) -> Trouble | None:
        return of_number(facts.number)

    def detail(self, facts: UserFacts) -> str:
        if facts.number is None or facts.number.campaign is None:
            return ""
        if self.state(facts) is RequirementState.NOT_MET and facts.campaign_crowded:
            words = {"campaign": facts.number.campaign, "limit": CAMPAIGN_NUMBERS_LIMIT}
            return _("%(campaign)s has more than %(limit)s numbers and no number pool") % words
        return str(facts.number.campaign)

    def waits_for(self, facts: UserFacts) -> str:
        if not _has_number(facts):
            return _("Waiting for a primary number")
        if self.state(facts) is RequirementState.WAITING:
            return _("Waiting for the 10DLC registration")
        return ""

    def remedy(self, facts: UserFacts) -> str:
        if not _has_number(facts):
            return _("An administrator assigns the user a primary number first.")
        if self.state(facts) is RequirementState.WAITING:
            return _("A full administrator completes the 10DLC registration, then links the number to its campaign.")
        if facts.campaign_crowded:
            return _("A full administrator links the number to another campaign, or gives this one a number pool.")
        return _("A full administrator links the number to an active campaign.")


def _has_number(facts: UserFacts) -> bool:
    return PrimaryNumberRule().state(facts) is RequirementState.MET


def _has_campaign(facts: UserFacts) -> bool:
    campaign = facts.number.campaign if facts.number is not None else None
    return campaign is not None and campaign.organization_id == facts.user.organization_id and is_registered(campaign)


LOCATION_RULES: Final[tuple[Rule[PlaceFacts], ...]] = (LocationCountryRule(), LocationPstnRule())
USER_RULES: Final[tuple[Rule[Any], ...]] = (
    *LOCATION_RULES,
    LicenseRule(),
    PrimaryNumberRule(),
    NumberCapabilityRule(),
    NumberCampaignRule(),
)
