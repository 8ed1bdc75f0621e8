"""Celery's way in: thin tasks, ids at most. What they call says what it does and where its transactions are."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from compliance import exports, retention, watch
from compliance.export_runs import run_export as make_export
from messaging import clock


@shared_task(name="compliance.purge_messages")
def purge_messages() -> None:
    """The nightly purge of every organization. A second one at the same time does no harm."""
    retention.purge()


@shared_task(name="compliance.resume_purges")
def resume_purges() -> None:
    """Purges whose worker vanished."""
    retention.resume()


@shared_task(name=exports.RUN_TASK)
def run_export(export_id: str) -> None:
    """Make one export, or go on with it."""
    make_export(UUID(export_id))


@shared_task(name="compliance.resume_exports")
def resume_exports() -> None:
    """Exports whose wake-up or worker was lost."""
    for export_id in exports.unattended(clock.database_now()):
        exports.start(export_id)


@shared_task(name="compliance.expire_exports")
def expire_exports() -> None:
    """Packages that are 30 days old, and files that nobody needs."""
    exports.expire(clock.database_now())


@shared_task(name="compliance.watch_purges")
def watch_purges() -> None:
    """Alert on late purges, and make up for a night that was missed."""
    if watch.purges(clock.database_now()):
        retention.purge()


@shared_task(name="compliance.watch_audit_log")
def watch_audit_log() -> None:
    """Walk every audit chain, alert on what is wrong."""
    watch.chains(clock.database_now())
