"""The watch over backups, and the mail that alerts send."""

from __future__ import annotations

from celery import shared_task

from provisioning import alerts, heartbeats
from provisioning.clock import database_now


@shared_task(name="provisioning.watch")
def watch() -> None:
    """Once a minute: look at backups, mail what is new, and note that somebody looked."""
    now = database_now()
    heartbeats.watch_backups(now)
    alerts.mail_new(now)
    heartbeats.beat(heartbeats.WATCH, now)
