"""What a task can be: each kind says what it does, how much there is, and how one step of it goes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from django.utils.functional import Promise

from provisioning.changes import Actor
from provisioning.models import RowOutcome, Task, TaskRow, User
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of

MOST_ROWS: Final = 500
"""Of one step: as many as one transaction may audit."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did. `cursor` is where the next one begins, JSON-ready; None: the task is done.

    `handled` is how many of the task's total this was, where that is not the number of rows.
    """

    rows: Sequence[TaskRow]
    cursor: dict[str, Any] | None
    handled: int | None = None


class Kind(Protocol):
    """One kind of task. Everything it needs later stands in Task.arguments, JSON-ready; it keeps no state itself.

    `step` runs inside the engine's transaction, which also holds the task's row: it locks its own rows in the order of
    their ids, writes, and records its changes last (record_many), for at most 500 rows. It is given `{}` first. A
    Refusal it raises ends the task as failed, with the code and sentence; what is wrong with one row is a TaskRow.
    `task.requested_by` is fresh, active and has `permission`: narrow to what they reach (provisioning/scoping.py).
    """

    code: str
    title: str | Promise
    permission: Permission

    def describe(self, task: Task) -> str:
        """What it does and to whom, in a line; kept when the task is made."""
        ...

    def total(self, task: Task) -> int:
        """How many rows there are, counted as the first step begins."""
        ...

    def step(self, task: Task, cursor: dict[str, Any], actor: Actor, now: datetime) -> Step:
        """The next at most 500 rows."""
        ...


_KINDS: Final[dict[str, Kind]] = {}


def register(kind: Kind) -> None:
    """Make a kind known. Its module is imported by provisioning/apps.py, so that every process knows it."""
    if _KINDS.setdefault(kind.code, kind) is not kind:
        raise ValueError(f"Two kinds of task are called {kind.code}.")


def kind_of(code: str) -> Kind:
    """LookupError: no kind has this code (any longer)."""
    return _KINDS[code]


def title_of(code: str) -> str:
    """The kind in words; its code where nobody knows it any longer."""
    kind = _KINDS.get(code)
    return str(kind.title) if kind is not None else code


def may_cancel(task: Task, person: User) -> bool:
    """Whoever may do what the task does may stop it: the tasks in reach are looked up before (scoping.py)."""
    kind = _KINDS.get(task.kind)
    return kind is None or kind.permission in permissions_of(person)


def changed(position: int, target_id: uuid.UUID | None, label: str) -> TaskRow:
    """A row that was written."""
    return _row(position, target_id, label, RowOutcome.CHANGED)


def unchanged(position: int, target_id: uuid.UUID | None, label: str) -> TaskRow:
    """A row that was so already."""
    return _row(position, target_id, label, RowOutcome.UNCHANGED)


def refused(position: int, target_id: uuid.UUID | None, label: str, refusal: Refusal, column: str = "") -> TaskRow:
    """A row that could not be done, and why; the column of a file where there is one."""
    row = _row(position, target_id, label, RowOutcome.REFUSED)
    row.code, row.sentence = refusal.code[:64], str(refusal.sentence)[:500]
    row.column = (column or str(refusal.extra.get("field", "")))[:64]
    return row


def _row(position: int, target_id: uuid.UUID | None, label: str, outcome: str) -> TaskRow:
    return TaskRow(position=position, target_id=target_id, label=label[:500], outcome=outcome)
