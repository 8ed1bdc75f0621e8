"""What somebody may do to people, beyond the permission that opened the page.

A page or API operation asks for a permission and looks rows up in provisioning/scoping.py. What is here holds for every
way in, long after the page: bulk tasks, files, the API. It is read from the database each time: an administrator
who lost a role, or a location, since asking for something no longer has it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from provisioning.changes import Actor
from provisioning.models import User
from provisioning.roles import Permission, administered_locations, permissions_of


@dataclass(frozen=True, slots=True)
class Authority:
    """`unlimited`: the system itself, and provider operators. `locations` None: every location."""

    user_id: uuid.UUID | None
    unlimited: bool
    over_administrators: bool
    locations: frozenset[uuid.UUID] | None

    @classmethod
    def of(cls, actor: Actor) -> Authority:
        """Two queries for a person, none for the system."""
        if actor.user_id is None:
            return cls(None, unlimited=True, over_administrators=True, locations=None)
        user = User.objects.get(pk=actor.user_id)
        if user.is_active and user.organization_id is None:
            return cls(user.pk, unlimited=True, over_administrators=True, locations=None)
        granted = permissions_of(user)
        return cls(
            user.pk,
            unlimited=False,
            over_administrators=Permission.ASSIGN_ROLES in granted,
            locations=administered_locations(user) if user.is_active else frozenset(),
        )

    def reaches(self, location_id: uuid.UUID | None) -> bool:
        """Whether people at this location (None: at none) are theirs to change."""
        return self.locations is None or location_id in self.locations
