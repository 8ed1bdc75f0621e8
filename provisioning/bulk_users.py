"""Bulk actions on users: one kind of task an action, on a selection that is resolved while it runs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from provisioning import task_kinds
from provisioning.bulk_user_actions import ACTIONS, Action, Result, choice_of
from provisioning.bulk_user_words import described
from provisioning.changes import Actor
from provisioning.models import RowOutcome, Task, TaskRow, User
from provisioning.refusals import Refusal
from provisioning.roles import Permission
from provisioning.task_kinds import MOST_ROWS, Step
from provisioning.task_requests import start
from provisioning.user_selection import Piece, Selection

BATCH: Final = MOST_ROWS


class BulkUsers:
    """One action on a selection. Arguments: those of the selection, and `choice` where the action takes one."""

    permission = Permission.CHANGE_USERS

    def __init__(self, action: Action) -> None:
        self.action = action
        self.code = kind_of_action(action.code)
        self.title: str | Promise = action.title

    def describe(self, task: Task) -> str:
        selection = Selection.of_arguments(task.arguments)
        choice = choice_of(self.action, task.requested_by, task.arguments.get("choice"))
        return described(self.action, selection, choice)

    def total(self, task: Task) -> int:
        return Selection.of_arguments(task.arguments).count(task.requested_by)

    def step(self, task: Task, cursor: dict[str, Any], actor: Actor, now: datetime) -> Step:
        choice = choice_of(self.action, task.requested_by, task.arguments.get("choice"))
        piece = Selection.of_arguments(task.arguments).piece(task.requested_by, cursor, BATCH)
        results = self.action.apply(piece.users, choice, actor, now) if piece.users else []
        rows = _rows(results, piece, begin=cursor.get("done", 0))
        following = piece.cursor | {"done": cursor.get("done", 0) + len(rows)} if piece.cursor is not None else None
        return Step(rows, following)


def _rows(results: list[Result], piece: Piece, *, begin: int) -> list[TaskRow]:
    """In the order of the ids, those that are not there among the others."""
    found: dict[uuid.UUID, Result | None] = {result.user.pk: result for result in results}
    found |= dict.fromkeys(piece.missing)
    return [_row(place, user_id, found[user_id]) for place, user_id in enumerate(sorted(found), begin + 1)]


def _row(place: int, user_id: uuid.UUID, result: Result | None) -> TaskRow:
    if result is None:
        refusal = Refusal("unknown_user", _("There is no such user among yours (any longer)."))
        return task_kinds.refused(place, None, str(user_id), refusal)
    label = f"{result.user.display_name} <{result.user.email}>"
    if result.refusal is not None:
        return task_kinds.refused(place, user_id, label, result.refusal)
    make = task_kinds.changed if result.outcome == RowOutcome.CHANGED else task_kinds.unchanged
    return make(place, user_id, label)


def kind_of_action(code: str) -> str:
    """The kind of task that does this action: `users_move`."""
    return f"users_{code}"


def start_bulk(
    action: Action,
    selection: Selection,
    administrator: User,
    *,
    choice: Any = None,
    via: str,
    ip: str | None,
    now: datetime,
    idempotency_key: str = "",
) -> Task:
    """Ask for an action on a selection; `choice` is the id of a location, or a license.

    Refusal: `unknown_location` and `unknown_license` (422), and those of task_requests.start().
    """
    choice_of(action, administrator, choice)
    arguments: Mapping[str, Any] = selection.arguments() | ({"choice": str(choice)} if action.takes else {})
    organization: Any = administrator.organization
    return start(
        kind_of_action(action.code), organization, administrator, arguments,
        via=via, ip=ip, now=now, idempotency_key=idempotency_key,
    )  # fmt: skip


for _action in ACTIONS.values():
    task_kinds.register(BulkUsers(_action))
