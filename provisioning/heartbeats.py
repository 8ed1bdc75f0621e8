"""When what has to happen regularly last did: the watch over alerts, the backup, the relay's sweep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from provisioning.alerts import Cause, observe
from provisioning.models import Heartbeat, Organization

WATCH: Final = "watch"
BACKUP: Final = "backup"
RELAY: Final = "relay"
"""Beaten by the relay's own worker (messaging/tasks.py), so that one that died is seen."""
WATCH_LATE_AFTER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Watch:
    """When alerts were last looked for, and whether that is too long ago to trust what the page shows."""

    at: datetime | None
    late: bool


def beat(name: str, now: datetime) -> None:
    """It happened."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now})


def last(name: str) -> datetime | None:
    """When it last happened; None: never."""
    return Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()


def of_the_watch(now: datetime) -> Watch:
    """For the Alerts page: a watch that stands still raises nothing, so the page has to say so itself."""
    at = last(WATCH)
    return Watch(at, late=at is None or at < now - WATCH_LATE_AFTER)


def watch_backups(now: datetime) -> None:
    """Raise `backup_missing` for the provider when the last backup is older than BACKUP_EXPECTED_HOURS (0: never)."""
    hours = settings.BACKUP_EXPECTED_HOURS
    if not hours:
        return observe("backup_missing", {}, now)
    since = last(BACKUP) or Organization.objects.order_by("created_at").values_list("created_at", flat=True).first()
    late = since is not None and since < now - timedelta(hours=hours)
    causes: dict[Cause, dict[str, str]] = {(None, ""): {"since": f"{since:%Y-%m-%d %H:%M} UTC"}} if late else {}
    return observe("backup_missing", causes, now)
