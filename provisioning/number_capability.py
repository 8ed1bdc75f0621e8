"""Whether a number can text is for the carrier to say. This app says when it is asked; messaging asks.

`capability_due_at` is when the carrier is asked next; empty while there is nobody to ask. Celery only wakes the asking
up (by name: this app doesn't know messaging), and its schedule finds what a lost wake-up left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from celery import current_app
from django.db import transaction

from provisioning.models import PhoneNumber

REFRESH_TASK: Final = "messaging.refresh_capabilities"
WAITS: Final = 120
"""Seconds that a wake-up may wait: the schedule has one of its own by then."""


def ask_again(numbers: Sequence[PhoneNumber], now: datetime) -> int:
    """Ask the carrier about these numbers in a moment; how many they are. Nothing of them changes until it answers."""
    asked = PhoneNumber.objects.owned().filter(pk__in=[number.pk for number in numbers]).update(capability_due_at=now)
    wake_refresh()
    return asked


def wake_refresh() -> None:
    """Wake a worker once the current transaction commits (at once outside of one). Never raises."""
    transaction.on_commit(_send, robust=True)


def _send() -> None:
    current_app.send_task(REFRESH_TASK, ignore_result=True, retry=False, expires=WAITS)
