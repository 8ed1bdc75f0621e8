"""What can be done to many users at once, at most 500 a transaction: the same code, and rules, as for one.

Each action locks its rows in the order of their ids, writes only what differs, and says of every user whether
something changed, was so already, or was refused and why.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning import account_life, people
from provisioning.changes import Actor
from provisioning.models import Location, RowOutcome, TextingSetting, User
from provisioning.models.users import License
from provisioning.person_rows import lock_people, lock_with_full_admins
from provisioning.refusals import Refusal
from provisioning.scoping import locations_in_reach
from provisioning.texting import set_users_texting


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one user."""

    user: User
    outcome: str
    refusal: Refusal | None = None


Apply = Callable[[Sequence[uuid.UUID], Any, Actor, datetime], list[Result]]


@dataclass(frozen=True, slots=True)
class Action:
    """`takes` is what has to be chosen with it: "location", "license" or nothing. `stops`: it can end texting."""

    code: str
    title: str | Promise
    apply: Apply
    takes: str = ""
    stops: bool = False


def choice_of(action: Action, administrator: User, value: Any) -> Any:
    """The location or license that `value` (as typed, or as a task keeps it) names. Refusal, the field in extra."""
    if action.takes == "location":
        return _location(administrator, value)
    if action.takes == "license":
        if value not in License.values:
            raise Refusal("unknown_license", _("Choose one of the licenses."), field="license")
        return str(value)
    return None


def _location(administrator: User, value: Any) -> Location:
    try:
        return locations_in_reach(administrator).get(pk=uuid.UUID(str(value)))
    except (ValueError, Location.DoesNotExist):
        sentence = _("There is no such location among yours. Choose one.")
        raise Refusal("unknown_location", sentence, field="location") from None


def _switching(setting: str) -> Apply:
    def apply(ids: Sequence[uuid.UUID], choice: Any, actor: Actor, now: datetime) -> list[Result]:
        rows = lock_people(ids)
        were_so = {row.pk for row in rows if row.texting_setting == setting}
        return _results(rows, set_users_texting(rows, setting, actor, now), were_so)

    return apply


def _editing(field: str) -> Apply:
    def apply(ids: Sequence[uuid.UUID], choice: Any, actor: Actor, now: datetime) -> list[Result]:
        rows = lock_people(ids)
        plans = [people.plan_edit(row, {field: choice}) for row in rows]
        edits = [plan for plan in plans if plan is not None]
        refused = dict(zip((edit.user.pk for edit in edits), people.refusals_of(edits, actor), strict=True))
        people.write_edits([edit for edit in edits if refused[edit.user.pk] is None], actor, now)
        were_so = {row.pk for row, plan in zip(rows, plans, strict=True) if plan is None}
        return _results(rows, [refused.get(row.pk) for row in rows], were_so)

    return apply


def _deactivate(ids: Sequence[uuid.UUID], choice: Any, actor: Actor, now: datetime) -> list[Result]:
    locked = {row.pk: row for row in lock_with_full_admins(ids)}
    rows = [locked[each] for each in ids]
    were_so = {row.pk for row in rows if not row.is_active}
    going = [row for row in rows if row.pk not in were_so]
    refused = dict(zip((row.pk for row in going), people.deactivate_people(going, actor, now), strict=True))
    return _results(rows, [refused.get(row.pk) for row in rows], were_so)


def _reactivate(ids: Sequence[uuid.UUID], choice: Any, actor: Actor, now: datetime) -> list[Result]:
    rows = lock_people(ids)
    were_so = {row.pk for row in rows if row.is_active}
    coming = [row for row in rows if row.pk not in were_so]
    refused = dict(zip((row.pk for row in coming), people.reactivate_people(coming, actor, now), strict=True))
    return _results(rows, [refused.get(row.pk) for row in rows], were_so)


def _invite(ids: Sequence[uuid.UUID], choice: Any, actor: Actor, now: datetime) -> list[Result]:
    rows = lock_people(ids)
    refusals = [account_life.refusal_to_invite(row) for row in rows]
    account_life.invite([row for row, refusal in zip(rows, refusals, strict=True) if refusal is None], actor, now)
    return _results(rows, refusals, set())


def _results(rows: Sequence[User], refusals: Sequence[Refusal | None], were_so: set[uuid.UUID]) -> list[Result]:
    return [
        Result(row, _outcome(refusal, row.pk in were_so), refusal)
        for row, refusal in zip(rows, refusals, strict=True)
    ]  # fmt: skip


def _outcome(refusal: Refusal | None, was_so: bool) -> str:
    if refusal is not None:
        return RowOutcome.REFUSED
    return RowOutcome.UNCHANGED if was_so else RowOutcome.CHANGED


ACTIONS: Final[dict[str, Action]] = {
    action.code: action
    for action in (
        Action("texting_on", gettext_lazy("Switch Business Texting on"), _switching(TextingSetting.ON)),
        Action("texting_off", gettext_lazy("Switch Business Texting off"), _switching(TextingSetting.OFF), stops=True),
        Action(
            "texting_default", gettext_lazy("Use the default for Business Texting"),
            _switching(TextingSetting.DEFAULT), stops=True,
        ),
        Action(
            "move", gettext_lazy("Move users to another location"),
            _editing("location"), takes="location", stops=True,
        ),
        Action(
            "license", gettext_lazy("Change the license of users"),
            _editing("license"), takes="license", stops=True,
        ),
        Action("deactivate", gettext_lazy("Deactivate users"), _deactivate, stops=True),
        Action("reactivate", gettext_lazy("Reactivate users"), _reactivate),
        Action("invite", gettext_lazy("Send the invitation again"), _invite),
    )
}  # fmt: skip
"""In the order of the menu."""
