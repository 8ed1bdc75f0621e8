"""When what has to happen regularly last did: the watch over alerts, the backup, the relay's sweep.

The house also notes when it was started, before any of its processes are (texting_hub/up/prepare.py, or the command
record_start): what is to come every minute is not missing in the first one, in a fresh copy or after a night's rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q

from provisioning.alerts import Cause, observe
from provisioning.models import Heartbeat, Organization

WATCH: Final = "watch"
BACKUP: Final = "backup"
RELAY: Final = "relay"
"""Beaten by the relay's own worker (messaging/tasks.py), so that one that died is seen."""
START: Final = "start"
WATCH_LATE_AFTER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sign:
    """When something last happened, and whether that is too long ago; `awaited`: the first time since the start is to
    come, and may yet take a while."""

    at: datetime | None
    late: bool
    awaited: bool


def beat(name: str, now: datetime) -> None:
    """It happened."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now})


def last(name: str) -> datetime | None:
    """When it last happened; None: never."""
    return Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()


def sign_of(name: str, allowed: timedelta, now: datetime) -> Sign:
    """Whether it happened within the time allowed, which begins anew with each start of the house. One query."""
    times = dict(Heartbeat.objects.filter(Q(name=name) | Q(name=START)).values_list("name", "at"))
    at, latest = times.get(name), max(times.values(), default=None)
    late = latest is None or latest < now - allowed
    return Sign(at, late, awaited=not late and at != latest)


def of_the_watch(now: datetime) -> Sign:
    """For the Alerts page: a watch that stands still raises nothing, so the page has to say so itself."""
    return sign_of(WATCH, WATCH_LATE_AFTER, now)


def watch_backups(now: datetime) -> None:
    """Raise `backup_missing` for the provider when the last backup is older than BACKUP_EXPECTED_HOURS (0: never)."""
    hours = settings.BACKUP_EXPECTED_HOURS
    if not hours:
        return observe("backup_missing", {}, now)
    since = last(BACKUP) or Organization.objects.order_by("created_at").values_list("created_at", flat=True).first()
    late = since is not None and since < now - timedelta(hours=hours)
    causes: dict[Cause, dict[str, str]] = {(None, ""): {"since": f"{since:%Y-%m-%d %H:%M} UTC"}} if late else {}
    return observe("backup_missing", causes, now)
