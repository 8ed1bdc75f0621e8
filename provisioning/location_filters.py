"""Narrowing lists of locations, the page's and the API's alike."""

from __future__ import annotations

from typing import Final

from django.db.models import Q, QuerySet

from provisioning.models import Location, Organization, TextingSetting
from provisioning.models.choices import TEXTING_COUNTRIES, fold
from provisioning.models.organizations import PstnConnection

AVAILABLE: Final = Q(country__in=TEXTING_COUNTRIES, pstn_connection=PstnConnection.CISCO_PSTN)


def narrowed(
    locations: QuerySet[Location],
    organization: Organization,
    *,
    q: str = "",
    country: str = "",
    pstn_connection: str = "",
    texting: str = "",
) -> QuerySet[Location]:
    """Every word of `q` in the name or address, without regard to case; `texting` is on, off or unavailable."""
    for word in fold(q).split():
        locations = locations.filter(search_text__contains=word)
    if country:
        locations = locations.filter(country=country)
    if pstn_connection:
        locations = locations.filter(pstn_connection=pstn_connection)
    return locations.filter(_status(texting, organization)) if texting else locations


def _status(status: str, organization: Organization) -> Q:
    """Every location is under exactly one."""
    if status == "unavailable":
        return ~AVAILABLE
    if organization.texting_enabled == (status == "on"):
        return AVAILABLE & Q(texting_setting__in=[status, TextingSetting.DEFAULT])
    return AVAILABLE & Q(texting_setting=status)
