"""Exports as the page words them: what became of one, how far it is, what to do about a failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance.models import Export, ExportState

PILLS: Final = {
    ExportState.WAITING: "",
    ExportState.RUNNING: "pill-info",
    ExportState.READY: "pill-ok",
    ExportState.FAILED: "pill-err",
    ExportState.EXPIRED: "",
}

FAILURES: Final = {
    "disk_full": gettext_lazy("The disk was full. No file was made. Free some space, then start it again."),
    "storage": gettext_lazy("The export folder could not be written to. Ask your provider, then start it again."),
    "took_too_long": gettext_lazy(
        "It was not done within 24 hours, the longest that texts are kept back for an export. "
        "Choose fewer users or a shorter time, in two exports if need be."
    ),
    "unexpected": gettext_lazy(
        "Something went wrong on our side. No file was made and no text was lost. Start it again."
    ),
}
"""What happened and what to do, by error code."""

TOO_EARLY_TO_TELL = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Card:
    """One export on the page."""

    export: Export
    pill: str
    failure: str
    percent: int
    left: str

    @property
    def moving(self) -> bool:
        """Whether the card changes by itself, and is worth asking for again."""
        return self.export.state in (ExportState.WAITING, ExportState.RUNNING)


def card(export: Export, now: datetime) -> Card:
    """How an export looks at a moment."""
    failure = FAILURES.get(export.error_code, FAILURES["unexpected"]) if export.state == ExportState.FAILED else ""
    percent = min(100, 100 * export.messages_done // export.messages_total) if export.messages_total else 0
    return Card(export, PILLS[ExportState(export.state)], str(failure), percent, _left(export, now))


def _left(export: Export, now: datetime) -> str:
    """About how long it still takes, from how long it took so far; or that its worker was lost."""
    if export.leased_until is not None and export.leased_until <= now:
        return _("goes on when a worker is free")
    if export.snapshot_at is None or not export.messages_done or now - export.snapshot_at < TOO_EARLY_TO_TELL:
        return ""
    remaining = max(0, export.messages_total - export.messages_done)
    minutes = round((now - export.snapshot_at).total_seconds() * remaining / export.messages_done / 60)
    if minutes < 1:
        return _("less than a minute left")
    return ngettext("about %(count)s minute left", "about %(count)s minutes left", minutes) % {"count": f"{minutes:,}"}
