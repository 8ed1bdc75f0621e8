"""What the page of an import shows: its rows, fifty at a time in the file's order, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from provisioning.csv_users import EDITABLE
from provisioning.models import ImportRow, RowAction, UserImport
from provisioning.numbers import display

PAGE: Final = 50
FILTERS: Final = {
    "": (),
    "writes": (RowAction.CREATE, RowAction.CHANGE),
    "new": (RowAction.CREATE,),
    "changes": (RowAction.CHANGE,),
    "same": (RowAction.SAME,),
    "errors": (RowAction.ERROR,),
}
"""What `?only=` can say. Nothing: every row."""
_PILLS: Final = {
    RowAction.CREATE: ("pill-info", _("New user")),
    RowAction.CHANGE: ("pill-ok", _("Changes")),
    RowAction.SAME: ("", _("Nothing to change")),
    RowAction.ERROR: ("pill-err", _("Error")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file. `changes` are (column, before, after), `problems` (column, sentence)."""

    position: int
    label: str
    action: str
    pill: str
    word: Any
    changes: Sequence[tuple[str, str, str]]
    problems: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Lines:
    """A page of them; `before` and `after` are the rows that the neighbouring pages end and begin at."""

    rows: Sequence[Line]
    before: int | None
    after: int | None


def only_of(asked: Mapping[str, Any]) -> str:
    """The filter that the address names; what it doesn't know filters nothing."""
    only = str(asked.get("only", ""))
    return only if only in FILTERS else ""


def narrowed(user_import: UserImport, only: str) -> QuerySet[ImportRow]:
    """The rows under one filter, in the file's order."""
    rows = user_import.rows.order_by("position")
    return rows.filter(action__in=FILTERS[only]) if FILTERS[only] else rows


def lines(user_import: UserImport, only: str, asked: Mapping[str, Any]) -> Lines:
    """One page, after or before the row that the address names. One query."""
    rows = narrowed(user_import, only)
    before, after = _position(asked, "before"), _position(asked, "after")
    if before is not None:
        found = list(rows.filter(position__lt=before).order_by("-position")[: PAGE + 1])
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return Lines([line(row) for row in found], found[0].position if more else None, _last(found))
    found = list(rows.filter(position__gt=after or 0)[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    first = found[0].position if found and after is not None else None
    return Lines([line(row) for row in found], first, _last(found) if more else None)


def _last(rows: Sequence[ImportRow]) -> int | None:
    return rows[-1].position if rows else None


def _position(asked: Mapping[str, Any], name: str) -> int | None:
    text = str(asked.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def line(row: ImportRow) -> Line:
    """A row in words."""
    pill, word = _PILLS[RowAction(row.action)]
    return Line(
        position=row.position, label=row.label, action=row.action, pill=pill, word=word,
        changes=[(EDITABLE[key].name, _shown(key, before), _shown(key, after)) for key, before, after in row.changes],
        problems=[(column_name(key), sentence) for key, _code, sentence in row.problems],
    )  # fmt: skip


def column_name(key: str) -> str:
    """A column by the name that the file has for it; empty for the row itself."""
    return EDITABLE[key].name if key in EDITABLE else ""


def _shown(key: str, value: str) -> str:
    return display(value) if key == "primary_number" and value else value
