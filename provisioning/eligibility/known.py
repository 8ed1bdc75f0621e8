"""One organization, looked up once: what it decides for all of its users is then a constant in their SQL.

The conditions of a user queryset ask about the organization in every row (`FROM_USER`). Lists, counts and exports are
of one organization: they read it first, and give the same rules a `KnownRoot` instead.
tests/provisioning/test_eligibility_agrees.py proves that both say the same.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from provisioning.eligibility import facts
from provisioning.eligibility.facts import REGISTERED, OrganizationFacts
from provisioning.eligibility.requirements import FROM_USER, Root
from provisioning.models import Campaign, Organization, PhoneNumber


@dataclass(frozen=True)
class KnownRoot(Root):
    """Users of one organization. `open_campaigns`: the registered ones that have no more numbers than they may."""

    facts: OrganizationFacts
    open_campaigns: tuple[uuid.UUID, ...]

    @classmethod
    def of(cls, organization: Organization) -> KnownRoot:
        """Three queries; up to two more when nothing is registered yet."""
        found = OrganizationFacts.of(organization)
        campaigns = open_campaigns(organization) if found.registered_campaign is not None else ()
        return cls(FROM_USER.prefix, FROM_USER.key, found, campaigns)

    @property
    def organization(self) -> Organization:
        assert self.facts.organization is not None
        return self.facts.organization

    @property
    def own_id(self) -> Any:
        return self.organization.pk


def open_campaigns(organization: Organization) -> tuple[uuid.UUID, ...]:
    """Registered campaigns that are not crowded. Reads 50 numbers a campaign at most, and none of one with a pool."""
    numbers = PhoneNumber.objects.filter(campaign_id=OuterRef("pk"), active=True).order_by()
    limit = facts.CAMPAIGN_NUMBERS_LIMIT
    registered = Campaign.objects.filter(REGISTERED, organization=organization)
    rows = registered.exclude(Exists(numbers[limit : limit + 1]), number_pool=False)
    return tuple(rows.order_by("pk").values_list("pk", flat=True))
