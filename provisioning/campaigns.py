"""Linking a number to a 10DLC campaign: the 50th is refused, unless the campaign has a number pool."""

from __future__ import annotations

from django.utils.translation import gettext as _

from provisioning.eligibility.facts import CAMPAIGN_NUMBERS_LIMIT
from provisioning.models import Campaign, PhoneNumber
from provisioning.refusals import Refusal


def refuse_if_full(campaign: Campaign, number: PhoneNumber) -> None:
    """Call it inside the transaction that links the number: the campaign's row stays locked until then, so that
    two numbers cannot both take the last place. Numbers that are not active take none.

    Refusal: `campaign_full`.
    """
    locked = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    if locked.number_pool or not number.active:
        return
    linked = PhoneNumber.objects.filter(campaign=locked, active=True).exclude(pk=number.pk).count()
    if linked >= CAMPAIGN_NUMBERS_LIMIT:
        words = {"campaign": locked, "limit": CAMPAIGN_NUMBERS_LIMIT}
        sentence = _(
            "Campaign %(campaign)s has %(limit)s numbers, which is all it can have without a number pool. "
            "Link this number to another campaign, or give this one a number pool."
        )
        raise Refusal("campaign_full", sentence % words)
