"""Files of users for tests: written in a line, uploaded, applied."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from provisioning import csv_cells, csv_imports, csv_users
from provisioning.changes import Actor
from provisioning.models import PhoneNumber, Task, User, UserImport
from tests.factories import NOW
from tests.task_runs import run_to_end

IMPORTED = Actor.system("test")


def file_of(*rows: Sequence[str], header: Sequence[str]) -> bytes:
    """A file as a spreadsheet writes it."""
    content = io.StringIO()
    csv.writer(content).writerows([header, *rows])
    return content.getvalue().encode()


def exported(users: Iterable[User]) -> bytes:
    """The file that an export of these users would be, but for the columns that only inform."""
    numbers = {number.user_id: number.e164 for number in PhoneNumber.objects.filter(user__isnull=False)}
    rows = [csv_users.cells_of(user, numbers.get(user.pk)).values() for user in users]
    head = csv_cells.head(column.name for column in csv_users.COLUMNS)
    return head + csv_cells.rows([map(csv_cells.safe, row) for row in rows])


def uploaded(administrator: User, content: bytes, **options: Any) -> UserImport:
    administrator = User.objects.get(pk=administrator.pk)
    actor = Actor.of_user(administrator, via="portal")
    return csv_imports.upload(content, administrator, actor, NOW, **options)


def applied(administrator: User, user_import: UserImport) -> Task:
    """The task, run to its end."""
    administrator = User.objects.get(pk=administrator.pk)
    return run_to_end(csv_imports.apply(user_import, administrator, via="portal", ip=None, now=NOW))


def planned(user_import: UserImport) -> list[tuple[int, str]]:
    """(row, what it would do), in order."""
    return list(user_import.rows.order_by("position").values_list("position", "action"))


def problems(user_import: UserImport) -> list[tuple[int, str, str]]:
    """(row, column, code) of everything that is wrong."""
    rows = user_import.rows.order_by("position")
    return [(row.position, column, code) for row in rows for column, code, _sentence in row.problems]
