"""Where brands and campaigns stand, for templates."""

from __future__ import annotations

from django import template

from provisioning.models import Brand, Campaign
from provisioning.models.registry_terms import USE_CASES
from provisioning.registration.guidance import PILLS

register = template.Library()


@register.filter
def status_pill(row: Brand | Campaign) -> str:
    """The pill's class in hub.css."""
    return PILLS.get(row.status, "")


@register.filter
def use_case(campaign: Campaign) -> str:
    """The use case in words."""
    return str(USE_CASES.get(campaign.use_case, campaign.use_case)) or "–"
