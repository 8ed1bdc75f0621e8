"""How many users can text: per location for Service Settings, and around the organization's switch for its dialogs."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, F

from provisioning.eligibility.known import KnownRoot
from provisioning.eligibility.requirements import Gate, all_of, as_filter
from provisioning.eligibility.standing import able_if_enabled
from provisioning.enablement import enabled_if
from provisioning.models import Organization, User


@dataclass(frozen=True, slots=True)
class LocationReach:
    """`able` of `users` active users of a location can text."""

    able: int
    users: int


@dataclass(frozen=True, slots=True)
class SwitchReach:
    """Active users, and how many of them can text with the organization's switch on, and off."""

    users: int
    able_when_on: int
    able_when_off: int

    @property
    def hang_on_switch(self) -> int:
        """How many gain texting when it is switched on, and lose it when it is switched off."""
        return self.able_when_on - self.able_when_off


def able_to_text_by_location(
    organization: Organization, among: Collection[uuid.UUID] | None = None, *, root: KnownRoot | None = None
) -> dict[uuid.UUID, LocationReach]:
    """Every location that has active users (or only those `among`), in one aggregate query; give the root if it is
    known already."""
    users = User.objects.filter(organization=organization, is_active=True)
    users = users.filter(location__organization_id=F("organization_id"))
    if among is not None:
        users = users.filter(location_id__in=among)
    enabled = enabled_if(organization_on=organization.texting_enabled, own=organization.pk)
    able = able_if_enabled(Gate.TEXTING, root=root or KnownRoot.of(organization))
    counts = {"able_users": Count("pk", filter=as_filter(all_of([enabled, able]))), "users": Count("pk")}
    rows = users.order_by().values_list("location_id").annotate(**counts)
    return {location_id: LocationReach(able, users) for location_id, able, users in rows}


def switch_reach(organization: Organization, *, root: KnownRoot | None = None) -> SwitchReach:
    """One aggregate query; give the root if it is known already.

    Where the healthcare confirmation is missing nobody can text yet: switching on asks for it, so `able_when_on`
    counts those who can once it is given.
    """
    unconfirmed = organization.healthcare and organization.phi_attested_at is None
    assuming = ("healthcare",) if unconfirmed else ()
    able = able_if_enabled(Gate.TEXTING, assuming=assuming, root=root or KnownRoot.of(organization))
    on, off = (all_of([able, enabled_if(organization_on=switch, own=organization.pk)]) for switch in (True, False))
    counts = (
        User.objects.filter(organization=organization, is_active=True)
        .order_by()
        .aggregate(
            users=Count("pk"),
            able_when_on=Count("pk", filter=as_filter(on)),
            able_when_off=Count("pk", filter=as_filter(off)),
        )
    )
    return SwitchReach(**counts | ({"able_when_off": 0} if unconfirmed else {}))
