"""Linking numbers to a 10DLC campaign: the 50th is refused, unless the campaign has a number pool.

Whoever links numbers, or activates linked ones, first locks the campaigns here and keeps them locked until it commits,
so that two numbers cannot both take the last place. Numbers that are not active take none.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext as _

from provisioning.eligibility.facts import CAMPAIGN_NUMBERS_LIMIT
from provisioning.models import Campaign, PhoneNumber
from provisioning.refusals import Refusal


@dataclass(slots=True)
class Places:
    """What a locked campaign still takes; None: as many as you like."""

    campaign: Campaign
    left: int | None

    def take(self) -> None:
        """One place. Refusal: `campaign_full`."""
        if self.left is None:
            return
        if self.left <= 0:
            raise _full(self.campaign)
        self.left -= 1


def lock_places(campaign_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Places]:
    """The places left in these campaigns, which stay locked, in order of id; three queries at most."""
    if not campaign_ids:
        return {}
    locked = Campaign.objects.select_for_update(no_key=True).filter(pk__in=campaign_ids).order_by("pk")
    campaigns = list(locked)
    linked = dict(
        PhoneNumber.objects.filter(campaign__in=campaigns, active=True)
        .order_by()
        .values_list("campaign_id")
        .annotate(numbers=Count("pk"))
    )
    return {campaign.pk: Places(campaign, _left(campaign, linked.get(campaign.pk, 0))) for campaign in campaigns}


def refuse_if_full(campaign: Campaign, number: PhoneNumber) -> None:
    """The same for one number, which may be linked already. Refusal: `campaign_full`."""
    places = lock_places([campaign.pk])[campaign.pk]
    if number.active and not PhoneNumber.objects.filter(pk=number.pk, campaign=campaign, active=True).exists():
        places.take()


def places_left(campaign: Campaign) -> int | None:
    """A look without a lock, for a preview; None: as many as you like."""
    return _left(campaign, PhoneNumber.objects.filter(campaign=campaign, active=True).count())


def _left(campaign: Campaign, linked: int) -> int | None:
    return None if campaign.number_pool else max(0, CAMPAIGN_NUMBERS_LIMIT - linked)


def _full(campaign: Campaign) -> Refusal:
    words = {"campaign": campaign, "limit": CAMPAIGN_NUMBERS_LIMIT}
    sentence = _(
        "Campaign %(campaign)s has %(limit)s numbers, which is all it can have without a number pool. "
        "Link this number to another campaign, or give this one a number pool."
    )
    return Refusal("campaign_full", sentence % words)
