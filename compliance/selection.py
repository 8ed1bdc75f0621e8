"""Whose texts, and which: an officer's organization, and the range an export covers.

The export reads by the range, and the purge is held off by it: one definition for both.
"""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Q

from compliance.models import Export
from provisioning.models import User


def organization_of(officer: User) -> UUID:
    """The organization whose texts an officer may see. Provider operators have none."""
    if officer.organization_id is None:
        raise PermissionDenied
    return officer.organization_id


def covered(export: Export) -> Q:
    """The condition on Message that an export's criteria make.

    People AND numbers AND dates; a number counts at either end; what was left empty does not narrow. A text
    belongs to a person by Message.user, so one that nobody could read is found by number or date only.
    Never an empty Q, which would vanish in an OR instead of covering everything.
    """
    condition = Q(organization_id=export.organization_id)
    people = User.objects.filter(pk__in=export.users.values("pk"))
    if people.exists():
        condition &= Q(user_id__in=people.values("pk"))
    if export.numbers:
        condition &= Q(own_e164__in=export.numbers) | Q(counterpart__in=export.numbers)
    if export.begins_at:
        condition &= Q(accepted_at__gte=export.begins_at)
    if export.ends_at:
        condition &= Q(accepted_at__lt=export.ends_at)
    return condition
