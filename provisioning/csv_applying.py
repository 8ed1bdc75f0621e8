"""The task that applies an import: 500 rows a step, good rows written, bad rows not, each with what became of it.

What must never happen
- Something that the preview did not show. Each row is planned again on rows that are locked now; it is written only if
  it would change what the preview said, from what the preview said, or less of it because somebody else was faster.
  A row that would do anything else is refused, and says what is different.
- Half a row. A row's name, location, setting, number and status are written together or not at all: the step writes
  under a savepoint, and when a module refuses one of its rows, takes all of it back and writes the others again.

Locks, in this order: users (with all full administrators, if somebody is deactivated) by id, numbers by id, then what
the modules lock themselves, the audit log's head among it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from provisioning.changes import Actor
from provisioning.csv_imports import KIND
from provisioning.csv_planning import CHUNK, Plan, Planner, Said
from provisioning.csv_users import EDITABLE, shortened
from provisioning.models import (
    ImportRow,
    Organization,
    PhoneNumber,
    RowAction,
    Task,
    TaskRow,
    TextingSetting,
    User,
    UserImport,
)
from provisioning.number_assignment import assign_many
from provisioning.people import create_people, deactivate_people, lock_people, reactivate_people, write_edits
from provisioning.person_rows import lock_with_full_admins
from provisioning.refusals import Refusal
from provisioning.roles import Permission
from provisioning.scoping import users_in_reach
from provisioning.task_engine import Step, register
from provisioning.task_kinds import changed, refused, unchanged
from provisioning.texting import set_users_texting

Refused = dict[int, Refusal]
"""Refusals by the position of their row."""


class UsersCsvImport:
    """The kind of task. Its cursor is the position of the last row that is done."""

    code = KIND
    title: str | Promise = gettext_lazy("Import users from CSV")
    permission = Permission.CHANGE_USERS

    def describe(self, task: Task) -> str:
        user_import = _import_of(task)
        words = {"rows": f"{user_import.total:,}", "file": user_import.file_name or _("a file")}
        return ngettext("%(rows)s row of %(file)s", "%(rows)s rows of %(file)s", user_import.total) % words

    def total(self, task: Task) -> int:
        return _import_of(task).total

    def step(self, task: Task, cursor: dict[str, Any], actor: Actor, now: datetime) -> Step:
        user_import = _import_of(task)
        rows = user_import.rows.filter(position__gt=cursor.get("after", 0)).order_by("position")[:CHUNK]
        found = list(rows)
        organization: Organization = user_import.organization
        assigns_numbers = task.arguments["assigns_numbers"]
        planner = Planner(task.requested_by, organization, actor, assigns_numbers=assigns_numbers)
        results = Applying(planner, user_import.invite, actor, now).apply(found)
        return Step(results, {"after": found[-1].position} if len(found) == CHUNK else None)


register(UsersCsvImport())


def _import_of(task: Task) -> UserImport:
    """Refusal `import_gone`: it was removed meanwhile."""
    found = (
        UserImport.objects.select_related("organization")
        .filter(pk=task.arguments["import_id"], organization=task.organization_id)
        .first()
    )
    if found is None:
        raise Refusal("import_gone", _("The rows of this import were removed. Upload the file again."))
    return found


class Applying:
    """One step. Inside the engine's transaction."""

    def __init__(self, planner: Planner, invite: bool, actor: Actor, now: datetime) -> None:
        self.planner, self.invite = planner, invite
        self.actor, self.now = actor, now

    def apply(self, rows: Sequence[ImportRow]) -> list[TaskRow]:
        """What became of each row, in their order."""
        good = [row for row in rows if row.action != RowAction.ERROR]
        plans = {plan.position: plan for plan in self._plans(good)}
        refusals = {row.position: refusal for row in good if (refusal := _not_as_shown(row, plans[row.position]))}
        writing = [plan for plan in plans.values() if plan.position not in refusals and _writes(plan)]
        refusals |= self._write(writing)
        return [_result(row, plans.get(row.position), refusals.get(row.position)) for row in rows]

    def _plans(self, rows: Sequence[ImportRow]) -> list[Plan]:
        """The rows as they would do now, on users and numbers that are locked until the step is over."""
        said = [Said(row.position, row.cells) for row in rows]
        ids = [user.pk for user in self.planner.users_of(said).values()]
        locked = lock_with_full_admins(ids) if any("status" in row.cells for row in rows) else lock_people(ids)
        reach = set(users_in_reach(self.planner.administrator).filter(pk__in=ids).values_list("pk", flat=True))
        plans = self.planner.plan(said, {user.email_key: user for user in locked if user.pk in reach})
        _lock_numbers(plans)
        return plans

    def _write(self, plans: Sequence[Plan]) -> Refused:
        """Write the plans as one; those that a module refuses are left out, and the others written without them."""
        refusals: Refused = {}
        left = list(plans)
        while left:
            try:
                with transaction.atomic():
                    self._write_together(left)
            except _RowsRefusedError as error:
                refusals |= error.refusals
                left = [plan for plan in left if plan.position not in error.refusals]
            except Refusal as refusal:
                # It does not say whose it is: somebody was faster. Halves, until it is one row's.
                if len(left) == 1:
                    return refusals | {left[0].position: refusal}
                half = len(left) // 2
                return refusals | self._write(left[:half]) | self._write(left[half:])
            else:
                break
        return refusals

    def _write_together(self, plans: Sequence[Plan]) -> None:
        """Every module once. Deactivating comes first: it locks sessions and tokens, which nothing locks after the
        audit log's head. _RowsRefusedError: rows that a module refused; the caller takes everything back."""
        actor, now = self.actor, self.now
        users = {plan.position: plan.user for plan in plans if plan.user is not None}
        refusals = self._set_active(plans)
        users |= self._create([plan for plan in plans if plan.is_new])
        write_edits([plan.edit for plan in plans if plan.edit is not None], actor, now)
        for setting in TextingSetting.values:
            set_so = [plan for plan in plans if plan.setting == setting]
            to_set = [users[plan.position] for plan in set_so]
            refusals |= _answers(set_so, set_users_texting(to_set, setting, actor, now) if set_so else [])
        renumbered = [plan for plan in plans if plan.renumbers]
        pairs = [(users[plan.position], plan.number) for plan in renumbered]
        refusals |= _answers(renumbered, assign_many(pairs, actor, now))
        if refusals:
            raise _RowsRefusedError(refusals)

    def _set_active(self, plans: Sequence[Plan]) -> Refused:
        leaving = [plan for plan in plans if plan.active is False]
        coming = [plan for plan in plans if plan.active is True]
        refusals = _answers(leaving, deactivate_people(_users(leaving), self.actor, self.now) if leaving else [])
        return refusals | _answers(coming, reactivate_people(_users(coming), self.actor, self.now) if coming else [])

    def _create(self, plans: Sequence[Plan]) -> dict[int, User]:
        if not plans:
            return {}
        wanted, organization = [plan.wanted for plan in plans], self.planner.organization
        users = create_people(organization, wanted, self.actor, self.now, invite=self.invite)
        return {plan.position: user for plan, user in zip(plans, users, strict=True)}


class _RowsRefusedError(Exception):
    """Takes the savepoint back."""

    def __init__(self, refusals: Refused) -> None:
        super().__init__()
        self.refusals = refusals


def _users(plans: Sequence[Plan]) -> list[User]:
    return [plan.user for plan in plans if plan.user is not None]


def _answers(plans: Sequence[Plan], answers: Sequence[Refusal | None]) -> Refused:
    return {
        plan.position: answer for plan, answer in zip(plans, answers, strict=True) if answer is not None
    }  # fmt: skip


def _lock_numbers(plans: Sequence[Plan]) -> None:
    """What number_assignment.py will lock, before anything locks the audit log's head."""
    changing = [plan for plan in plans if plan.renumbers]
    ids = {number.pk for plan in changing for number in (plan.number, plan.has) if number is not None}
    if ids:
        rows = PhoneNumber.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
        list(rows.values_list("pk", flat=True))


def _writes(plan: Plan) -> bool:
    return plan.action in (RowAction.CREATE, RowAction.CHANGE)


def _not_as_shown(row: ImportRow, plan: Plan) -> Refusal | None:
    """Why the row may not do what it would do now: it is an error now, or not what the preview showed."""
    if plan.problems:
        return _problem(plan.problems[0].column, *_joined([astuple(problem) for problem in plan.problems]))
    if plan.user is None and row.action != RowAction.CREATE:
        sentence = _("Nobody you administer has this e-mail address any longer. Import the file again.")
        return _problem("email", "changed_meanwhile", sentence)
    if plan.user is not None and row.action == RowAction.CREATE:
        sentence = _("Somebody created this user after the preview. Import the file again to see what it changes.")
        return _problem("email", "changed_meanwhile", sentence)
    shown = {key: (before, after) for key, before, after in row.changes}
    for key, before, after in plan.changes:
        if shown.get(key) != (before, after):
            return _changed_meanwhile(key, before)
    return None


def _changed_meanwhile(key: str, now: str) -> Refusal:
    words = {"column": EDITABLE[key].name, "now": shortened(now) or _("empty")}
    sentence = _("%(column)s was changed after the preview: it is “%(now)s” now. Import the file again to decide.")
    return _problem(key, "changed_meanwhile", sentence % words)


def _problem(key: str, code: str, sentence: str) -> Refusal:
    return Refusal(code, sentence, field=key)


def _joined(problems: Sequence[Sequence[str]]) -> tuple[str, str]:
    """Code of the first, and every sentence."""
    return problems[0][1], " ".join(sentence for _column, _code, sentence in problems)


def _result(row: ImportRow, plan: Plan | None, refusal: Refusal | None) -> TaskRow:
    user_id = plan.user.pk if plan is not None and plan.user is not None else None
    if plan is None:
        refusal = _problem(row.problems[0][0], *_joined(row.problems))
    if refusal is not None:
        column = EDITABLE.get(str(refusal.extra.get("field", "")))
        return refused(row.position, user_id, row.label, refusal, column.name if column is not None else "")
    written = changed if plan is not None and _writes(plan) else unchanged
    return written(row.position, user_id, row.label)
