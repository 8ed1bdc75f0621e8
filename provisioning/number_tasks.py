"""Long work on numbers: adding thousands, changing all that match. Kinds of the task engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning import task_kinds
from provisioning.changes import Actor
from provisioning.models import Location, PhoneNumber, RowOutcome, Task, TaskRow
from provisioning.number_actions import ACTIONS, campaign_named, location_named, target_of
from provisioning.number_additions import Addition, add, source_of
from provisioning.number_inventory import BATCH, Result
from provisioning.number_selection import NumberSelection
from provisioning.numbers import national
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of
from provisioning.task_kinds import Step

Runs = list[list[str | int]]
"""Numbers in a row, short to write down: the first of them, and how many."""


def as_runs(e164s: Sequence[str]) -> Runs:
    """`+14155550100` to `+14155550102` as `["+14155550100", 3]`; the order is kept."""
    runs: list[tuple[str, int]] = []
    for e164 in e164s:
        if runs and len(runs[-1][0]) == len(e164) and int(e164) == int(runs[-1][0]) + runs[-1][1]:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((e164, 1))
    return [list(run) for run in runs]


def of_runs(runs: Runs) -> list[str]:
    """The numbers again."""
    return [f"+{int(first) + place}" for first, count in runs for place in range(int(count))]


class AddNumbers:
    """Add numbers to a location. Arguments: location_id, source, campaign_id or None, numbers (runs)."""

    code: str = "numbers_add"
    title: str | Promise = gettext_lazy("Add numbers")
    permission = Permission.CHANGE_NUMBERS

    def describe(self, task: Task) -> str:
        location = Location.objects.filter(pk=task.arguments["location_id"]).first()
        return _("Add numbers to %(location)s") % {"location": location}

    def total(self, task: Task) -> int:
        return sum(int(count) for _first, count in task.arguments["numbers"])

    def step(self, task: Task, cursor: dict[str, Any], actor: Actor, now: datetime) -> Step:
        begin = cursor.get("begin", 0)
        numbers = of_runs(task.arguments["numbers"])
        results = add(_addition(task), numbers[begin : begin + BATCH], actor, now)
        end = begin + BATCH
        return Step(rows_of(results, begin), {"begin": end} if end < len(numbers) else None)


def _addition(task: Task) -> Addition:
    """Refusal: the location or the campaign is gone, or out of reach by now."""
    arguments, requester = task.arguments, task.requested_by
    location = location_named(arguments["location_id"], requester)
    campaign_id = arguments.get("campaign_id")
    campaign = campaign_named(campaign_id, requester) if campaign_id else None
    return Addition(location, arguments.get("source") or source_of(location), campaign)


class ChangeNumbers:
    """One of number_actions.ACTIONS, on a selection. Arguments: action, ids or filter, location_id or campaign_id.

    Goes by number, so that each is met once, whatever the filter says of it afterwards.
    """

    code: str = "numbers_change"
    title: str | Promise = gettext_lazy("Change numbers")
    permission = Permission.ASSIGN_NUMBERS

    def describe(self, task: Task) -> str:
        return str(ACTIONS[task.arguments["action"]].title)

    def total(self, task: Task) -> int:
        return self._numbers(task).count()

    def step(self, task: Task, cursor: dict[str, Any], actor: Actor, now: datetime) -> Step:
        action = ACTIONS[task.arguments["action"]]
        if action.permission not in permissions_of(task.requested_by):
            raise Refusal("requester_not_allowed", _("Whoever asked for this no longer has the role that it takes."))
        target = target_of(action, task.requested_by, task.arguments)
        left = self._numbers(task).filter(e164__gt=cursor.get("after", ""))
        numbers = list(left.order_by("e164")[: action.batch])
        results = action.run(numbers, target, actor, now) if numbers else []
        done = cursor.get("done", 0)
        more = len(numbers) == action.batch
        following = {"after": numbers[-1].e164, "done": done + len(numbers)} if more else None
        return Step(rows_of(results, done), following)

    def _numbers(self, task: Task) -> QuerySet[PhoneNumber]:
        return NumberSelection.of_arguments(task.arguments).numbers(task.requested_by)


def rows_of(results: Sequence[Result], done: int) -> list[TaskRow]:
    """The task's rows of one step; `done` went before."""
    return [_row(place, result) for place, result in enumerate(results, start=done + 1)]


def _row(place: int, result: Result) -> TaskRow:
    label = national(result.e164)
    if result.refusal is not None:
        return task_kinds.refused(place, result.number_id, label, result.refusal)
    make = task_kinds.changed if result.outcome == RowOutcome.CHANGED else task_kinds.unchanged
    return make(place, result.number_id, label)


task_kinds.register(AddNumbers())
task_kinds.register(ChangeNumbers())
