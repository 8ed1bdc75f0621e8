"""Rows of people, a batch at a time: locked, their roles, the addresses that are taken."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import Q

from provisioning.models import Role, RoleAssignment, User
from provisioning.models.choices import fold

BATCH: Final = 500
"""The most that one transaction writes: the audit log's head is locked as long as it lasts."""


def lock_people(ids: Iterable[uuid.UUID]) -> list[User]:
    """The rows, locked in the order of their ids, with organization and location at hand. Needs a transaction."""
    return _locked(Q(pk__in=list(ids)))


def lock_with_full_admins(ids: Iterable[uuid.UUID]) -> list[User]:
    """`lock_people()`, and every full administrator of their organizations with them, in one order."""
    wanted = list(ids)
    organizations = User.objects.filter(pk__in=wanted).order_by().values("organization_id")
    full_admins = RoleAssignment.objects.filter(role=Role.FULL_ADMIN, organization_id__in=organizations)
    return _locked(Q(pk__in=wanted) | Q(pk__in=full_admins.values("user_id")))


def _locked(which: Q) -> list[User]:
    rows = User.objects.select_for_update(no_key=True, of=("self",)).filter(which)
    return list(rows.select_related("organization", "location").order_by("pk"))


def roles_of(user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, set[str]]:
    """The roles of those among them who have any, in one query."""
    found: dict[uuid.UUID, set[str]] = {}
    ids = list(user_ids)
    if ids:
        for user_id, role in RoleAssignment.objects.filter(user_id__in=ids).values_list("user_id", "role"):
            found.setdefault(user_id, set()).add(role)
    return found


def emails_in_use(emails: Iterable[str]) -> set[str]:
    """The folded addresses among them that an account has, of whatever organization."""
    keys = {fold(email.strip()) for email in emails} - {""}
    return set(User.objects.filter(email_key__in=keys).values_list("email_key", flat=True)) if keys else set()


def refuse_more_than_a_batch(rows: Sequence[Any]) -> None:
    """A caller's mistake, not a person's."""
    if len(rows) > BATCH:
        raise ValueError(f"At most {BATCH} a transaction.")
