"""Users as a CSV file: one pass over the database, some hundred rows in memory, ready to be edited and imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from provisioning import csv_cells, csv_users
from provisioning.changes import Actor, record_target
from provisioning.eligibility import KnownRoot
from provisioning.enablement import Source
from provisioning.models import Location, User
from provisioning.user_filters import NAMES, NO_LOCATION
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


def record_export(root: KnownRoot, query: Mapping[str, Any], actor: Actor) -> None:
    """Names, addresses and numbers leave the house: who took them, and by which filter, is in the audit log."""
    filtered = {name: str(query[name]) for name in NAMES if query.get(name)}
    if filtered.get("location", NO_LOCATION) != NO_LOCATION:
        named = Location.objects.filter(organization=root.organization, pk=filtered["location"]).first()
        filtered["location"] = named.name if named is not None else filtered["location"]
    with transaction.atomic():
        record_target("users.exported", actor, root.organization, organization_id=root.organization.pk, after=filtered)


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
