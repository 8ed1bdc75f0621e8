"""What there is to know of one location: who is there, its main number, who would stop texting, itself in words."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import ngettext

from provisioning import countries
from provisioning.addresses import Address
from provisioning.business_hours import Week, week_in_words, week_of
from provisioning.eligibility.known import KnownRoot
from provisioning.eligibility.requirements import Gate, all_of, as_filter
from provisioning.eligibility.standing import able_if_enabled
from provisioning.enablement import enabled_if, resolve_location
from provisioning.models import Location, PhoneNumber, RoleAssignment, TextingSetting, User
from provisioning.models.choices import TEXTING_COUNTRIES
from provisioning.models.organizations import PstnConnection
from provisioning.numbers import display


@dataclass(frozen=True, slots=True)
class Occupants:
    """What keeps a location from being deleted. `users` counts the deactivated ones too: their history is there."""

    users: int
    deactivated: int
    numbers: int
    administrators: int

    @property
    def none(self) -> bool:
        return not (self.users or self.numbers or self.administrators)

    def in_words(self) -> str:
        """`12 users, 3 of them deactivated, 14 numbers`; empty when there is nobody."""
        return ", ".join(self._parts())

    def _parts(self) -> list[str]:
        parts = []
        if self.users:
            parts.append(ngettext("%(n)s user", "%(n)s users", self.users) % {"n": f"{self.users:,}"})
        if self.deactivated:
            words = ngettext("%(n)s of them deactivated", "%(n)s of them deactivated", self.deactivated)
            parts.append(words % {"n": f"{self.deactivated:,}"})
        if self.numbers:
            parts.append(ngettext("%(n)s number", "%(n)s numbers", self.numbers) % {"n": f"{self.numbers:,}"})
        if self.administrators:
            words = ngettext("%(n)s location administrator", "%(n)s location administrators", self.administrators)
            parts.append(words % {"n": f"{self.administrators:,}"})
        return parts


def occupants(location_id: uuid.UUID) -> Occupants:
    """Three counts, each on an index."""
    people = User.objects.filter(location_id=location_id).order_by()
    return Occupants(
        **people.aggregate(users=Count("pk"), deactivated=Count("pk", filter=Q(is_active=False))),
        numbers=PhoneNumber.objects.filter(location_id=location_id).count(),
        administrators=RoleAssignment.objects.filter(location_id=location_id).count(),
    )


def can_text(location: Location) -> bool:
    """Whether its country and its PSTN connection let anybody there text."""
    return location.country in TEXTING_COUNTRIES and location.pstn_connection == PstnConnection.CISCO_PSTN


def main_number_of(location: Location) -> PhoneNumber | None:
    """Its main number. One that has since moved elsewhere, or was given up, is none."""
    number = location.main_number
    return number if number is not None and number.location_id == location.pk else None


def who_stop(before: Location, after: Location) -> int:
    """How many users who can text now no longer could: `before` is what the database says, `after` what it would."""
    if not can_text(before):
        return 0
    losing = Q() if not can_text(after) else Q(texting_setting=TextingSetting.DEFAULT)
    if can_text(after) and not (resolve_location(before).enabled and not resolve_location(after).enabled):
        return 0
    organization = before.organization
    able = able_if_enabled(Gate.TEXTING, root=KnownRoot.of(organization))
    condition = all_of([enabled_if(organization_on=organization.texting_enabled), able, losing])
    people = User.objects.filter(organization=organization, location_id=before.pk)
    return people.filter(as_filter(condition)).order_by().count()


def state_of(location: Location) -> dict[str, Any]:
    """Everything that its page changes, for fingerprints.fingerprint()."""
    return {
        "name": location.name,
        "country": location.country,
        "pstn_connection": location.pstn_connection,
        "time_zone": location.time_zone,
        "texting_setting": location.texting_setting,
        "emergency_address": asdict(Address.of(location)),
        "main_number": str(location.main_number_id),
        "business_hours": [(span.weekday, str(span)) for span in week_of(location)],
    }


def in_words(location: Location, week: Week) -> dict[str, str]:
    """What its page changes as the audit log tells it, but for the texting setting, which has an event of its own."""
    number = main_number_of(location)
    return {
        "name": location.name,
        "country": countries.name_of(location.country),
        "pstn_connection": str(PstnConnection(location.pstn_connection).label),
        "time_zone": location.time_zone,
        "emergency_address": str(Address.of(location)),
        "main_number": display(number.e164) if number is not None else "",
        "business_hours": week_in_words(week),
    }
