"""One organization, looked up once: what it decides for all of its users is then a constant in their SQL.

The conditions of a user queryset ask about the organization in every row (`FROM_USER`). Lists, counts and exports are
of one organization: they read it first, and give the same rules a `KnownRoot` instead.
tests/provisioning/test_eligibility_agrees.py proves that both say the same.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from provisioning.eligibility import facts
from provisioning.eligibility.facts import OrganizationFacts, registered_campaigns
from provisioning.eligibility.requirements import FROM_USER, Root
from provisioning.models import Organization, PhoneNumber


@dataclass(frozen=True)
class KnownRoot(Root):
    """Users of one organization. `open_campaigns`: the registered ones that have no more numbers than they may."""

    facts: OrganizationFacts
    open_campaigns: tuple[uuid.UUID, ...]

    @classmethod
    def of(cls, organization: Organization, *, reasons: bool = True) -> KnownRoot:
        """Two queries; up to three more when nothing is registered, one without the registry's reasons."""
        campaigns = list(registered_campaigns(organization).annotate(crowded=Exists(_numbers_beyond_limit())))
        first = campaigns[0] if campaigns else None
        return cls(
            FROM_USER.prefix,
            FROM_USER.key,
            OrganizationFacts.with_campaign(organization, first, reasons=reasons),
            tuple(campaign.pk for campaign in campaigns if campaign.number_pool or not campaign.crowded),
        )

    @property
    def organization(self) -> Organization:
        assert self.facts.organization is not None
        return self.facts.organization

    @property
    def own_id(self) -> Any:
        return self.organization.pk


def _numbers_beyond_limit() -> QuerySet[PhoneNumber]:
    """Of a campaign: there is one when it is crowded. Reads 50 numbers at most."""
    numbers = PhoneNumber.objects.filter(campaign_id=OuterRef("pk"), active=True).order_by()
    return numbers[facts.CAMPAIGN_NUMBERS_LIMIT : facts.CAMPAIGN_NUMBERS_LIMIT + 1]
