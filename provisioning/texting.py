"""Switching Business Texting on and off: for the organization, a location, one user.

The only code that writes the three settings; the portal and the API both call it. Each call is one transaction: lock
the row, refuse or write, tell the audit log. What is already so is not written again and not audited.
Switching on is refused while the organization is not eligible, has not accepted the acceptable use policy or, as a
healthcare customer, has not confirmed that no protected health information is texted. Switching off never is.
A user's own unmet requirements (no number, say) don't refuse the override: it is kept, and applies once they are met.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from provisioning.changes import Actor, Change, change_of, record_many, record_target
from provisioning.eligibility import Requirement, check_location, check_organization
from provisioning.models import Location, Organization, TextingSetting, User
from provisioning.policies import accepted_policy, confirmed_attestation
from provisioning.refusals import Refusal


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
        _write_setting(row, setting, "location.texting_changed", actor)
    return row


@transaction.atomic
def set_user_texting(user: User, setting: str, actor: Actor, now: datetime) -> User:
    """Set a user's override, or take it away with default. Returns the fresh row.

    Refusal on switching on: as for the organization.
    """
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if _changes(row.texting_setting, setting):
        if setting == TextingSetting.ON and row.organization is not None:
            _refuse_unless_ready(row.organization, check_organization(row.organization, for_user=True))
        _write_setting(row, setting, "user.texting_changed", actor)
    return row


def _changes(current: str, setting: str) -> bool:
    if setting not in TextingSetting.values:
        raise Refusal("invalid_setting", _("Choose the default, on or off."), http_status=400)
    return current != setting


def _write_setting(row: Location | User, setting: str, action: str, actor: Actor) -> None:
    before, row.texting_setting = row.texting_setting, setting
    row.save(update_fields=["texting_setting"])
    record_target(
        action, actor, row, organization_id=row.organization_id,
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
