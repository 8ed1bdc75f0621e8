"""The locations table of Service Settings: what a row shows, and saving a page of it as one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import Http404, QueryDict
from django.utils.translation import gettext as _

from provisioning import countries
from provisioning.changes import Actor
from provisioning.eligibility import LocationReach
from provisioning.models import Location, Organization, TextingSetting
from provisioning.models.choices import TEXTING_COUNTRIES
from provisioning.models.organizations import PstnConnection
from provisioning.refusals import Refusal
from provisioning.texting import set_location_texting


@dataclass(frozen=True, slots=True)
class LocationRow:
    """One line. `setting` is what is chosen in the form, `unavailable` why there is nothing to choose."""

    location: Location
    reach: LocationReach
    setting: str
    country: str
    unavailable: str

    @classmethod
    def of(cls, location: Location, reach: LocationReach, typed: str | None) -> LocationRow:
        return cls(
            location=location,
            reach=reach,
            setting=typed or location.texting_setting,
            country=countries.name_of(location.country),
            unavailable=why_unavailable(location),
        )


def why_unavailable(location: Location) -> str:
    """Why nobody at this location can text; empty where they can."""
    if location.country not in TEXTING_COUNTRIES:
        return _("Texting is available in the US and Canada.")
    if location.pstn_connection != PstnConnection.CISCO_PSTN:
        return _("Texting needs Cisco PSTN.")
    return ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one location, and what the page showed when it was opened."""

    location_id: uuid.UUID
    setting: str
    was: str


def read_choices(posted: QueryDict | Mapping[str, Any], organization: Organization) -> list[Choice]:
    """The choices of a posted page, in a fixed order. A location that is not the organization's is not found."""
    locations = {str(key): key for key in organization.locations.values_list("pk", flat=True)}
    names = [name.removeprefix("setting-") for name in posted if name.startswith("setting-")]
    if not set(names) <= set(locations):
        raise Http404
    return [
        Choice(locations[name], str(posted[f"setting-{name}"]), str(posted.get(f"was-{name}", "")))
        for name in sorted(names)
    ]


@transaction.atomic
def save_choices(choices: Sequence[Choice], actor: Actor, now: datetime) -> int:
    """All of them or none; returns how many locations changed. Locked in id order, so that two saves don't deadlock.

    Refusal: `changed_meanwhile` when someone else saved one of them since, or what set_location_texting refuses.
    """
    changed = [choice for choice in choices if choice.setting != choice.was]
    for choice in changed:
        location = Location.objects.select_for_update(no_key=True).get(pk=choice.location_id)
        if location.texting_setting not in (choice.was, choice.setting):
            raise _changed_meanwhile(location)
        _set(location, choice.setting, actor, now)
    return len(changed)


def _set(location: Location, setting: str, actor: Actor, now: datetime) -> None:
    """Name the location in what is refused: the page has many."""
    try:
        set_location_texting(location, setting, actor, now)
    except Refusal as refusal:
        sentence = f"{location.name}: {refusal.sentence}"
        raise Refusal(refusal.code, sentence, http_status=refusal.http_status, **refusal.extra) from None


def _changed_meanwhile(location: Location) -> Refusal:
    words = {"location": location.name, "setting": TextingSetting(location.texting_setting).label}
    return Refusal(
        "changed_meanwhile",
        _("Someone else set %(location)s to “%(setting)s” while you had the page open. Check it, then save again.")
        % words,
        http_status=409,
    )
