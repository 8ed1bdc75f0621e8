"""The audit log as CSV, written while it is sent: by keyset, in constant memory, up to the moment it was asked for.

The event that says who took what is written before the first row leaves: whoever stops the download half way has
taken it all the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from compliance.audit_words import line
from compliance.models import AuditEvent
from provisioning.changes import Actor, Change, record
from provisioning.csv_cells import head, rows, safe

COLUMNS: Final = (
    "time_utc", "time", "event", "who", "email", "from", "ip", "action", "action_in_words", "object_type", "object_id",
    "object", "changes", "before", "after", "officers_only", "hash",
)  # fmt: skip
ROWS_A_PIECE: Final = 500


def record_export(organization_id: uuid.UUID, actor: Actor, criteria: dict[str, Any], *, officers: bool) -> None:
    """Who took which part of the log. An officer's file holds looks at contents, so its event is the officers' too."""
    record(
        Change(
            action="audit_log.exported",
            actor=actor,
            organization_id=organization_id,
            target_type="auditevent",
            target_id="",
            target_label="",
            after=criteria,
            content_access=officers,
        )
    )


def written(events: QuerySet[AuditEvent], zone: ZoneInfo) -> Iterator[bytes]:
    """The file in pieces, newest first."""
    yield head(COLUMNS)
    last: AuditEvent | None = None
    ordered = events.order_by("-happened_at", "-pk")
    while True:
        found = list(ordered.filter(_behind(last))[:ROWS_A_PIECE] if last else ordered[:ROWS_A_PIECE])
        if found:
            yield rows([safe(cell) for cell in _cells(event, zone)] for event in found)
        if len(found) < ROWS_A_PIECE:
            return
        last = found[-1]


def _behind(last: AuditEvent) -> Q:
    same = Q(happened_at=last.happened_at, pk__lt=last.pk)
    return Q(happened_at__lte=last.happened_at) & (Q(happened_at__lt=last.happened_at) | same)


def _cells(event: AuditEvent, zone: ZoneInfo) -> list[str]:
    said = line(event)
    return [
        event.happened_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        event.happened_at.astimezone(zone).isoformat(timespec="seconds"),
        str(event.sequence),
        said.who,
        said.address,
        said.via,
        event.ip or "",
        event.action,
        said.action,
        event.target_type,
        event.target_id,
        event.target_label,
        "\n".join(said.details),
        _json(event.before),
        _json(event.after),
        "yes" if event.content_access else "no",
        event.hash,
    ]


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True) if values else ""
