"""Imports of users from a file: uploaded and planned, looked at, applied or discarded, removed after 30 days.

What must never happen
- A write before somebody said Apply. Uploading plans every row and keeps the plans; csv_applying.py writes.
- Half an import that looks whole: the file is read to its end before anything is kept, and an import can be seen only
  once every row of it is planned (`ready_at`).
- The file on disk: its bytes are read in memory and let go; what is kept are rows, for 30 days or until discarded.

Where a transaction begins and ends: one for each 500 rows that are kept, and one that makes the import ready. Applying:
one, which locks the import, so that two clicks start one task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from provisioning import csv_files, task_engine
from provisioning.changes import Actor
from provisioning.csv_numbers import COLUMN as NUMBER
from provisioning.csv_numbers import digits_of, number_twice
from provisioning.csv_planning import CHUNK, Plan, Planner, Problem, Said
from provisioning.csv_users import Layout, is_known, takes_away
from provisioning.models import ImportRow, Organization, RowAction, Task, User, UserImport
from provisioning.models.choices import fold
from provisioning.models.imports import EMAIL_SHOWN
from provisioning.refusals import Refusal
from provisioning.roles import bound_since

KIND: Final = "users_csv_import"
KEPT_FOR: Final = timedelta(days=30)
LOST_AFTER: Final = timedelta(hours=1)
"""An upload that isn't ready by then was cut off."""
_BATCH: Final = 2_000


def imports_in_reach(administrator: User) -> QuerySet[UserImport]:
    """Those of the organization; of a location administrator only the own ones since being one, which were planned for
    their reach."""
    imports = UserImport.objects.filter(
        organization=administrator.organization, organization__isnull=False, ready_at__isnull=False
    )
    since = bound_since(administrator)
    return imports if since is None else imports.filter(created_by=administrator, created_at__gte=since)


def upload(
    content: bytes, administrator: User, actor: Actor, now: datetime, *, file_name: str = "", invite: bool = True,
    assigns_numbers: bool = True,
) -> UserImport:  # fmt: skip
    """Read a file and plan every row of it. Refusal: a code that begins with `file_`."""
    sheet = csv_files.read(content, is_known)
    layout = Layout.of(sheet)
    survey = _survey(sheet, layout)
    organization: Any = administrator.organization
    made = UserImport.objects.create(
        organization=organization, created_by=administrator, created_at=now, file_name=file_name[-200:], invite=invite,
        encoding=sheet.encoding, delimiter=sheet.delimiter, columns=list(layout.keys.values()),
        informative=list(layout.informative), unknown=[*layout.unknown, *survey.unnamed],
    )  # fmt: skip
    planner = Planner(administrator, organization, actor, assigns_numbers=assigns_numbers)
    try:
        counts = _keep_plans(made, planner, survey.said(sheet, layout))
    except BaseException:
        discard(made)
        raise
    made.creates, made.changes = counts[RowAction.CREATE], counts[RowAction.CHANGE]
    made.unchanged, made.errors = counts[RowAction.SAME], counts[RowAction.ERROR]
    made.ready_at = now
    made.save(update_fields=["creates", "changes", "unchanged", "errors", "ready_at"])
    return made


def apply(
    user_import: UserImport, administrator: User, *, via: str, ip: str | None, now: datetime,
    assigns_numbers: bool = True,
) -> Task:  # fmt: skip
    """Start the task that applies the import; the one that was started already, if there is one.

    Refusal: as task_engine.start().
    """
    with transaction.atomic():
        row = UserImport.objects.select_for_update(no_key=True).get(pk=user_import.pk)
        if row.task is not None:
            return row.task
        organization: Organization = row.organization
        arguments = {"import_id": str(row.pk), "assigns_numbers": assigns_numbers}
        row.task = task_engine.start(KIND, organization, administrator, arguments, via=via, ip=ip, now=now)
        row.applied_at = now
        row.save(update_fields=["task", "applied_at"])
        return row.task


def discard(user_import: UserImport) -> None:
    """Remove the import and its rows. Refusal: `import_running` while its task has not ended."""
    task = user_import.task
    if task is not None and task.unfinished:
        sentence = _("This import is being applied. Cancel its task first, or wait until it has ended.")
        raise Refusal("import_running", sentence, http_status=409)
    rows = ImportRow.objects.filter(user_import=user_import)
    while ids := list(rows.values_list("pk", flat=True)[:_BATCH]):
        ImportRow.objects.filter(pk__in=ids).delete()
    UserImport.objects.filter(pk=user_import.pk).delete()


def remove_old(now: datetime) -> int:
    """Remove imports of 30 days ago, and uploads that were cut off; how many."""
    old = UserImport.objects.filter(created_at__lte=now - KEPT_FOR)
    cut_off = UserImport.objects.filter(created_at__lte=now - LOST_AFTER, ready_at__isnull=True)
    removed = 0
    for user_import in [*old.select_related("task"), *cut_off.select_related("task")]:
        if user_import.task is None or not user_import.task.unfinished:
            discard(user_import)
            removed += 1
    return removed


def _keep_plans(user_import: UserImport, planner: Planner, said: Iterator[Said]) -> Counter[str]:
    counts: Counter[str] = Counter()
    while chunk := list(islice(said, CHUNK)):
        plans = planner.plan(chunk)
        ImportRow.objects.bulk_create([_row(user_import, plan) for plan in plans])
        counts.update(plan.action for plan in plans)
    return counts


def _row(user_import: UserImport, plan: Plan) -> ImportRow:
    return ImportRow(
        organization_id=user_import.organization_id, user_import=user_import, position=plan.position,
        action=plan.action, label=plan.label[:EMAIL_SHOWN], cells=dict(plan.cells),
        changes=[list(change) for change in plan.changes],
        problems=[[problem.column, problem.code, problem.sentence] for problem in plan.problems],
    )  # fmt: skip


@dataclass(slots=True)
class _Survey:
    """A first look at the whole file: what stands in it twice, and columns without a name that have something in them.

    Both rows of a pair are told: which of them is meant, only a person knows.
    """

    emails: dict[str, list[int]] = field(default_factory=dict)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    unnamed: list[str] = field(default_factory=list)

    def said(self, sheet: csv_files.Sheet, layout: Layout) -> Iterator[Said]:
        """The rows, with what is wrong with them in the file itself."""
        for position, row in sheet.rows():
            cells = layout.cells(row)
            yield Said(position, cells, list(self._problems(position, cells, row[layout.width :])))

    def _problems(self, position: int, cells: dict[str, str], beyond: Sequence[str]) -> Iterator[Problem]:
        if any(cell.strip() for cell in beyond):
            yield Problem.of("", _too_many_cells())
        if "email" not in cells:
            yield Problem.of(
                "email", Refusal("email_required", _("This row has no e-mail address, so it is nobody’s."))
            )
        first = _other(self.emails.get(_email_key(cells), []), position)
        if first:
            sentence = _("Row %(row)s has the same e-mail address. Delete one of the two rows.")
            yield Problem.of("email", Refusal("email_twice", sentence % {"row": first}))
        first = _other(self.numbers.get(_number_key(cells), []), position)
        if first:
            yield Problem.of(NUMBER, number_twice(first))


def _survey(sheet: csv_files.Sheet, layout: Layout) -> _Survey:
    """Reads the file to its end: what is wrong with it is refused here."""
    survey = _Survey()
    nameless = {index for index, name in enumerate(sheet.header) if not name}
    filled: set[int] = set()
    for position, row in sheet.rows():
        cells = layout.cells(row)
        for found, key in ((survey.emails, _email_key(cells)), (survey.numbers, _number_key(cells))):
            if key:
                found.setdefault(key, []).append(position)
        filled |= {index for index in nameless - filled if index < len(row) and row[index].strip()}
    survey.unnamed = [csv_files.unread(sheet, index) for index in sorted(filled)]
    survey.emails, survey.numbers = _repeated(survey.emails), _repeated(survey.numbers)
    return survey


def _repeated(found: dict[str, list[int]]) -> dict[str, list[int]]:
    return {key: positions for key, positions in found.items() if len(positions) > 1}


def _other(positions: Iterable[int], position: int) -> int | None:
    return next((other for other in positions if other != position), None)


def _email_key(cells: dict[str, str]) -> str:
    return fold(cells.get("email", "").strip())


def _number_key(cells: dict[str, str]) -> str:
    cell = cells.get(NUMBER, "")
    return "" if takes_away(cell) else digits_of(cell)


def _too_many_cells() -> Refusal:
    sentence = _(
        "This row has more cells than there are columns. Put quotation marks around a cell with a separator in it."
    )
    return Refusal("too_many_cells", sentence)
