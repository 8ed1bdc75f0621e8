"""A deployment calls this before it starts its processes, so that what they do every minute is not missed at once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from provisioning import heartbeats
from provisioning.clock import database_now


class Command(BaseCommand):
    help = "Note that the hub is being started now: its workers have some minutes until they are missed."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        heartbeats.beat(heartbeats.START, now)
        self.stdout.write(f"Noted: start at {now:%Y-%m-%d %H:%M} UTC.")
