"""Switching Business Texting on and off: for the organization, a location, one user.

The only code that writes the three settings; the portal and the API both call it. Each call is one transaction: lock
the row, refuse or write, tell the audit log. What is already so is not written again and not audited.
Switching on is refused while the organization is not eligible, has not accepted the acceptable use policy or, as a
healthcare customer, has not confirmed that no protected health information is texted. Switching off never is.
A user's own unmet requirements (no number, say) don't refuse the override: it is kept, and applies once they are met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from provisioning.changes import Actor, Change, change_of, record_many, record_target
from provisioning.eligibility import Requirement, check_location, check_organization
from provisioning.models import Location, Organization, TextingSetting, User
from provisioning.policies import accepted_policy, confirmed_attestation
from provisioning.refusals import Refusal

MOST_USERS = 500
"""Of one transaction: the audit log's head is locked as long as it lasts."""


@transaction.atomic
def set_organization_texting(
    organization: Organization,
    enabled: bool,
    actor: Actor,
    now: datetime,
    accept_policy: bool = False,
    attest: bool = False,
) -> Organization:
    """Set the organization's switch. Returns the fresh row.

    `accept_policy` and `attest` are kept with who and when, each with an event of its own that has the words: the
    first time, and again whenever they were given to switch on.
    Refusal: the code of an unmet requirement, `attestation_required`, `acceptable_use_not_accepted`.
    """
    row = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    switches_on = enabled and not row.texting_enabled
    changes: list[Change] = []
    if accept_policy and (switches_on or row.acceptable_use_accepted_at is None):
        row.acceptable_use_accepted_at, row.acceptable_use_accepted_by_id = now, actor.user_id
        changes.append(_told("organization.acceptable_use_accepted", actor, row, after=accepted_policy()))
    if attest and (switches_on or row.phi_attested_at is None):
        row.phi_attested_at, row.phi_attested_by_id = now, actor.user_id
        changes.append(_told("organization.health_attested", actor, row, after=confirmed_attestation()))
    if switches_on:
        _refuse_unless_ready(row, check_organization(row))
    if enabled != row.texting_enabled:
        row.texting_enabled, row.texting_changed_at = enabled, now
        before, after = {"enabled": not enabled}, {"enabled": enabled}
        changes.append(_told("organization.texting_changed", actor, row, before=before, after=after))
    if changes:
        row.save(update_fields=_ORGANIZATION_FIELDS)
        record_many(changes)
    return row


_ORGANIZATION_FIELDS = [
    "texting_enabled",
    "texting_changed_at",
    "acceptable_use_accepted_at",
    "acceptable_use_accepted_by",
    "phi_attested_at",
    "phi_attested_by",
]


def _told(
    action: str, actor: Actor, row: Organization, *, after: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> Change:
    return change_of(action, actor, row, organization_id=row.pk, before=before, after=after)


@transaction.atomic
def set_location_texting(location: Location, setting: str, actor: Actor, now: datetime) -> Location:
    """Set a location to default, on or off. Returns the fresh row.

    Refusal on switching on: as for the organization, and `location_country`, `location_pstn`.
    """
    row = Location.objects.select_for_update(no_key=True).get(pk=location.pk)
    if _changes(row.texting_setting, setting):
        if setting == TextingSetting.ON:
            _refuse_unless_ready(row.organization, check_location(row))
        _write_setting(row, setting, actor)
    return row


@transaction.atomic
def set_user_texting(user: User, setting: str, actor: Actor, now: datetime) -> User:
    """Set a user's override, or take it away with default. Returns the fresh row.

    Refusal on switching on: as for the organization.
    """
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    (refusal,) = _set_users([row], setting, actor)
    if refusal is not None:
        raise refusal
    return row


@transaction.atomic
def set_users_texting(users: Sequence[User], setting: str, actor: Actor, now: datetime) -> list[Refusal | None]:
    """The same for at most 500 users of one organization: what was refused, in their order. They get the setting.

    Locks them in the order of their ids; whoever has it already is neither written nor audited.
    """
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=[user.pk for user in users]).order_by("pk")
    fresh = dict(rows.values_list("pk", "texting_setting"))
    for user in users:
        user.texting_setting = fresh[user.pk]
    return _set_users(users, setting, actor)


def _set_users(rows: Sequence[User], setting: str, actor: Actor) -> list[Refusal | None]:
    """One look at the organization, one UPDATE and one batch of audit events, however many rows there are."""
    if len({row.organization_id for row in rows}) > 1 or len(rows) > MOST_USERS:
        raise ValueError(f"At most {MOST_USERS} users of one organization a transaction.")
    differing = [row for row in rows if _changes(row.texting_setting, setting)]
    refusal = refusal_to_switch_on(differing[0].organization) if differing and setting == TextingSetting.ON else None
    if differing and refusal is None:
        _write_settings(differing, setting, actor)
    return [refusal if row.texting_setting != setting else None for row in rows]


def refusal_to_switch_on(organization: Organization | None) -> Refusal | None:
    """Why a user can't be overridden to On: the organization's reason, so the same for each of its users."""
    if organization is not None:
        try:
            _refuse_unless_ready(organization, check_organization(organization, for_user=True))
        except Refusal as refusal:
            return refusal
    return None


def _write_settings(rows: Sequence[User], setting: str, actor: Actor) -> None:
    before = [row.texting_setting for row in rows]
    User.objects.filter(pk__in=[row.pk for row in rows]).update(texting_setting=setting)
    for row in rows:
        row.texting_setting = setting
    record_many([
        change_of("user.texting_changed", actor, row, organization_id=row.organization_id,
                  before={"setting": was}, after={"setting": setting})
        for row, was in zip(rows, before, strict=True)
    ])  # fmt: skip


def _changes(current: str, setting: str) -> bool:
    if setting not in TextingSetting.values:
        raise Refusal("invalid_setting", _("Choose the default, on or off."), http_status=400)
    return current != setting


def _write_setting(row: Location, setting: str, actor: Actor) -> None:
    before, row.texting_setting = row.texting_setting, setting
    row.save(update_fields=["texting_setting"])
    record_target(
        "location.texting_changed", actor, row, organization_id=row.organization_id,
        before={"setting": before}, after={"setting": setting},
    )  # fmt: skip


def _refuse_unless_ready(organization: Organization, requirements: list[Requirement]) -> None:
    """Everything that switching on takes, in the order of the checklist, then the policy."""
    for requirement in requirements:
        if requirement.stops_texting:
            raise _refusal_of(requirement)
    if organization.acceptable_use_accepted_at is None:
        raise Refusal(
            "acceptable_use_not_accepted",
            _("Accept the acceptable use policy to switch Business Texting on."),
            remedy=_("A full administrator accepts it in Service Settings, when switching on for the organization."),
        )


def _refusal_of(requirement: Requirement) -> Refusal:
    if requirement.code != "healthcare":
        return Refusal(requirement.code, requirement.sentence, remedy=requirement.remedy)
    return Refusal(
        "attestation_required",
        _(
            "Business texting is not HIPAA compliant. "
            "Confirm that no protected health information is texted to switch it on."
        ),
        remedy=requirement.remedy,
    )
