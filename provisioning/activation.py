"""Deactivating and reactivating people. Called as part of provisioning/people.py, whose essay holds here too.

Deactivating ends every session and API token in the same transaction; messages, audit events and role assignments
stay, and the roles grant nothing meanwhile. Reactivating gives nothing back but the account: a session or token from
before stays ended. The primary number stays with the person unless `release_numbers` says so. Rows are locked before
the audit log's head: the users, every full administrator, tokens and sessions, then the numbers.

- Nobody deactivates themselves, and the last active full administrator stays.
- Whoever has a role is deactivated and reactivated by full administrators only.
- A compliance officer may go, the last one too: nobody gains by it, since only the provider can name the next first
  one. Officers are told, and so is the one who goes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from provisioning import account_life
from provisioning.authority import Authority
from provisioning.changes import Actor, change_of, record_many
from provisioning.models import ApiToken, Role, User
from provisioning.number_assignment import assign_many
from provisioning.people_mail import tell_officers
from provisioning.person_edits import unknown_location
from provisioning.person_rows import lock_people, lock_with_full_admins, refuse_more_than_a_batch, roles_of
from provisioning.refusals import Refusal

Roles = Mapping[uuid.UUID, set[str]]


@transaction.atomic
def deactivate_people(
    users: Sequence[User], actor: Actor, now: datetime, *, release_numbers: bool = False
) -> list[Refusal | None]:
    """At most 500 users of one organization. What is refused stays as it was; the answer says why, in their order."""
    rows, active_full_admins, roles = _locked_for_leaving(users)
    refusals = _refusals(rows, active_full_admins, roles, Authority.of(actor))
    going = [row for row, refusal in zip(rows, refusals, strict=True) if refusal is None and row.is_active]
    ids = [row.pk for row in going]
    User.objects.filter(pk__in=ids).update(is_active=False)
    ApiToken.objects.filter(user_id__in=ids, revoked_at__isnull=True).update(revoked_at=now)
    account_life.end_sessions(ids)
    if release_numbers:
        assign_many([(row, None) for row in going], actor, now)
    _tell(going, roles, "officer_deactivated", _("A compliance officer was deactivated"), actor)
    record_many([
        change_of("user.deactivated", actor, row, organization_id=row.organization_id,
                  before={"active": True}, after={"active": False})
        for row in going
    ])  # fmt: skip
    return refusals


def deactivate_person(user: User, actor: Actor, now: datetime, *, release_number: bool = False) -> None:
    """One user. Refusal: as `refusals_to_deactivate`."""
    (refusal,) = deactivate_people([user], actor, now, release_numbers=release_number)
    if refusal is not None:
        raise refusal


def reactivate_person(user: User, actor: Actor, now: datetime) -> None:
    """One user. Refusal: as `reactivate_people`."""
    (refusal,) = reactivate_people([user], actor, now)
    if refusal is not None:
        raise refusal


def refusals_to_deactivate(users: Sequence[User], actor: Actor) -> list[Refusal | None]:
    """For each of them, what forbids it: `own_account`, `last_full_admin`, `administrator_account`."""
    with transaction.atomic():
        rows, active_full_admins, roles = _locked_for_leaving(users)
    return _refusals(rows, active_full_admins, roles, Authority.of(actor))


@transaction.atomic
def reactivate_people(users: Sequence[User], actor: Actor, now: datetime) -> list[Refusal | None]:
    """At most 500 users of one organization, who sign in as before. Refused: `administrator_account`."""
    refuse_more_than_a_batch(users)
    by_id = {row.pk: row for row in lock_people(user.pk for user in users)}
    rows = [by_id[user.pk] for user in users]
    authority, roles = Authority.of(actor), roles_of(by_id)
    refusals = [_protected(row, roles, authority) for row in rows]
    coming = [row for row, refusal in zip(rows, refusals, strict=True) if refusal is None and not row.is_active]
    User.objects.filter(pk__in=[row.pk for row in coming]).update(is_active=True)
    _tell(coming, roles, "officer_reactivated", _("A compliance officer was reactivated"), actor)
    record_many([
        change_of("user.reactivated", actor, row, organization_id=row.organization_id,
                  before={"active": False}, after={"active": True})
        for row in coming
    ])  # fmt: skip
    return refusals


def _locked_for_leaving(users: Sequence[User]) -> tuple[list[User], set[uuid.UUID], Roles]:
    """The rows in the order of `users`, the ids of the active full administrators, everybody's roles.

    The full administrators are locked along, so that the last two can't go at once.
    """
    refuse_more_than_a_batch(users)
    by_id = {row.pk: row for row in lock_with_full_admins(user.pk for user in users)}
    roles = roles_of(by_id)
    active = {row.pk for row in by_id.values() if row.is_active and Role.FULL_ADMIN in roles.get(row.pk, ())}
    return [by_id[user.pk] for user in users], active, roles


def _refusals(
    rows: Sequence[User], active_full_admins: set[uuid.UUID], roles: Roles, authority: Authority
) -> list[Refusal | None]:
    staying = set(active_full_admins)
    refusals: list[Refusal | None] = []
    for row in rows:
        refusal = _own_account(row, authority) or _protected(row, roles, authority) or _last(row, staying)
        if refusal is None:
            staying.discard(row.pk)
        refusals.append(refusal)
    return refusals


def _own_account(row: User, authority: Authority) -> Refusal | None:
    if row.pk != authority.user_id:
        return None
    return Refusal("own_account", _("You can’t deactivate yourself. Ask another full administrator."))


def _protected(row: User, roles: Roles, authority: Authority) -> Refusal | None:
    if not authority.reaches(row.location_id):
        return unknown_location()
    if authority.over_administrators or not roles.get(row.pk):
        return None
    sentence = _("Only a full administrator deactivates or reactivates somebody who has a role.")
    return Refusal("administrator_account", sentence)


def _last(row: User, active_full_admins: set[uuid.UUID]) -> Refusal | None:
    if active_full_admins != {row.pk}:
        return None
    return Refusal(
        "last_full_admin", _("The last full administrator can’t be deactivated."),
        remedy=_("Make somebody else a full administrator first."),
    )  # fmt: skip


def _tell(rows: Sequence[User], roles: Roles, kind: str, subject: str, actor: Actor) -> None:
    tell_officers(kind, subject, [row for row in rows if Role.COMPLIANCE_OFFICER in roles.get(row.pk, ())], actor)
