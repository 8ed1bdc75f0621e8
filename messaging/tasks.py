"""Celery's way in: thin tasks, ids at most. What they call says what it does and where its transactions are."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from celery import shared_task

from messaging import (
    capabilities,
    clock,
    health,
    lateness,
    outcomes,
    receipt_alerts,
    receipts,
    same_text,
    stopping,
    wakeups,
    watch,
)
from messaging.operations import minutes
from messaging.relay import Relay
from messaging.sweep import sweep
from provisioning import heartbeats
from provisioning.number_capability import REFRESH_TASK, looking, wake_refresh
from provisioning.sweeping import Sweep

SOON: Final = timedelta(seconds=5)
"""The sweep comes as often; what is due earlier has a wake-up of its own."""
BEATS_EVERY: Final = timedelta(seconds=15)


@lru_cache(maxsize=1)
def _relay() -> Relay:
    """The process's own relay, made in the worker that first needs it: connections stay open between tasks."""
    return Relay(call=wakeups.wake_relay, between=_between_shifts, is_stopping=stopping.is_asked)


def _between_shifts() -> None:
    """A run that goes on over the end of its shift keeps a sweep from being taken: so it takes it itself."""
    now = clock.database_now()
    _beat(now)
    sweep(now)


class _LastRun:
    """Whether this process's last run ended by an error: then it may still hold answers that nobody has written."""

    failed = False


@shared_task(name="messaging.relay_due")
def relay_due() -> None:
    """Send what is due. Clears the flag before it looks, so that what is composed from now on wakes us again."""
    wakeups.looking()
    _LastRun.failed = True
    due = _relay().run()
    _LastRun.failed = False
    if due is not None:
        delay = due - clock.database_now()
        if delay <= SOON:
            wakeups.wake_relay_in(delay)


@shared_task(name="messaging.relay_sweep", base=Sweep)
def relay_sweep() -> None:
    """Find what was left behind, and send it if there is anything to send: whatever became of its wake-up.

    After a run that failed there is something to do although nothing is due: what it had learned is not written yet,
    and is written before texts lapse whose outcome it knows.
    """
    _beat(clock.database_now())
    if _LastRun.failed:
        relay_due()
    if sweep(clock.database_now()):
        relay_due()


def _beat(now: datetime) -> None:
    """The relay's worker lives: written down four times a minute, not with every sweep."""
    last = heartbeats.last(heartbeats.RELAY)
    if last is None or abs(now - last) >= BEATS_EVERY:
        heartbeats.beat(heartbeats.RELAY, now)


@shared_task(name=REFRESH_TASK)
def refresh_capabilities() -> None:
    """Ask carriers about numbers that are due; once more when there are more of them."""
    looking()
    if capabilities.refresh(clock.database_now()):
        wake_refresh()


@shared_task(name="messaging.match_orphans")
def match_orphans() -> None:
    """Receipts whose message was not there yet."""
    receipts.match_orphans(clock.database_now())


@shared_task(name="messaging.count_outcomes")
def count_outcomes() -> None:
    """Add up what Overview draws; forget who sent the same words the day before yesterday."""
    now = clock.database_now()
    outcomes.bring_up_to_date(now)
    same_text.forget(now)


@shared_task(name="messaging.watch")
def look_for_alerts() -> None:
    """What needs a person: the relay, carriers, numbers. And how they stand, for the operators' pictures."""
    now = clock.database_now()
    watch.look(now)
    receipt_alerts.clear_old(now)
    lateness.clear_old(now)
    health.forget(now)
    minutes.note(now)
