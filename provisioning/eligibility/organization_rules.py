"""The six requirements of the organization, each in Python and as SQL."""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, OuterRef, Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from provisioning.eligibility.facts import (
    PENDING_BRANDS,
    PENDING_CAMPAIGNS,
    REGISTERED,
    OrganizationFacts,
    users_at_texting_locations,
)
from provisioning.eligibility.known import KnownRoot
from provisioning.eligibility.requirements import Condition, Gate, RequirementState, Root, Rule, met_if
from provisioning.eligibility.trouble import Trouble
from provisioning.models import Brand, CallingPlan, Campaign, Country
from provisioning.models.organizations import CustomerType

PLAN_COUNTRIES: Final = (Country.US.value, Country.CA.value)


class OrganizationRule(Rule[OrganizationFacts]):
    """A requirement of the organization: for users of one that is known, it is decided in Python."""

    def where(self, state: RequirementState, root: Root) -> Condition:
        if isinstance(root, KnownRoot):
            return self.state(root.facts) is state
        return super().where(state, root)


class CustomerTypeRule(OrganizationRule):
    """An enterprise customer: not online, not trial."""

    code = "customer_type"
    label = gettext_lazy("Customer type: Enterprise")
    not_met = gettext_lazy("This organization is not eligible for texting capabilities")
    not_met_for_user = gettext_lazy("User is not eligible for texting capability")

    def state(self, facts: OrganizationFacts) -> RequirementState:
        organization = facts.organization
        return met_if(organization is not None and organization.customer_type == CustomerType.ENTERPRISE)

    def met(self, root: Root) -> Q:
        return root.where(customer_type=CustomerType.ENTERPRISE)

    def detail(self, facts: OrganizationFacts) -> str:
        if facts.organization is None or facts.organization.customer_type == CustomerType.ENTERPRISE:
            return ""
        if facts.organization.customer_type == CustomerType.TRIAL:
            return _("This is a trial customer")
        return _("This is an online customer")

    def remedy(self, facts: OrganizationFacts) -> str:
        return _(
            "Online and trial customers can’t use Business Texting. "
            "A full administrator asks the Cisco partner to move the organization to an enterprise agreement."
        )


class CallingPlanRule(OrganizationRule):
    """A Cisco Calling Plan in the US or Canada."""

    code = "calling_plan"
    label = gettext_lazy("Cisco Calling Plan")
    not_met = gettext_lazy("This organization has no Cisco Calling Plan in the US or Canada")

    def state(self, facts: OrganizationFacts) -> RequirementState:
        return met_if(any(country in PLAN_COUNTRIES for country in facts.plan_countries))

    def met(self, root: Root) -> Q:
        plans = CallingPlan.objects.filter(organization_id=OuterRef(root.key), country__in=PLAN_COUNTRIES)
        return Q(Exists(plans))

    def detail(self, facts: OrganizationFacts) -> str:
        names = dict(Country.choices)
        return ", ".join(str(names.get(country, country)) for country in facts.plan_countries)

    def remedy(self, facts: OrganizationFacts) -> str:
        return _("A full administrator buys a Cisco Calling Plan for the US or Canada from the Cisco partner.")


class TextingLocationRule(OrganizationRule):
    """At least one location in the US or Canada on Cisco PSTN has an active user. Organization page only."""

    code = "texting_location"
    label = gettext_lazy("A US or Canada location on Cisco PSTN with a user")
    not_met = gettext_lazy("This organization is not eligible for texting capabilities")

    def state(self, facts: OrganizationFacts) -> RequirementState:
        organization = facts.organization
        return met_if(
            organization is not None and users_at_texting_locations().filter(organization=organization).exists()
        )

    def met(self, root: Root) -> Q:
        return Q(Exists(users_at_texting_locations().filter(organization_id=OuterRef(root.key))))

    def remedy(self, facts: OrganizationFacts) -> str:
        return _(
            "A full administrator moves a US or Canada location to Cisco PSTN, then assigns at least one user to it."
        )


class AddonLicenseRule(OrganizationRule):
    """The Business Texting add-on is bought."""

    code = "addon_license"
    label = gettext_lazy("Business Texting add-on")
    not_met = gettext_lazy("This organization has no Business Texting add-on")

    def state(self, facts: OrganizationFacts) -> RequirementState:
        return met_if(facts.organization is not None and facts.organization.addon_licenses > 0)

    def met(self, root: Root) -> Q:
        return root.where(addon_licenses__gt=0)

    def detail(self, facts: OrganizationFacts) -> str:
        bought = facts.organization.addon_licenses if facts.organization is not None else 0
        if not bought:
            return _("Not purchased")
        return ngettext("%(count)s license", "%(count)s licenses", bought) % {"count": f"{bought:,}"}

    def remedy(self, facts: OrganizationFacts) -> str:
        return _("A full administrator buys the add-on from the Cisco partner. It also covers 10DLC registration.")


class HealthcareRule(OrganizationRule):
    """Not a healthcare customer, or attested that no protected health information is texted."""

    code = "healthcare"
    label = gettext_lazy("No protected health information is texted")
    not_met = gettext_lazy(
        "Business texting is not HIPAA compliant. "
        "Nobody has confirmed yet that this healthcare organization texts no protected health information"
    )

    def state(self, facts: OrganizationFacts) -> RequirementState:
        organization = facts.organization
        return met_if(
            organization is not None and (not organization.healthcare or organization.phi_attested_at is not None)
        )

    def met(self, root: Root) -> Q:
        return root.where(healthcare=False) | root.where(phi_attested_at__isnull=False)

    def detail(self, facts: OrganizationFacts) -> str:
        organization = facts.organization
        if organization is None:
            return ""
        if organization.phi_attested_at is None:
            return _("A healthcare customer") if organization.healthcare else _("Not a healthcare customer")
        words = {"person": organization.phi_attested_by, "day": date_format(organization.phi_attested_at, "j M Y")}
        if organization.phi_attested_by is None:
            return _("Confirmed on %(day)s") % words
        return _("Confirmed by %(person)s on %(day)s") % words

    def remedy(self, facts: OrganizationFacts) -> str:
        return _(
            "A full administrator confirms, when switching Business Texting on, "
            "that no protected health information is texted."
        )


class RegistrationRule(OrganizationRule):
    """A verified 10DLC brand with an active campaign. Gates sending only. Waits for the add-on and the registry."""

    code = "registration"
    label = gettext_lazy("10DLC brand verified and campaign active")
    not_met = gettext_lazy(
        "This organization’s 10DLC registration is not complete. Texts can arrive, but none can be sent"
    )
    awaited = gettext_lazy("Waiting for the registry to approve the 10DLC registration")
    gates = Gate.SENDING

    def state(self, facts: OrganizationFacts) -> RequirementState:
        if facts.registered_campaign is not None:
            return RequirementState.MET
        if AddonLicenseRule().state(facts) is not RequirementState.MET or facts.registration_pending:
            return RequirementState.WAITING
        return RequirementState.NOT_MET

    def met(self, root: Root) -> Q:
        return Q(Exists(Campaign.objects.filter(REGISTERED, organization_id=OuterRef(root.key))))

    def waiting(self, root: Root) -> Condition:
        no_addon = root.where(addon_licenses=0) | root.where(pk__isnull=True)
        brands = Brand.objects.filter(PENDING_BRANDS, organization_id=OuterRef(root.key))
        campaigns = Campaign.objects.filter(PENDING_CAMPAIGNS, organization_id=OuterRef(root.key))
        return no_addon | Q(Exists(brands)) | Q(Exists(campaigns))

    def trouble(self, facts: OrganizationFacts) -> Trouble | None:
        return facts.registration_trouble

    def detail(self, facts: OrganizationFacts) -> str:
        campaign = facts.registered_campaign
        if campaign is None:
            return ""
        stopped = [_stopped(other) for other in facts.stopped_campaigns]
        return ". ".join([f"{campaign.brand.legal_name}, {campaign}", *stopped])

    def waits_for(self, facts: OrganizationFacts) -> str:
        if self.state(facts) is RequirementState.WAITING and not facts.registration_pending:
            return _("Waiting for the Business Texting add-on")
        return ""

    def remedy(self, facts: OrganizationFacts) -> str:
        if self.state(facts) is RequirementState.NOT_MET:
            return _("A full administrator registers the brand and, once it is verified, a campaign.")
        if facts.registration_pending:
            return _("Nothing to do now. A brand takes 1 to 2 hours, a campaign 1 to 2 business days.")
        return _("A full administrator registers the brand once the organization has the add-on.")


def _stopped(campaign: Campaign) -> str:
    """Beside a campaign that is active: one that is not, and why."""
    words = {"name": campaign.name, "status": campaign.get_status_display().lower(), "reason": campaign.reason}
    if campaign.reason:
        return _("%(name)s is %(status)s: %(reason)s") % words
    return _("%(name)s is %(status)s") % words


ORGANIZATION_RULES: Final[tuple[Rule[OrganizationFacts], ...]] = (
    CustomerTypeRule(),
    CallingPlanRule(),
    TextingLocationRule(),
    AddonLicenseRule(),
    HealthcareRule(),
    RegistrationRule(),
)
