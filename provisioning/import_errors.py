"""The rows of an import that have errors, as a file: correct them there, and import it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from provisioning import csv_cells
from provisioning.csv_users import EDITABLE
from provisioning.import_pages import column_name, narrowed
from provisioning.models import ImportRow, UserImport

ROW, PROBLEM = "Row", "Problem"
"""Columns that the importer does not read: it reports them, as it does any other."""
_PIECE: Final = 500


def errors_file(user_import: UserImport) -> Iterator[bytes]:
    """In pieces: the columns of the file that were read, with its row and what is wrong with it."""
    keys = [key for key in EDITABLE if key in user_import.columns]
    yield csv_cells.head([ROW, *(EDITABLE[key].name for key in keys), PROBLEM])
    rows = narrowed(user_import, "errors").iterator(chunk_size=_PIECE)
    while piece := [map(csv_cells.safe, _cells(row, keys)) for row in islice(rows, _PIECE)]:
        yield csv_cells.rows(piece)


def _cells(row: ImportRow, keys: list[str]) -> list[str]:
    return [str(row.position), *(row.cells.get(key, "") for key in keys), _told(row)]


def _told(row: ImportRow) -> str:
    named = ((column_name(key), sentence) for key, _code, sentence in row.problems)
    return " ".join(f"{column}: {sentence}" if column else sentence for column, sentence in named)
