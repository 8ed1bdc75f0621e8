"""Whether a number can text is for the carrier to say. This app says when it is asked; messaging asks.

`capability_due_at` is when the carrier is asked next; empty while there is nobody to ask. Celery only wakes the asking
up (by name: this app doesn't know messaging), and its schedule finds what a lost wake-up left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import KombuError

from provisioning.models import PhoneNumber

logger = structlog.get_logger(__name__)

REFRESH_TASK: Final = "messaging.refresh_capabilities"
WAKING: Final = "capabilities_waking"
FLAG_SECONDS: Final = 20
"""A flag whose task was lost holds wake-ups back no longer than this; the schedule comes every two minutes."""


def ask_again(numbers: Sequence[PhoneNumber], now: datetime) -> int:
    """Ask the carrier about these numbers in a moment; how many they are. Nothing of them changes until it answers."""
    asked = PhoneNumber.objects.owned().filter(pk__in=[number.pk for number in numbers]).update(capability_due_at=now)
    wake_refresh()
    return asked


def wake_refresh() -> None:
    """Wake a worker, once, when the current transaction commits (at once outside of one). Never raises."""
    transaction.on_commit(_send, robust=True)


def looking() -> None:
    """The worker is about to look: what is due from now on has a wake-up of its own."""
    cache.delete(WAKING)


def _send() -> None:
    if not settings.REDIS_URL or not cache.add(WAKING, "1", FLAG_SECONDS):
        return
    try:
        current_app.send_task(REFRESH_TASK, ignore_result=True, retry=False, expires=FLAG_SECONDS)
    except (KombuError, OSError) as error:
        logger.warning("refresh_not_woken", error=type(error).__name__)
