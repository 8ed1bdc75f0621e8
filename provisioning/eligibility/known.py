"""One organization, looked up once: what it decides for all of its users is then a constant in their SQL.

The conditions of a user queryset ask about the organization in every row (`FROM_USER`). Lists, counts and exports are
of one organization: they read it first, and give the same rules a `KnownRoot` instead.
tests/provisioning/test_eligibility_agrees.py proves that both say the same.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from provisioning.eligibility import facts
from provisioning.eligibility.facts import REGISTERED, OrganizationFacts
from provisioning.eligibility.requirements import FROM_USER, Root
from provisioning.models import Brand, Campaign, Organization, PhoneNumber
from provisioning.prepared import Prepared


@dataclass(frozen=True)
class KnownRoot(Root):
    """Users of one organization. `open_campaigns`: the registered ones that have no more numbers than they may."""

    facts: OrganizationFacts
    open_campaigns: tuple[uuid.UUID, ...]

    @classmethod
    def of(cls, organization: Organization, *, reasons: bool = True) -> KnownRoot:
        """Two queries; up to three more when nothing is registered, one without the registry's reasons."""
        rows = _campaigns(facts.CAMPAIGN_NUMBERS_LIMIT).of([organization.pk])
        campaigns = [(_campaign(row), row[-1]) for row in rows]
        first = campaigns[0][0] if campaigns else None
        return cls(
            FROM_USER.prefix,
            FROM_USER.key,
            OrganizationFacts.with_campaign(organization, first, reasons=reasons),
            tuple(campaign.pk for campaign, crowded in campaigns if campaign.number_pool or not crowded),
        )

    @property
    def organization(self) -> Organization:
        assert self.facts.organization is not None
        return self.facts.organization

    @property
    def own_id(self) -> Any:
        return self.organization.pk


_CAMPAIGN: Final = [field.attname for field in Campaign._meta.concrete_fields]
_BRAND: Final = [field.attname for field in Brand._meta.concrete_fields]


@cache
def _campaigns(limit: int) -> Prepared:
    """Registered campaigns of organizations, the oldest first: their columns, their brands', whether each is crowded.

    Whether there is a number beyond the limit reads 50 of each campaign at most.
    """
    numbers = PhoneNumber.objects.filter(campaign_id=OuterRef("pk"), active=True).order_by()

    def build(ids: list[uuid.UUID]) -> QuerySet[Campaign, Any]:
        found = Campaign.objects.filter(REGISTERED, organization__in=ids).order_by("id")
        found = found.annotate(crowded=Exists(numbers[limit : limit + 1]))
        return found.values_list(*_CAMPAIGN, *(f"brand__{name}" for name in _BRAND), "crowded")

    return Prepared(build)


def _campaign(row: tuple[Any, ...]) -> Campaign:
    campaign = Campaign.from_db(connection.alias, _CAMPAIGN, row[: len(_CAMPAIGN)])
    campaign.brand = Brand.from_db(connection.alias, _BRAND, row[len(_CAMPAIGN) : -1])
    return campaign
