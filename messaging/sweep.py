"""What lost wake-ups and vanished workers leave behind, found every few seconds. Never sends, never resends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from messaging import leases, pacing, states
from messaging.models import Message, SendingNumber
from messaging.models.messages import Status

logger = structlog.get_logger(__name__)

BATCH: Final = 500
FAR_AHEAD: Final = timedelta(hours=1)
"""A number with a text to send now that means to look only after this long was told something wrong."""


def sweep(now: datetime) -> bool:
    """One round of everything; True when the relay has something to do."""
    lapsed = states.lapse(now, BATCH)
    expired = states.expire(now, BATCH)
    scheduled = states.enqueue_scheduled(now, BATCH)
    freed = free_leases(now)
    found = find_forgotten(now)
    if lapsed or expired or freed or found:
        logger.warning("relay_swept", lapsed=len(lapsed), expired=len(expired), freed=freed, forgotten=found)
    due = leases.next_due_at()
    return bool(scheduled) or (due is not None and due <= now)


def free_leases(now: datetime) -> int:
    """Texts whose worker vanished before it dispatched them: look at their numbers again. How many."""
    with transaction.atomic():
        lapsed = Message.objects.filter(states.lease_over(now), status=Status.QUEUED).order_by("leased_until")
        rows = list(lapsed.select_for_update(no_key=True, skip_locked=True).only("id", "number_id")[:BATCH])
        Message.objects.filter(pk__in=[row.pk for row in rows]).update(lease_token=None, leased_until=None)
        pacing.look_again({row.number_id for row in rows}, now)
    return len(rows)


def find_forgotten(now: datetime) -> int:
    """Numbers that have a text to send now and mean to look never, or much later: let them look. How many."""
    waiting = Message.objects.filter(leases.leasable(now), number_id=OuterRef("pk"))
    asleep = SendingNumber.objects.filter(Q(next_due_at__isnull=True) | Q(next_due_at__gt=now + FAR_AHEAD))
    forgotten = list(asleep.filter(Exists(waiting)).order_by("pk").values_list("pk", flat=True)[:BATCH])
    pacing.look_again(forgotten, now)
    return len(forgotten)
