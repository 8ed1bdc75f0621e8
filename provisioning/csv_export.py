"""Users as a CSV file: one pass over the database, some hundred rows in memory, ready to be edited and imported."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from provisioning import csv_cells, csv_users
from provisioning.eligibility import KnownRoot
from provisioning.enablement import Source
from provisioning.models import User
from provisioning.user_rows import UserRow, export_rows

FILE_NAME: Final = "users.csv"
CONTENT_TYPE: Final = "text/csv; charset=utf-8"
_PIECE: Final = 500
"""Rows sent at once: about 100 kB."""
_STATUSES: Final = {"on": "On", "off": "Off", "not_eligible": "Not eligible"}
_SOURCES: Final = {
    Source.USER.value: "Override",
    Source.LOCATION.value: "Location",
    Source.ORGANIZATION.value: "Organization",
}


def export(users: QuerySet[User], root: KnownRoot) -> Iterator[bytes]:
    """The file in pieces. `users` are people of the root's organization."""
    yield csv_cells.head(csv_users.HEADER)
    rows = export_rows(users, root)
    while piece := [map(csv_cells.safe, _cells(row)) for row in islice(rows, _PIECE)]:
        yield csv_cells.rows(piece)


def _cells(row: UserRow) -> tuple[str, ...]:
    """In the order of the header."""
    return (
        row.email,
        row.first_name,
        row.last_name,
        row.location_name or "",
        csv_users.license_words(row.license),
        row.e164 or "",
        row.texting_setting,
        csv_users.status_words(row.is_active),
        _STATUSES[row.status],
        _SOURCES[row.source],
        row.sentence if row.is_active else _("Deactivated"),
    )
