"""Campaigns whose renewal date is near, or has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from provisioning.alerts import Cause, observe
from provisioning.models import Campaign
from provisioning.models.registration import CampaignStatus
from provisioning.registration import states
from provisioning.registration.consequences import EXPIRING, facts_of

WARN_BEFORE: Final = timedelta(days=30)


def expire_due(now: datetime) -> int:
    """End every campaign that was not renewed in time. How many."""
    due = Campaign.objects.filter(status=CampaignStatus.ACTIVE, expires_at__lte=now).order_by("expires_at")
    return sum(states.expire(campaign, now) for campaign in due[:500])


def watch(now: datetime) -> None:
    """An alert for every active campaign that has to be renewed within 30 days."""
    active = Campaign.objects.filter(status=CampaignStatus.ACTIVE, expires_at__gt=now)
    near = active.filter(expires_at__lte=now + WARN_BEFORE).order_by("pk")
    causes: dict[Cause, dict[str, str]] = {
        (campaign.organization_id, f"{campaign.pk}:{campaign.expires_at:%Y%m%d}"): facts_of(campaign)
        for campaign in near
    }
    observe(EXPIRING, causes, now)
