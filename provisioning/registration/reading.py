"""Campaigns and numbers as pages and API read them."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet

from provisioning.models import Campaign, Organization, PhoneNumber


def with_numbers(campaigns: QuerySet[Campaign]) -> QuerySet[Any]:
    """Campaigns with their brand and submission, and how many active numbers each has (`linked`)."""
    counted = campaigns.select_related("brand", "submission")
    return counted.annotate(linked=Count("numbers", filter=Q(numbers__active=True)))


def unlinked_numbers(organization: Organization) -> QuerySet[PhoneNumber]:
    """Active numbers that could be linked."""
    return PhoneNumber.objects.filter(organization=organization, active=True, campaign__isnull=True)
