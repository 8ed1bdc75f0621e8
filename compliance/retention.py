"""The nightly purge: what was accepted or received strictly more than 400 x 24 hours ago is deleted.

What must never happen
- A held text is deleted. Each batch locks the organization's row in a statement of its own and only then asks what
  is held (compliance/holding.py); whoever begins to hold locks the same row. On Postgres the second statement sees
  everything that committed before the lock was granted. No interleaving of a batch and a hold loses a text.
- A text goes a moment too early: exactly 400 x 24 hours old stays. The cutoff is computed once, when the run is
  opened, and kept on its row; a run that is taken up again later uses the same one.
- A text that is still on its way vanishes. Scheduled, queued and sending rows are left, counted, and purged on a
  later night: the relay fails them 24 hours after they were due, so none should be there at all.
- Content survives: receipts and their raw payloads go with their message, orphaned receipts on the same clock, and
  what pointed to a deleted text points to nothing. Snippets are read through Conversation.last_message, which moves
  to the newest text that is left. SQLite overwrites what it deletes (secure_delete), and after the run a truncating
  checkpoint empties the write-ahead log.
- What outlives texts is touched: opt-outs, counters, audit events, purge runs. A conversation's row stays too (two
  numbers and a place in a list, no content): a text that arrives meanwhile always finds it.
- A run is counted twice, or nobody knows what it did. One PurgeRun an organization and night, by constraint.
- What a backup brings back is kept, as its night's run had finished by then: a restore has runs of its own, which
  count what they delete. The night's run is neither opened nor closed by them.

Where a transaction begins and ends
- One transaction a batch of 500: lock the organization, read the run, read what is held, delete, add to the run's
  counts and digest, commit. Killed anywhere, a run has counted exactly what is gone. Nothing spans two batches but
  the run's row, so any number of workers may run the same purge at once: they take turns and count into one row.
- Opening and closing are transactions of their own under the same lock. Closing counts what was kept, seals the
  certificate (compliance/certificates.py) and records `purge.run` in the audit log, whose head it locks last.
- Within a batch: organization, messages by id, conversations by id, the order of messaging/states.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Count, F, Q, QuerySet

from compliance import certificates
from compliance.deletion import delete_orphaned_receipts, delete_texts
from compliance.holding import held
from compliance.models import PurgeRun
from messaging import clock
from messaging.models import Message, Receipt
from messaging.models.messages import MessageQuerySet, Status
from provisioning.changes import Actor, Change, record, record_target
from provisioning.models import Organization

logger = structlog.get_logger(__name__)

BATCH = 500
ATTEMPTS = 3
UNFINISHED = (Status.SCHEDULED, Status.QUEUED, Status.SENDING)
STOPPED_AFTER = timedelta(minutes=10)
"""A run without a batch for so long has lost its worker."""

Result = TypeVar("Result")
Place = tuple[datetime, UUID]
"""Where a walk is: accepted_at and id of the last message looked at."""


class Forecast(NamedTuple):
    """What a purge would do now to one organization."""

    organization: Organization
    messages_deleted: int
    receipts_deleted: int
    messages_kept: int
    messages_unfinished: int


class IncompleteError(Exception):
    """Some runs stopped, the others are done. `resume` takes them up again."""


def cutoff_at(now: datetime) -> datetime:
    """Texts accepted or received strictly before this are too old."""
    return now - timedelta(hours=24 * settings.MESSAGE_RETENTION_DAYS)


def night_of(now: datetime) -> date:
    """The night a run belongs to: the UTC date."""
    return now.astimezone(UTC).date()


def purge(
    now: datetime | None = None, *, organization: Organization | None = None, actor: Actor | None = None
) -> list[PurgeRun]:
    """Run tonight's purge for one organization or for all; tonight is the UTC date of `now`.

    A run that was stopped is taken up again, a finished one is left alone: two calls at once do no harm.
    """
    now = now or clock.database_now()
    actor = actor or Actor.system("Nightly purge")
    runs = _each(partial(_purge_one, one.pk, now, actor) for one in _organizations(organization))
    if organization is None:
        _delete_ownerless_receipts(cutoff_at(now), actor)
    empty_write_ahead_log()
    return runs


def purge_restored(now: datetime, actor: Actor) -> list[PurgeRun]:
    """What is too old by now goes from a backup that was just loaded, whatever ran before it was made.

    Each call has runs of its own, one an organization: their counts are what this call deleted.
    """
    runs = _each(partial(_purge_restored_one, one.pk, now, actor) for one in _organizations(None))
    _delete_ownerless_receipts(cutoff_at(now), actor)
    empty_write_ahead_log()
    return runs


def forecast(now: datetime | None = None, *, organization: Organization | None = None) -> list[Forecast]:
    """What `purge` would do. Writes nothing."""
    now = now or clock.database_now()
    return [_forecast_one(one, now) for one in _organizations(organization)]


def resume(now: datetime | None = None) -> list[PurgeRun]:
    """Take up again every run that lost its worker."""
    now = now or clock.database_now()
    stopped = PurgeRun.objects.filter(finished_at__isnull=True, last_batch_at__lt=now - STOPPED_AFTER)
    actor = Actor.system("Nightly purge")
    runs = _each([partial(_complete, run.pk, now, actor) for run in stopped.order_by("night")])
    if runs:
        empty_write_ahead_log()
    return runs


def empty_write_ahead_log() -> None:
    """SQLite: move what was overwritten into the database file and cut the log to nothing."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (busy, _pages, _moved) = cursor.fetchone()
    if busy:
        logger.warning("write_ahead_log_in_use", effect="deleted texts stay in it until the next checkpoint")


def _organizations(organization: Organization | None) -> Iterable[Organization]:
    return [organization] if organization else Organization.objects.order_by("pk")


def _each(works: Iterable[Callable[[], PurgeRun]]) -> list[PurgeRun]:
    """One run that stops does not keep the others from theirs. Only the error's name is told: its text may quote."""
    runs, stopped = [], []
    for work in works:
        try:
            runs.append(work())
        except Exception as error:
            stopped.append(type(error).__name__)
    if stopped:
        logger.error("purge_incomplete", errors=stopped)
        raise IncompleteError(", ".join(stopped))
    return runs


def _purge_one(organization_id: UUID, now: datetime, actor: Actor) -> PurgeRun:
    """First the runs of earlier nights that were stopped, so that each certificate follows a finished one."""
    earlier = PurgeRun.objects.filter(
        organization_id=organization_id, night__lt=night_of(now), finished_at__isnull=True
    )
    for run in earlier.order_by("night"):
        _complete(run.pk, now, actor)
    return _complete(_open(organization_id, now).pk, now, actor)


def _purge_restored_one(organization_id: UUID, now: datetime, actor: Actor) -> PurgeRun:
    """A run that was stopped before the backup is taken up again once all is open, and finds nothing more."""
    with transaction.atomic():
        _lock(organization_id)
        run = PurgeRun.objects.create(
            organization_id=organization_id, night=night_of(now), after_restore=True, **_beginning(now)
        )
    return _complete(run.pk, now, actor)


def _open(organization_id: UUID, now: datetime) -> PurgeRun:
    with transaction.atomic():
        _lock(organization_id)
        run, _opened = PurgeRun.objects.get_or_create(
            organization_id=organization_id, night=night_of(now), after_restore=False, defaults=_beginning(now)
        )
    return run


def _beginning(now: datetime) -> dict[str, datetime]:
    return {"cutoff": cutoff_at(now), "started_at": now, "last_batch_at": now}


def _complete(run_id: UUID, now: datetime, actor: Actor) -> PurgeRun:
    place: Place | None = None
    while True:
        place = _persistently(partial(_delete_batch, run_id, place, now))
        if place is None:
            break
    while _persistently(partial(_delete_orphans, run_id, now)):
        pass
    return _close(run_id, now, actor)


def _persistently(work: Callable[[], Result]) -> Result:
    """A batch that lost a deadlock, or a reference made in the same instant, is tried again from its beginning."""
    for _attempt in range(ATTEMPTS - 1):
        try:
            return work()
        except (OperationalError, IntegrityError):
            continue
    return work()


def _delete_batch(run_id: UUID, place: Place | None, now: datetime) -> Place | None:
    """Delete the next texts after `place`; where this batch ended, None when it was the last."""
    with transaction.atomic():
        run = _locked_run(run_id)
        if run.finished_at:
            return None
        rows = list(
            _after(place, _deletable(run.organization_id, run.cutoff, now)).values_list("accepted_at", "pk")[:BATCH]
        )
        ids = [pk for _accepted_at, pk in rows]
        receipts = delete_texts(ids) if ids else 0
        PurgeRun.objects.filter(pk=run.pk).update(
            messages_deleted=F("messages_deleted") + len(ids),
            receipts_deleted=F("receipts_deleted") + receipts,
            running_digest=certificates.fold(run.running_digest, ids),
            last_batch_at=now,
        )
    return rows[-1] if len(rows) == BATCH else None


def _delete_orphans(run_id: UUID, now: datetime) -> int:
    """Delete the organization's next receipts that never found their message; how many."""
    with transaction.atomic():
        run = _locked_run(run_id)
        if run.finished_at:
            return 0
        deleted = delete_orphaned_receipts(run.organization_id, run.cutoff, BATCH)
        PurgeRun.objects.filter(pk=run.pk).update(receipts_deleted=F("receipts_deleted") + deleted, last_batch_at=now)
    return deleted


def _close(run_id: UUID, now: datetime, actor: Actor) -> PurgeRun:
    """Count what stays, seal the certificate, record the run."""
    with transaction.atomic():
        run = _locked_run(run_id)
        if run.finished_at:
            return run
        run.messages_kept, run.messages_unfinished = _staying(run.organization_id, run.cutoff)
        # The end of the organization's chain: runs of one night, or that were stopped, close in any order.
        finished = PurgeRun.objects.filter(organization_id=run.organization_id, finished_at__isnull=False)
        run.previous = finished.filter(next__isnull=True).order_by("-night").first()
        run.finished_at = now
        run.digest = certificates.seal(run)
        run.save()
        after = certificates.certificate(run) | {"digest": run.digest}
        record_target("purge.run", actor, run, organization_id=run.organization_id, after=after)
    logger.info("purge_run", organization_id=str(run.organization_id), messages_deleted=run.messages_deleted)
    return run


def _lock(organization_id: UUID) -> None:
    """A statement of its own: what is read after it sees every hold that committed before it."""
    Organization.objects.select_for_update(no_key=True).only("pk").get(pk=organization_id)


def _locked_run(run_id: UUID) -> PurgeRun:
    organization_id = PurgeRun.objects.values_list("organization_id", flat=True).get(pk=run_id)
    _lock(organization_id)
    return PurgeRun.objects.get(pk=run_id)


def _too_old(organization_id: UUID, cutoff: datetime) -> MessageQuerySet:
    return Message.objects.filter(organization_id=organization_id, accepted_at__lt=cutoff)


def _deletable(organization_id: UUID, cutoff: datetime, now: datetime) -> MessageQuerySet:
    return _too_old(organization_id, cutoff).exclude(status__in=UNFINISHED).exclude(held(organization_id, now))


def _after(place: Place | None, texts: QuerySet[Message]) -> QuerySet[Message]:
    """Oldest first, beyond `place`: what an earlier batch left standing is not looked at again."""
    if place is not None:
        accepted_at, pk = place
        texts = texts.filter(Q(accepted_at__gt=accepted_at) | Q(accepted_at=accepted_at, pk__gt=pk))
        texts = texts.filter(accepted_at__gte=accepted_at)
    return texts.order_by("accepted_at", "pk")


def _staying(organization_id: UUID, cutoff: datetime) -> tuple[int, int]:
    """How many too old texts stay: because they are held, and because they are still on their way."""
    counts = _too_old(organization_id, cutoff).aggregate(
        every=Count("pk"), unfinished=Count("pk", filter=Q(status__in=UNFINISHED))
    )
    return counts["every"] - counts["unfinished"], counts["unfinished"]


def _delete_ownerless_receipts(cutoff: datetime, actor: Actor) -> None:
    """Receipts that name no message of ours belong to no organization: the platform's chain has their count."""
    total = 0
    while deleted := delete_orphaned_receipts(None, cutoff, BATCH):
        total += deleted
    if total:
        after = {"cutoff": cutoff, "receipts_deleted": total}
        record(Change("purge.run", actor, None, "receipt", "", "Receipts of nobody", after=after))


def _forecast_one(organization: Organization, now: datetime) -> Forecast:
    cutoff = cutoff_at(now)
    deletable = _deletable(organization.pk, cutoff, now)
    orphans = Receipt.objects.filter(organization=organization, message__isnull=True, received_at__lt=cutoff)
    messages, unfinished = deletable.count(), _staying(organization.pk, cutoff)[1]
    return Forecast(
        organization=organization,
        messages_deleted=messages,
        receipts_deleted=Receipt.objects.filter(message__in=deletable.values("pk")).count() + orphans.count(),
        messages_kept=_too_old(organization.pk, cutoff).count() - messages - unfinished,
        messages_unfinished=unfinished,
    )
