"""A location as its pages word it: a line of the list, its page, and what someone else changed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from provisioning import countries
from provisioning.addresses import Address, is_missing
from provisioning.business_hours import week_in_words, week_of
from provisioning.eligibility import LocationReach, able_to_text_by_location, check_location
from provisioning.enablement import Source, resolve_location
from provisioning.location_facts import main_number_of, occupants
from provisioning.location_settings import why_unavailable
from provisioning.models import Location, Organization, Role, RoleAssignment

NOBODY = LocationReach(able=0, users=0)


@dataclass(frozen=True, slots=True)
class LocationLine:
    """One location of the list. `kind` is the pill's class in hub.css, `note` the small line below it."""

    location: Location
    country: str
    place: str
    kind: str
    label: str
    note: str
    reach: LocationReach
    main_number: str

    @classmethod
    def of(cls, location: Location, organization: Organization, reach: LocationReach | None) -> LocationLine:
        location.organization = organization
        kind, label, note = _pill(location)
        number = main_number_of(location)
        return cls(
            location=location,
            country=countries.name_of(location.country),
            place=", ".join(filter(None, (location.emergency_city, location.emergency_state))),
            kind=kind,
            label=label,
            note=note,
            reach=reach or NOBODY,
            main_number=number.e164 if number is not None else "",
        )


def _pill(location: Location) -> tuple[str, str, str]:
    unavailable = why_unavailable(location)
    if unavailable:
        return "pill-warn", _("Not available"), unavailable
    resolution = resolve_location(location)
    note = _("Set for this location") if resolution.source == Source.LOCATION else _("From organization default")
    return ("pill-ok", _("On"), note) if resolution.enabled else ("", _("Off"), note)


def page_context(location: Location) -> dict[str, Any]:
    """What the page of one location shows beside its form."""
    reach = able_to_text_by_location(location.organization, among=[location.pk]).get(location.pk, NOBODY)
    administrators = RoleAssignment.objects.filter(location=location, role=Role.LOCATION_ADMIN).select_related("user")
    requirements = check_location(location)
    week = week_of(location)
    return {
        "location": location,
        "line": LocationLine.of(location, location.organization, reach),
        "occupants": occupants(location.pk),
        "administrators": [assignment.user for assignment in administrators.order_by("user__sort_name", "user_id")],
        "unmet": [requirement for requirement in requirements if not requirement.met],
        "address": Address.of(location),
        "address_missing": is_missing(location),
        "week": week,
        "hours": week_in_words(week),
    }
