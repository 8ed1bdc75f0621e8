"""Locations: making, changing and deleting them. The pages and the API both call it; one call is one transaction.

What must never happen
- Users lose texting and nobody said so: a change by which somebody who can text no longer could (away from Cisco PSTN,
  to a country without texting, texting off) is refused with `users_stop_texting` and their number, until the caller
  says that as many may.
- Somebody is left without a place: a location with users, numbers or administrators is not deleted, only emptied
  first. Audit events name a deleted location by id and name; they point to nothing.
- Two locations that people can't tell apart: names are unique without regard to case. Creating and renaming take
  turns on the organization's row.
Locks: the organization's row (only for names), then the location's, then the audit head.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning.business_hours import checked, keep, week_of
from provisioning.changes import Actor, record_target
from provisioning.fingerprints import refuse_if_changed
from provisioning.location_facts import in_words, occupants, state_of, who_stop
from provisioning.location_values import LONGEST_NAME, apply
from provisioning.models import Location, Organization, TextingSetting
from provisioning.models.choices import fold
from provisioning.refusals import Refusal
from provisioning.texting import set_location_texting

FIELDS: Final = (
    "name", "country", "pstn_connection", "time_zone", "texting_setting", "emergency_address", "main_number",
    "business_hours",
)  # fmt: skip
"""What `wanted` may name; what it does not name stays. `emergency_address` is a mapping of its parts, `main_number`
as typed (empty: none), `business_hours` spans of provisioning.business_hours (none: always open)."""


@transaction.atomic
def create_location(organization: Organization, wanted: Mapping[str, Any], actor: Actor, now: datetime) -> Location:
    """A new location; `name` and `country` are needed. Refusal: as edit_location()."""
    owner = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    row = Location(organization=owner, time_zone=owner.time_zone)
    apply({"name": "", "country": "", **wanted}, row, None)
    week = checked(wanted.get("business_hours", ()))
    _refuse_name_of_another(row)
    setting, row.texting_setting = row.texting_setting, TextingSetting.DEFAULT.value
    row.save(force_insert=True)
    keep(row, week)
    after = {name: value for name, value in in_words(row, week).items() if value}
    record_target("location.created", actor, row, organization_id=owner.pk, after=after)
    return set_location_texting(row, setting, actor, now)


@transaction.atomic
def edit_location(
    location: Location,
    wanted: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    *,
    seen: str | None = None,
    may_stop: int | None = 0,
) -> Location:
    """Write what differs. Returns the fresh row. `may_stop`: so many users may stop texting by it; None: any number.

    Refusal: `changed_meanwhile` (409), `users_stop_texting` (with `users`), `name_taken` (409), and those of
    location_values.apply(), business_hours.checked() and texting.set_location_texting().
    """
    if "name" in wanted:
        Organization.objects.select_for_update(no_key=True).get(pk=location.organization_id)
    row = Location.objects.select_for_update(no_key=True).get(pk=location.pk)
    refuse_if_changed(state_of(row), seen)
    before, week = copy.copy(row), week_of(row)
    apply(wanted, row, before)
    new_week = checked(wanted["business_hours"]) if "business_hours" in wanted else week
    _refuse_name_of_another(row)
    _refuse_to_stop(who_stop(before, row), may_stop)
    setting, row.texting_setting = row.texting_setting, before.texting_setting
    was, is_now = in_words(before, week), in_words(row, new_week)
    differs = [name for name, value in is_now.items() if value != was[name]]
    if differs or before.main_number_id != row.main_number_id:
        row.save()
    if new_week != week:
        keep(row, new_week)
    if differs:
        record_target(
            "location.changed", actor, row, organization_id=row.organization_id,
            before={name: was[name] for name in differs}, after={name: is_now[name] for name in differs},
        )  # fmt: skip
    return set_location_texting(row, setting, actor, now)


def delete_location(location: Location, actor: Actor, now: datetime) -> None:
    """Delete an empty location. Refusal (409): `location_not_empty` with how many of whom, `location_in_use`."""
    try:
        with transaction.atomic():
            row = Location.objects.select_for_update().get(pk=location.pk)
            refuse_unless_empty(row)
            before = {name: value for name, value in in_words(row, week_of(row)).items() if value}
            Location.objects.filter(pk=row.pk).delete()
            record_target("location.deleted", actor, row, organization_id=row.organization_id, before=before)
    except (IntegrityError, ProtectedError):
        # Somebody moved in meanwhile, or rows of another kind belong to it.
        refuse_unless_empty(location)
        sentence = _("%(location)s is in use and can’t be deleted now. Try again in a moment.")
        raise Refusal("location_in_use", sentence % {"location": location.name}, http_status=409) from None


def refuse_unless_empty(location: Location) -> None:
    """Refusal (409): `location_not_empty`, with `users`, `numbers` and `administrators`."""
    found = occupants(location.pk)
    if found.none:
        return
    words = {"location": location.name, "who": found.in_words()}
    raise Refusal(
        "location_not_empty",
        _("%(location)s can’t be deleted: it has %(who)s. Empty it first.") % words,
        http_status=409,
        remedy=_("Move its users and numbers to another location, and take the role from its administrators."),
        users=found.users,
        numbers=found.numbers,
        administrators=found.administrators,
    )


def _refuse_name_of_another(row: Location) -> None:
    others = Location.objects.filter(organization_id=row.organization_id).exclude(pk=row.pk)
    folded = fold(row.name)[:LONGEST_NAME]
    if others.filter(sort_name=folded).exists() or others.filter(name=row.name).exists():
        sentence = _("There is a location called %(name)s already. Choose another name.")
        raise Refusal("name_taken", sentence % {"name": row.name}, http_status=409, field="name")


def _refuse_to_stop(losing: int, may_stop: int | None) -> None:
    if may_stop is None or losing <= may_stop:
        return
    sentence = ngettext(
        "%(users)s user who can text now stops texting by this change.",
        "%(users)s users who can text now stop texting by this change.",
        losing,
    )
    raise Refusal(
        "users_stop_texting",
        sentence % {"users": f"{losing:,}"},
        remedy=_("Change it all the same, or move them to another location first."),
        users=losing,
    )
