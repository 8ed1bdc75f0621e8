"""The rows of a task, in order and by key: the refused ones of its page, and all of them as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from provisioning import csv_cells
from provisioning.models import RowOutcome, Task, TaskRow

PAGE_SIZE: Final = 50
PIECE: Final = 500
"""Rows of the file that are read, and sent, at once."""


def page_of_refused(task: Task, after: int | None) -> tuple[list[TaskRow], int | None]:
    """At most fifty refused rows behind the one with this id, and where the next page begins (None: nowhere)."""
    rows = task.rows.filter(outcome=RowOutcome.REFUSED).order_by("position", "id")
    found = list(_behind(rows, task.rows.filter(pk=after).first() if after else None)[: PAGE_SIZE + 1])
    return found[:PAGE_SIZE], found[PAGE_SIZE - 1].pk if len(found) > PAGE_SIZE else None


def as_csv(task: Task) -> Iterator[bytes]:
    """The result file: every row that was gone through so far."""
    yield csv_cells.head([_("Row"), _("Who or what"), _("Outcome"), _("Column"), _("Code"), _("Reason")])
    last: TaskRow | None = None
    while found := list(_behind(task.rows.order_by("position", "id"), last)[:PIECE]):
        last = found[-1]
        yield csv_cells.rows(_cells(row) for row in found)


def _behind(rows: QuerySet[TaskRow], last: TaskRow | None) -> QuerySet[TaskRow]:
    if last is None:
        return rows
    return rows.filter(Q(position__gt=last.position) | Q(position=last.position, pk__gt=last.pk))


def _cells(row: TaskRow) -> list[str]:
    label, column, sentence = csv_cells.safe(row.label), csv_cells.safe(row.column), csv_cells.safe(row.sentence)
    return [str(row.position), label, str(RowOutcome(row.outcome).label), column, row.code, sentence]
