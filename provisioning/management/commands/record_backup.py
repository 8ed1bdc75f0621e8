"""Whatever makes the backups calls this at its end, so that a missing one is noticed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from provisioning import heartbeats
from provisioning.clock import database_now


class Command(BaseCommand):
    help = "Note that a backup was made just now. Without one in BACKUP_EXPECTED_HOURS an alert is raised."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        heartbeats.beat(heartbeats.BACKUP, now)
        heartbeats.watch_backups(now)
        self.stdout.write(f"Noted: backup at {now:%Y-%m-%d %H:%M} UTC.")
