"""Roles: given and taken back. The portal, the API and the provider's admin all come here.

What must never happen
- Somebody makes themselves a compliance officer, or a full administrator makes the first one: the provider names the
  first, after that a full administrator may name another while one is active, and all of them are told by mail.
- An organization without an active full administrator.
- A location administrator with another role beside it, or at another organization's location.

A role takes effect, and ends, with the next request: it is read from the database each time (roles.assignments_of).
Each call is one transaction: lock the user (and, where one goes, every full administrator, in the order of ids),
refuse or write, tell the officers, record. What is already so is neither written nor recorded. Events are the user's,
so that the user's open live streams look again and the user's Activity shows them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from provisioning.authority import Authority
from provisioning.changes import Actor, record_target
from provisioning.models import Location, Role, RoleAssignment, User
from provisioning.models.access import RoleOrigin
from provisioning.people_mail import officers_of, tell_officers
from provisioning.person_edits import unknown_location
from provisioning.person_rows import lock_people, lock_with_full_admins, roles_of
from provisioning.refusals import Refusal


@transaction.atomic
def assign_role(
    user: User, role: str, location: Location | None, actor: Actor, now: datetime, *, origin: str = RoleOrigin.PORTAL
) -> RoleAssignment:
    """Give a member of an organization a role; a location administrator one location more. Returns the row.

    Refusal: `permission_denied`, `unknown_role`, `location_required`, `location_not_taken`, `unknown_location`,
    `no_organization`, `user_inactive`, `role_conflict`, `own_officer_role`, `first_officer`.
    """
    _refuse_without_authority(actor)
    organization_id = _organization_of(user, role, location)
    (row,) = lock_people([user.pk])
    held = RoleAssignment.objects.filter(user=row, role=role, location=location).first()
    if held is not None:
        return held
    _refuse_unfit(row, role, actor)
    assignment = RoleAssignment.objects.create(
        organization_id=organization_id, user=row, role=role, location=location, origin=origin
    )
    if role == Role.COMPLIANCE_OFFICER:
        tell_officers("officer_named", _("A compliance officer was named"), [row], actor)
    record_target("role.assigned", actor, row, organization_id=organization_id, after=_readable(assignment))
    return assignment


def refusal_to_assign(user: User, role: str, location: Location | None, actor: Actor) -> Refusal | None:
    """What `assign_role` would say, without doing it."""
    try:
        _refuse_without_authority(actor)
        _organization_of(user, role, location)
        _refuse_unfit(user, role, actor)
    except Refusal as refusal:
        return refusal
    return None


@transaction.atomic
def remove_role(assignment: RoleAssignment, actor: Actor, now: datetime) -> None:
    """Take a role back. One that is gone already: nothing happens.

    Refusal: `permission_denied`, `last_full_admin`, `directory_role`.
    """
    _refuse_without_authority(actor)
    rows = {row.pk: row for row in lock_with_full_admins([assignment.user_id])}
    row = rows[assignment.user_id]
    held = RoleAssignment.objects.select_related("location").filter(pk=assignment.pk).first()
    if held is None:
        return
    if held.origin == RoleOrigin.DIRECTORY and actor.user_id is not None:
        raise _directory_role()
    if held.role == Role.FULL_ADMIN and row.is_active:
        _refuse_if_last(row, rows)
    before = _readable(held)
    held.delete()
    if held.role == Role.COMPLIANCE_OFFICER:
        tell_officers("officer_removed", _("A compliance officer was removed"), [row], actor)
    record_target("role.removed", actor, row, organization_id=held.organization_id, before=before)


def _refuse_without_authority(actor: Actor) -> None:
    if not Authority.of(actor).over_administrators:
        raise Refusal("permission_denied", _("Only a full administrator gives and takes roles."), http_status=403)


def _organization_of(user: User, role: str, location: Location | None) -> uuid.UUID:
    """Whose role it will be; refused for what is wrong with the three by themselves."""
    if role not in Role.values:
        raise Refusal("unknown_role", _("There is no such role."), field="role")
    if user.organization_id is None:
        raise Refusal("no_organization", _("Provider operators have no role in an organization."), field="user")
    if role != Role.LOCATION_ADMIN and location is not None:
        sentence = _("Only a location administrator is bound to a location. Leave it empty for this role.")
        raise Refusal("location_not_taken", sentence, field="location")
    if role == Role.LOCATION_ADMIN and location is None:
        raise Refusal("location_required", _("Choose the location to administer."), field="location")
    if location is not None and location.organization_id != user.organization_id:
        raise unknown_location()
    return user.organization_id


def _refuse_unfit(user: User, role: str, actor: Actor) -> None:
    """What is wrong with this role for this person now. `user` is locked."""
    if not user.is_active:
        sentence = _("This user is deactivated. Reactivate the user first.")
        raise Refusal("user_inactive", sentence, field="user")
    others = roles_of([user.pk]).get(user.pk, set()) - {role}
    if others and (role == Role.LOCATION_ADMIN or Role.LOCATION_ADMIN in others):
        sentence = _("A location administrator has no other role. Remove the other role first.")
        raise Refusal("role_conflict", sentence, field="role")
    if role == Role.COMPLIANCE_OFFICER:
        _refuse_officer(user, actor)


def _refuse_officer(user: User, actor: Actor) -> None:
    if actor.user_id == user.pk:
        sentence = _("Nobody makes themselves a compliance officer. Ask another full administrator.")
        raise Refusal("own_officer_role", sentence, field="role")
    if not Authority.of(actor).unlimited and not officers_of(user.organization_id):
        raise Refusal(
            "first_officer", _("Your provider names the first compliance officer."),
            remedy=_("Ask your provider. After that, full administrators can name more."), field="role",
        )  # fmt: skip


def _refuse_if_last(user: User, full_admins: Mapping[uuid.UUID, User]) -> None:
    roles = roles_of(full_admins)
    others = [
        row for row in full_admins.values()
        if row.pk != user.pk and row.is_active and Role.FULL_ADMIN in roles.get(row.pk, ())
    ]  # fmt: skip
    if not others:
        raise Refusal(
            "last_full_admin", _("The last full administrator keeps the role."),
            remedy=_("Make somebody else a full administrator first."), field="role",
        )  # fmt: skip


def _directory_role() -> Refusal:
    return Refusal(
        "directory_role", _("This role comes from a group of your directory."),
        remedy=_("Take the user out of that group: the role ends with it."), field="role",
    )  # fmt: skip


def _readable(assignment: RoleAssignment) -> dict[str, Any]:
    """As the audit log shows it."""
    place = {"location": assignment.location.name} if assignment.location is not None else {}
    return {"role": str(Role(assignment.role).label), **place}
