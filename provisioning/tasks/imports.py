"""Celery's way to imports of users: the broom."""

from __future__ import annotations

from celery import shared_task

from provisioning import csv_imports
from provisioning.clock import database_now


@shared_task(name="provisioning.remove_old_imports")
def remove_old_imports() -> None:
    """Imports of 30 days ago, with their rows, and uploads that were cut off."""
    csv_imports.remove_old(database_now())
