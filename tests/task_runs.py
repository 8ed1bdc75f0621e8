"""Running tasks in tests: turn after turn, as workers do, without a broker."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from provisioning import task_engine
from provisioning.models import Task
from tests.factories import NOW


class Clock:
    """A second a look."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def run_to_end(task: Task, clock: Callable[[], datetime] | None = None) -> Task:
    """Turns until the task is over (whichever way), each by whoever holds its ticket; the fresh row."""
    now = clock or Clock()
    for _turn in range(10_000):
        task.refresh_from_db()
        if not task.unfinished:
            return task
        task_engine.run(task.pk, ticket_of(task), now=now)
    raise AssertionError(f"{task} does not end")


def ticket_of(task: Task) -> uuid.UUID | None:
    return task.lease_token


def outcomes(task: Task) -> list[tuple[Any, ...]]:
    """(position, label, outcome, code) of each row, in order."""
    rows = task.rows.order_by("position", "id")
    return list(rows.values_list("position", "label", "outcome", "code"))
