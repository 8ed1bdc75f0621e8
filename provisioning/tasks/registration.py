"""Registration's tasks: handing in, asking what became of it, renewals."""

from __future__ import annotations

from celery import shared_task

from provisioning import clock
from provisioning.registration import renewals, submissions
from provisioning.sweeping import Sweep


@shared_task(name="provisioning.submit_registration")
def submit_registration(submission_id: str) -> None:
    """Hand one submission in."""
    submissions.send(submission_id)


@shared_task(name="provisioning.reconcile_registrations", base=Sweep)
def reconcile_registrations() -> None:
    """What a lost wake-up left, what has no answer; campaigns whose end has come."""
    submissions.sweep()
    renewals.expire_due(clock.database_now())


@shared_task(name="provisioning.watch_renewals")
def watch_renewals() -> None:
    """Warn of campaigns whose end is near."""
    renewals.watch(clock.database_now())
