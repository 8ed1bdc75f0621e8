"""What the rows of a file would do: per row what changes, before and after, or what is wrong with it. Writes nothing.

The same code plans twice: a file that was uploaded, for its preview, and each 500 rows again when they are applied, on
rows that are locked then. It knows who asks: users, locations and numbers out of an administrator's reach are not
there. All looks at the database are for a whole chunk; a row costs no query.

A file may give one user's number to another: the row that gives it up comes earlier in the file, or in the same chunk
of 500 rows, which are applied as one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from django.utils.translation import gettext as _

from provisioning import csv_users
from provisioning.changes import Actor
from provisioning.csv_numbers import NumberReader
from provisioning.csv_users import COLUMNS, takes_away
from provisioning.models import Location, Organization, PhoneNumber, RowAction, User
from provisioning.models.choices import fold
from provisioning.people import PersonEdit, plan_edit, refusals_of, refusals_of_new, refusals_to_deactivate
from provisioning.person_edits import checked
from provisioning.person_rows import emails_in_use
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of
from provisioning.scoping import locations_in_reach, users_in_reach
from provisioning.texting import refusal_to_switch_on

CHUNK: Final = 500
"""Rows that are looked up, and later written, together."""
_PROFILE: Final = ("first_name", "last_name", "location", "license")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one cell of a row; without a column it is the row itself."""

    column: str
    code: str
    sentence: str

    @classmethod
    def of(cls, column: str, refusal: Refusal) -> Problem:
        remedy = refusal.extra.get("remedy")
        sentence = f"{refusal.sentence} {remedy}" if remedy else str(refusal.sentence)
        return cls(column, refusal.code, sentence)


@dataclass(frozen=True, slots=True)
class Said:
    """One row as the file has it, with what is wrong with it before anything is looked up."""

    position: int
    cells: Mapping[str, str]
    problems: Sequence[Problem] = ()


@dataclass(slots=True)
class Plan:
    """What one row would do. `changes` are (column, before, after), in words; the rest is what writes them."""

    position: int
    cells: Mapping[str, str]
    user: User | None
    has: PhoneNumber | None
    problems: list[Problem]
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    edit: PersonEdit | None = None
    wanted: dict[str, Any] = field(default_factory=dict)
    setting: str | None = None
    active: bool | None = None
    renumbers: bool = False
    number: PhoneNumber | None = None

    @property
    def label(self) -> str:
        """The e-mail address as the file has it."""
        return self.cells.get("email", "").strip()

    @property
    def is_new(self) -> bool:
        return self.user is None

    @property
    def action(self) -> RowAction:
        if self.problems:
            return RowAction.ERROR
        if self.is_new:
            return RowAction.CREATE
        return RowAction.CHANGE if self.changes else RowAction.SAME

    @property
    def gives_up(self) -> uuid.UUID | None:
        """The number that its user no longer has afterwards."""
        return self.has.pk if self.renumbers and self.has is not None and not self.problems else None

    def refuse(self, column: str, refusal: Refusal) -> None:
        self.problems.append(Problem.of(column, refusal))


class Planner:
    """Plans one file, chunk by chunk and in its order, for one administrator."""

    def __init__(
        self, administrator: User, organization: Organization, actor: Actor, *, assigns_numbers: bool = True
    ) -> None:
        """`assigns_numbers` False: who asks came with a token that may not."""
        self.administrator = administrator
        self.assigns_numbers = assigns_numbers and Permission.ASSIGN_NUMBERS in permissions_of(administrator)
        self.organization = organization
        self.actor = actor
        self.numbers = NumberReader(administrator)
        self.given_up: set[uuid.UUID] = set()
        """Numbers that rows of earlier chunks free."""

    def plan(self, said: Sequence[Said], users: Mapping[str, User] | None = None) -> list[Plan]:
        """The plans of at most 500 rows. `users`, by folded e-mail address, are looked up if they are not at hand."""
        users = self.users_of(said) if users is None else users
        has = numbers_of(users.values())
        plans = []
        for row in said:
            user = users.get(_key(row))
            number = has.get(user.pk) if user is not None else None
            plans.append(Plan(row.position, row.cells, user, number, list(row.problems)))
        self._read(plans)
        self.numbers.judge(plans, self.given_up)
        self._ask_people(plans)
        for plan in plans:
            plan.changes = [] if plan.problems else list(self._changes(plan))
        self.given_up |= {plan.gives_up for plan in plans if plan.gives_up is not None}
        return plans

    def users_of(self, said: Sequence[Said]) -> dict[str, User]:
        """The users in reach that rows are for, by folded e-mail address, with location and organization at hand."""
        keys = {_key(row) for row in said} - {""}
        found = list(users_in_reach(self.administrator).filter(email_key__in=keys))
        for user in found:
            # A join would make an organization and a location of each row, where a few do for all.
            user.organization = self.organization
            if user.location_id in self._places:
                user.location = self._places[user.location_id]
        return {user.email_key: user for user in found}

    def _read(self, plans: Sequence[Plan]) -> None:
        """What each cell means; what means nothing becomes a problem of its column."""
        for plan in plans:
            differing = _differing(plan)
            for key, read in self._readers.items():
                if key in differing:
                    try:
                        read(plan, differing[key])
                    except Refusal as refusal:
                        plan.refuse(key, refusal)
        self.numbers.read([(plan, _differing(plan).get("primary_number", "")) for plan in plans])

    @cached_property
    def _readers(self) -> dict[str, Any]:
        return {
            "email": self._read_email,
            "first_name": lambda plan, cell: self._want(plan, "first_name", cell),
            "last_name": lambda plan, cell: self._want(plan, "last_name", cell),
            "location": lambda plan, cell: self._want(plan, "location", self._location(cell)),
            "license": lambda plan, cell: self._want(plan, "license", csv_users.license_of(cell)),
            "texting_setting": self._read_setting,
            "status": self._read_status,
        }

    def _read_email(self, plan: Plan, cell: str) -> None:
        """A known user is not renamed by it: capital letters make no difference."""
        if plan.is_new:
            self._want(plan, "email", cell.strip())

    def _want(self, plan: Plan, name: str, value: Any) -> None:
        """Keep a profile's value that is good by itself and not so already."""
        value = checked({name: value}, self.organization.pk)[name]
        if plan.user is None or value != getattr(plan.user, name):
            plan.wanted[name] = value

    def _read_setting(self, plan: Plan, cell: str) -> None:
        setting = csv_users.setting_of(cell)
        if setting == (plan.user.texting_setting if plan.user is not None else "default"):
            return
        if setting == "on" and self._no_switching_on is not None:
            raise self._no_switching_on
        plan.setting = setting

    def _read_status(self, plan: Plan, cell: str) -> None:
        active = csv_users.is_active_of(cell)
        if plan.user is None and not active:
            sentence = _("Nobody you administer has this e-mail address, and a new user can’t be deactivated.")
            raise Refusal("user_unknown", sentence)
        if plan.user is not None and active != plan.user.is_active:
            plan.active = active

    @cached_property
    def _no_switching_on(self) -> Refusal | None:
        return refusal_to_switch_on(self.organization)

    def _location(self, cell: str) -> Location | None:
        """By its name: as it is, else without regard to case. What is out of reach reads like what is not there."""
        name = cell.strip()
        found = self._locations.get(cell) or self._locations.get(name)
        if found is not None:
            return found
        alike = self._locations_folded.get(fold(name), [])
        if len(alike) == 1:
            return alike[0]
        if not alike and takes_away(name):
            return None
        words = {"name": csv_users.shortened(name)}
        if alike:
            sentence = _("More than one location is called “%(name)s”. Write its name with the same capital letters.")
        else:
            sentence = _("There is no location “%(name)s” among yours. Write its name as the Locations page has it.")
        raise Refusal("unknown_location", sentence % words)

    @cached_property
    def _locations(self) -> dict[str, Location]:
        return {location.name: location for location in locations_in_reach(self.administrator)}

    @cached_property
    def _places(self) -> dict[uuid.UUID | None, Location]:
        return {location.pk: location for location in self._locations.values()}

    @cached_property
    def _locations_folded(self) -> dict[str, list[Location]]:
        found: dict[str, list[Location]] = {}
        for location in self._locations.values():
            found.setdefault(fold(location.name.strip()), []).append(location)
        return found

    def _ask_people(self, plans: Sequence[Plan]) -> None:
        """What provisioning/people.py forbids: it is asked about all rows that are well by themselves."""
        self._ask_addresses([plan for plan in plans if plan.is_new])
        new = [plan for plan in plans if plan.is_new and not plan.problems]
        refusals = refusals_of_new(self.organization, [plan.wanted for plan in new], self.actor) if new else []
        _refuse_each(new, refusals)
        for plan in plans:
            if plan.user is not None and plan.wanted:
                plan.edit = plan_edit(plan.user, plan.wanted)
        edited = [plan for plan in plans if plan.edit is not None]
        _refuse_each(edited, refusals_of([plan.edit for plan in edited if plan.edit], self.actor) if edited else [])
        moved = [plan for plan in plans if plan.active is not None and plan.user is not None]
        users = [plan.user for plan in moved if plan.user is not None]
        _refuse_each(moved, refusals_to_deactivate(users, self.actor) if moved else [], "status")
        self._ask_permission(plans)

    def _ask_addresses(self, new: Sequence[Plan]) -> None:
        """An address that is not in reach may be somebody's all the same."""
        taken = emails_in_use([plan.label for plan in new]) if new else set()
        for plan in new:
            if fold(plan.label) in taken:
                sentence = _("This e-mail address belongs to an account that is not yours to change.")
                plan.refuse("email", Refusal("email_taken", sentence))

    def _ask_permission(self, plans: Sequence[Plan]) -> None:
        if self.assigns_numbers:
            return
        for plan in plans:
            if plan.renumbers:
                sentence = _("Giving users numbers is not included in your role, or in the scopes of this token.")
                plan.refuse("primary_number", Refusal("permission_denied", sentence))

    def _changes(self, plan: Plan) -> Iterator[tuple[str, str, str]]:
        """Column, before, after, in the order of the columns."""
        before = _cells_before(plan)
        after = dict(before)
        for name in ("email", "first_name", "last_name"):
            after[name] = plan.edit.values.get(name, before[name]) if plan.edit else plan.wanted.get(name, before[name])
        if "location" in plan.wanted:
            after["location"] = plan.wanted["location"].name if plan.wanted["location"] is not None else ""
        if "license" in plan.wanted:
            after["license"] = csv_users.license_words(plan.wanted["license"])
        if plan.setting is not None:
            after["texting_setting"] = plan.setting
        if plan.renumbers:
            after["primary_number"] = plan.number.e164 if plan.number is not None else ""
        if plan.active is not None:
            after["status"] = csv_users.status_words(plan.active)
        for column in COLUMNS:
            if before[column.key] != after[column.key]:
                yield column.key, before[column.key], after[column.key]


def numbers_of(users: Iterable[User]) -> dict[uuid.UUID, PhoneNumber]:
    """The primary numbers of users, by user; only which they are."""
    ids = [user.pk for user in users]
    rows = PhoneNumber.objects.filter(user_id__in=ids).only("e164", "user_id") if ids else []
    return {number.user_id: number for number in rows if number.user_id is not None}


def _key(row: Said | Plan) -> str:
    return fold(row.cells.get("email", "").strip())


def _cells_before(plan: Plan) -> dict[str, str]:
    """What an export would say of the user now; nothing of a new one."""
    if plan.user is None:
        return dict.fromkeys((column.key for column in COLUMNS), "")
    return csv_users.cells_of(plan.user, plan.has.e164 if plan.has is not None else None)


def _differing(plan: Plan) -> dict[str, str]:
    """Cells that say something else than an export would, letter by letter: what was exported changes nothing."""
    before = _cells_before(plan)
    return {key: cell for key, cell in plan.cells.items() if cell != before[key] and cell.strip()}


def _refuse_each(plans: Sequence[Plan], refusals: Sequence[Refusal | None], column: str = "") -> None:
    for plan, refusal in zip(plans, refusals, strict=True):
        if refusal is not None:
            plan.refuse(column or str(refusal.extra.get("field", "")), refusal)
