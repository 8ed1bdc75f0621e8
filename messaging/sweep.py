"""What lost wake-ups and vanished workers leave behind, found every few seconds. Never sends, never resends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, transaction

from messaging import leases, pacing, states
from messaging.models import Message
from messaging.models.messages import Status
from messaging.statements import Statement

logger = structlog.get_logger(__name__)

BATCH: Final = 500

_FORGOTTEN: Final = Statement(
    """
    WITH RECURSIVE line(number_id) AS (
        SELECT (
            SELECT m.number_id FROM messaging_message m {by messages_waiting}
            WHERE (m.status = 'scheduled' OR m.status = 'queued')
            AND m.number_id > '00000000-0000-0000-0000-000000000000'
            ORDER BY m.number_id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT m.number_id FROM messaging_message m {by messages_waiting}
            WHERE (m.status = 'scheduled' OR m.status = 'queued') AND m.number_id > line.number_id
            ORDER BY m.number_id LIMIT 1
        ) FROM line WHERE line.number_id IS NOT NULL
    )
    SELECT number.number_id FROM line JOIN messaging_sendingnumber number ON number.number_id = line.number_id
    WHERE (number.next_due_at IS NULL OR number.next_due_at > %(far_ahead)s)
    AND (
        SELECT m.id FROM messaging_message m {by messages_waiting} WHERE m.number_id = number.number_id
        AND (m.status = 'scheduled' OR m.status = 'queued') AND m.status = 'queued'
        AND m.due_at <= %(now)s AND m.due_at >= %(oldest)s
        AND (m.leased_until IS NULL OR m.leased_until <= %(now)s) AND (m.retry_at IS NULL OR m.retry_at <= %(now)s)
        ORDER BY m.due_at LIMIT 1
    ) IS NOT NULL
    LIMIT %(most)s
    """,
    answers={"number_id": "uuid"},
)
"""From one number with a waiting text straight to the next one: as many steps as numbers, however long their lines.
Written as an EXISTS, Postgres would rather walk over the whole queue once.
"""


def sweep(now: datetime) -> bool:
    """One round of everything; True when the relay has something to do.

    A step that fails is told and keeps none of the others from being taken; only if the database does not answer, all
    of it waits for the next round.
    """
    lapsed = _step("lapse", lambda: len(states.lapse(now, BATCH)))
    expired = _step("expire", lambda: len(states.expire(now, BATCH)))
    scheduled = _step("enqueue_scheduled", lambda: states.enqueue_scheduled(now, BATCH))
    freed = _step("free_leases", lambda: free_leases(now))
    found = _step("find_forgotten", lambda: find_forgotten(now))
    if lapsed or expired or freed or found:
        logger.warning("relay_swept", lapsed=lapsed, expired=expired, freed=freed, forgotten=found)
    due = leases.next_due_at()
    return bool(scheduled) or (due is not None and due <= now)


def _step(name: str, take: Callable[[], int]) -> int:
    try:
        return take()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # By name only: a database's error text may quote the row.
        logger.error("sweep_step_failed", step=name, error=type(error).__name__)  # noqa: TRY400
        return 0


def free_leases(now: datetime) -> int:
    """Texts whose worker vanished before it dispatched them: look at their numbers again. How many."""
    with transaction.atomic():
        lapsed = Message.objects.filter(states.lease_over(now), status=Status.QUEUED).order_by("leased_until")
        rows = list(lapsed.select_for_update(no_key=True, skip_locked=True).only("id", "number_id")[:BATCH])
        Message.objects.filter(pk__in=[row.pk for row in rows]).update(lease_token=None, leased_until=None)
        pacing.look_again({row.number_id for row in rows}, now)
    return len(rows)


def find_forgotten(now: datetime) -> int:
    """Numbers that have a text to send now and mean to look never, or later than anybody is told: let them look. How
    many."""
    rows = _FORGOTTEN.rows(now=now, oldest=now - states.TOO_OLD_AFTER, far_ahead=now + pacing.FARTHEST, most=BATCH)
    forgotten = [number_id for (number_id,) in rows]
    pacing.look_again(forgotten, now)
    return len(forgotten)
