"""People: created, edited, deactivated, reactivated. For one and for batches of up to 500, with as many queries.

The only code that writes names, e-mail addresses, locations, licenses and `is_active` of members; the portal, the API,
bulk tasks and files call it, and the provider's admin does for what matters.

What must never happen
- Somebody becomes another. Who gets another's address can have the password reset, so a change of address is told to
  the old one and to the officers; an administrator's takes a full administrator, and an officer's none of them: the
  role is removed first, which the officers hear of.
- An organization without a full administrator, or whose administrators were locked out by someone below them.
- A location administrator moves somebody out of, or into, a place that is not theirs.
- A session or an API token outlives its user's deactivation, or wakes up when the user comes back.

Where a transaction begins and ends
- `write_edits` is part of its caller's, who holds the users' rows (`lock_people`, in the order of ids). The others
  open their own and lock for themselves. The audit log's head is locked last, once for a whole batch.
- A batch checks itself: `refusals_of`, `refusals_of_new` and `refusals_to_deactivate` say per person what would be
  refused, so that one bad row does not stop the others. Writing what is refused raises.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from provisioning import account_life
from provisioning.activation import (
    deactivate_people,
    deactivate_person,
    reactivate_people,
    reactivate_person,
    refusals_to_deactivate,
)
from provisioning.authority import Authority
from provisioning.changes import Actor, change_of, record_many
from provisioning.models import Organization, Role, User
from provisioning.models.choices import fold
from provisioning.people_mail import tell_of_new_addresses
from provisioning.person_edits import FIELDS, PersonEdit, checked, plan_edit, readable, unknown_location
from provisioning.person_rows import BATCH, emails_in_use, lock_people, refuse_more_than_a_batch, roles_of
from provisioning.refusals import Refusal
from provisioning.row_writes import write_columns

__all__ = [
    "BATCH",
    "FIELDS",
    "PersonEdit",
    "create_people",
    "create_person",
    "deactivate_people",
    "deactivate_person",
    "edit_person",
    "lock_people",
    "plan_edit",
    "reactivate_people",
    "reactivate_person",
    "refusals_of",
    "refusals_of_new",
    "refusals_to_deactivate",
    "roles_of",
    "write_edits",
]

_FOLDED: Final = ("email_key", "sort_name", "search_text")


def edit_person(user: User, wanted: Mapping[str, Any], actor: Actor, now: datetime) -> User:
    """Change what differs, in one transaction. Returns the fresh row. Refusal: as `plan_edit` and `refusals_of`."""
    with transaction.atomic():
        (row,) = lock_people([user.pk])
        edit = plan_edit(row, wanted)
        if edit is not None:
            write_edits([edit], actor, now)
    return row


def write_edits(edits: Sequence[PersonEdit], actor: Actor, now: datetime) -> None:
    """Write at most 500 edits of locked rows of one organization, inside the caller's transaction."""
    if not edits:
        return
    refuse_more_than_a_batch(edits)
    for refusal in refusals_of(edits, actor):
        if refusal is not None:
            raise refusal
    readdressed = [(edit.user, edit.user.email) for edit in edits if edit.new_email]
    for edit in edits:
        for name, value in edit.values.items():
            setattr(edit.user, name, value)
        edit.user.fold()
    _update(edits)
    tell_of_new_addresses(readdressed, actor)
    record_many([
        change_of("user.changed", actor, edit.user, organization_id=edit.user.organization_id,
                  before=edit.before, after=edit.after)
        for edit in edits
    ])  # fmt: skip


def refusals_of(edits: Sequence[PersonEdit], actor: Actor) -> list[Refusal | None]:
    """For each edit, what forbids it, seen beside the others: at most four queries for all of them.

    Refusal, its field in extra["field"]: `unknown_location`, `administrator_email`, `officer_email`, `email_taken`.
    """
    authority = Authority.of(actor)
    readdressed = [edit for edit in edits if edit.new_email]
    roles = roles_of([edit.user.pk for edit in readdressed])
    taken = emails_in_use([edit.new_email for edit in readdressed])
    refusals: list[Refusal | None] = []
    for edit in edits:
        others = taken - {edit.user.email_key}
        refusal = _out_of_reach(edit, authority) or _protected(edit, roles, authority) or _taken(edit.new_email, others)
        if refusal is None and edit.new_email:
            taken.add(fold(edit.new_email))
        refusals.append(refusal)
    return refusals


def create_person(
    organization: Organization, wanted: Mapping[str, Any], actor: Actor, now: datetime, *, invite: bool = True
) -> User:
    """One new user, invited by mail. Refusal: as `create_people`."""
    return create_people(organization, [wanted], actor, now, invite=invite)[0]


@transaction.atomic
def create_people(
    organization: Organization, wanteds: Sequence[Mapping[str, Any]], actor: Actor, now: datetime, *, invite: bool
) -> list[User]:
    """At most 500 new users without a password: each sets one by the invitation. Refusal: as `refusals_of_new`."""
    refuse_more_than_a_batch(wanteds)
    for refusal in refusals_of_new(organization, wanteds, actor):
        if refusal is not None:
            raise refusal
    users = [_new(organization, wanted) for wanted in wanteds]
    try:
        with transaction.atomic():
            User.objects.bulk_create(users)
    except IntegrityError:
        raise _email_taken() from None
    record_many([
        change_of(
            "user.created", actor, user, organization_id=organization.pk,
            after={name: readable(name, getattr(user, name)) for name in FIELDS},
        )
        for user in users
    ])  # fmt: skip
    if invite and users:
        account_life.invite(users, actor, now)
    return users


def refusals_of_new(
    organization: Organization, wanteds: Sequence[Mapping[str, Any]], actor: Actor
) -> list[Refusal | None]:
    """For each new person, what forbids it, seen beside the others: at most three queries for all of them.

    Refusal: as `plan_edit`, and `email_taken`, `location_required`, `unknown_location`.
    """
    authority = Authority.of(actor)
    taken = emails_in_use([str(wanted.get("email", "")) for wanted in wanteds])
    refusals: list[Refusal | None] = []
    for wanted in wanteds:
        refusal = _refused_new(organization, wanted, authority, taken)
        if refusal is None:
            taken.add(fold(str(wanted["email"]).strip()))
        refusals.append(refusal)
    return refusals


def _update(edits: Sequence[PersonEdit]) -> None:
    """One statement (a few on SQLite), of the columns that somebody's edit has."""
    columns = list(dict.fromkeys(name for edit in edits for name in edit.values))
    if {"email", "first_name", "last_name"} & set(columns):
        columns += _FOLDED
    try:
        with transaction.atomic():
            write_columns([edit.user for edit in edits], columns)
    except IntegrityError:
        raise _email_taken() from None


def _out_of_reach(edit: PersonEdit, authority: Authority) -> Refusal | None:
    """Both ends of a move count: where the person is, and where the person goes."""
    if not authority.reaches(edit.user.location_id):
        return unknown_location()
    goes_to = edit.values.get("location", edit.user.location)
    if authority.reaches(goes_to.pk if goes_to is not None else None):
        return None
    return unknown_location() if goes_to is not None else _location_required()


def _protected(edit: PersonEdit, roles: Mapping[uuid.UUID, set[str]], authority: Authority) -> Refusal | None:
    held = roles.get(edit.user.pk, set())
    if not edit.new_email or not held or authority.unlimited:
        return None
    if Role.COMPLIANCE_OFFICER in held:
        return Refusal(
            "officer_email",
            _("The e-mail address of a compliance officer can’t be changed: it opens every retained text."),
            remedy=_("Remove the role first, change the address, then name the officer again."), field="email",
        )  # fmt: skip
    if authority.over_administrators:
        return None
    return Refusal(
        "administrator_email",
        _("Only a full administrator changes the e-mail address of an administrator."), field="email",
    )  # fmt: skip


def _taken(email: str, taken: set[str]) -> Refusal | None:
    return _email_taken() if email and fold(email) in taken else None


def _email_taken() -> Refusal:
    return Refusal("email_taken", _("Another account has this e-mail address. Choose a different one."), field="email")


def _location_required() -> Refusal:
    sentence = _("Choose one of your locations: without one, you could no longer reach the user.")
    return Refusal("location_required", sentence, field="location")


def _refused_new(
    organization: Organization, wanted: Mapping[str, Any], authority: Authority, taken: set[str]
) -> Refusal | None:
    try:
        values = checked({"email": "", **wanted}, organization.pk)
    except Refusal as refusal:
        return refusal
    location = values.get("location")
    if not authority.reaches(location.pk if location is not None else None):
        return unknown_location() if location is not None else _location_required()
    return _taken(values["email"], taken)


def _new(organization: Organization, wanted: Mapping[str, Any]) -> User:
    user = User(organization=organization, **checked(wanted, organization.pk))
    user.set_unusable_password()
    user.fold()
    return user
