"""Making an export: read the texts by keyset, write them batch by batch, pack them. Killed anywhere, it goes on.

What must never happen
- A package that depends on luck. The snapshot is set once, by the worker that takes the export first, and stays: only
  texts accepted by then, each as it was known then (compliance/as_of.py). A resumed export goes on behind the last
  committed batch and ends in the same bytes as one that was never stopped.
- Two workers in one file. An export is leased; every batch renews the lease by a compare-and-set and writes its bytes
  inside that transaction. Whoever lost the lease finds out before it touches a file, and whoever takes it waits until
  the other's batch is whole or undone. The zip is drafted under the lease's own name.
- A hole. The range is held against the purge until `held_until`, 24 hours after it was asked for. An export that
  takes longer fails, at the latest when it wants to be ready, instead of leaving out what was purged meanwhile. A
  text that can't be told is listed in errors.csv, never dropped silently.
- All of it in memory: 500 texts at a time, however many there are.

Where a transaction begins and ends
- Taking the lease: one compare-and-set. Each batch: one, after its reads: renew the lease, move the checkpoint, write
  the bytes, commit. Packing: none, the lease is renewed with every megabyte. Ready or failed: one, with the audit
  event; ready locks the organization first, as the purge does.
- A database error is not the export's failure: the lease runs out, and the beat has it taken up again.
"""

from __future__ import annotations

import errno
import traceback
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from compliance import exports, manifests, packages
from compliance.formats import csv, jsonl
from compliance.models import Export, ExportState
from compliance.records import COLUMNS, ERROR_COLUMNS, record_of
from compliance.selection import covered
from messaging import clock
from messaging.models import Message, Receipt
from messaging.models.messages import MessageQuerySet
from provisioning.changes import Actor

logger = structlog.get_logger(__name__)

BATCH = 500
LEASE = timedelta(minutes=1)
"""Renewed with every batch, which takes a second, and with every megabyte packed."""
FILES = CSV, JSONL, ERRORS = "messages.csv", "messages.jsonl", "errors.csv"
"""In the order of the package: a database may give a checkpoint's names back in another."""
SYSTEM = Actor.system("Exports")

Clock = Callable[[], datetime]
Place = tuple[datetime, uuid.UUID]


class LeaseLostError(Exception):
    """Another worker has the export now."""


class TookTooLongError(Exception):
    """The range is no longer held: what comes out could have holes."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the files are: where each ends, the last text in them, how many texts could not be told."""

    ends: Mapping[str, int] = field(default_factory=dict)
    after: Place | None = None
    done: int = 0
    errors: int = 0

    @classmethod
    def of(cls, export: Export) -> Checkpoint:
        kept = export.checkpoint
        if not kept:
            return cls()
        after = (datetime.fromisoformat(kept["after"][0]), uuid.UUID(kept["after"][1])) if kept["after"] else None
        return cls(kept["ends"], after, kept["done"], kept["errors"])

    def stored(self) -> dict[str, Any]:
        """JSON-ready."""
        after = [self.after[0].isoformat(), str(self.after[1])] if self.after else None
        return asdict(self) | {"after": after}


@dataclass(frozen=True, slots=True)
class Batch:
    """The bytes of up to 500 texts, by file, and where they end."""

    contents: Mapping[str, bytes]
    after: Place
    count: int
    errors: int


def run_export(export_id: uuid.UUID, *, now: Clock = clock.database_now) -> None:
    """Make an export, or go on with it. Does nothing when another worker has it or it is over."""
    export = _lease(export_id, now())
    if export is None:
        return
    failure = _attempt(export, now)
    if failure is not None:
        code = _code_of(failure)
        logger.error("export_failed", export_id=str(export_id), code=code, error=_named(failure))
        _fail(export, code, now())


def _attempt(export: Export, now: Clock) -> Exception | None:
    """What made it fail, if anything did. Database errors are raised."""
    try:
        _make(export, now)
    except LeaseLostError:
        logger.info("export_lease_lost", export_id=str(export.pk))
    except DatabaseError:
        raise
    except Exception as error:
        return error
    return None


def _named(error: Exception) -> str:
    """Type and place of an error. Its own words may quote a text."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {place.filename}:{place.lineno}"


def _code_of(error: Exception) -> str:
    """Codes of compliance/export_words.py."""
    if isinstance(error, TookTooLongError):
        return "took_too_long"
    if isinstance(error, OSError):
        return "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "storage"
    return "unexpected"


def _lease(export_id: uuid.UUID, now: datetime) -> Export | None:
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    unfinished = Q(state__in=[ExportState.WAITING, ExportState.RUNNING])
    token = uuid.uuid4()
    taken = Export.objects.filter(free, unfinished, pk=export_id).update(
        state=ExportState.RUNNING,
        snapshot_at=Coalesce("snapshot_at", Value(now)),
        lease_token=token,
        leased_until=now + LEASE,
    )
    if not taken:
        return None
    return Export.objects.select_related("organization", "requested_by").get(pk=export_id)


def _make(export: Export, now: Clock) -> None:
    texts = Message.objects.filter(covered(export), accepted_at__lte=export.snapshot_at)
    checkpoint = _begin(export, texts, now)
    for batch in _batches(export, texts, checkpoint.after):
        checkpoint = _write(export, checkpoint, batch, now())
    _finish(export, texts, checkpoint, now)


def _begin(export: Export, texts: MessageQuerySet, now: Clock) -> Checkpoint:
    """Where to go on. Files that are gone or cut off are begun anew, as of the same snapshot."""
    checkpoint = Checkpoint.of(export)
    if checkpoint.ends and packages.reach(export.pk, checkpoint.ends):
        return checkpoint
    heads = {CSV: csv.head(COLUMNS), JSONL: b"", ERRORS: csv.head(ERROR_COLUMNS)}
    _renew(export, now(), messages_total=texts.count())
    return _commit(export, Checkpoint(dict.fromkeys(heads, 0)), heads, now())


def _batches(export: Export, texts: MessageQuerySet, after: Place | None) -> Iterator[Batch]:
    """Oldest first, behind `after`."""
    while True:
        places = list(_behind(after, texts).values_list("accepted_at", "pk")[:BATCH])
        if places:
            after = places[-1]
            yield _batch(export, places)
        if len(places) < BATCH:
            return


def _behind(place: Place | None, texts: MessageQuerySet) -> MessageQuerySet:
    if place is not None:
        accepted_at, pk = place
        later = Q(accepted_at__gt=accepted_at) | Q(accepted_at=accepted_at, pk__gt=pk)
        texts = texts.filter(later, accepted_at__gte=accepted_at)
    return texts.order_by("accepted_at", "pk")


def _batch(export: Export, places: list[Place]) -> Batch:
    ids = [pk for _accepted_at, pk in places]
    messages = Message.objects.select_related("user", "carrier_account").in_bulk(ids)
    receipts: dict[uuid.UUID | None, list[Receipt]] = defaultdict(list)
    for receipt in Receipt.objects.filter(message_id__in=ids).defer("raw"):
        receipts[receipt.message_id].append(receipt)
    lines: dict[str, list[bytes]] = {name: [] for name in FILES}
    for accepted_at, pk in places:
        try:
            record = record_of(messages[pk], receipts[pk], export.snapshot_at or accepted_at)
            row, document = csv.line(record), jsonl.line(record)
        except (KeyError, ValueError) as error:
            code = "message_gone" if isinstance(error, KeyError) else "not_told"
            values = (str(pk), accepted_at.isoformat(), code)
            lines[ERRORS].append(csv.line(dict(zip(ERROR_COLUMNS, values, strict=True))))
            continue
        lines[CSV].append(row)
        lines[JSONL].append(document)
    contents = {name: b"".join(parts) for name, parts in lines.items()}
    return Batch(contents, places[-1], len(places), len(lines[ERRORS]))


def _write(export: Export, checkpoint: Checkpoint, batch: Batch, now: datetime) -> Checkpoint:
    reached = replace(
        checkpoint,
        after=batch.after,
        done=checkpoint.done + batch.count,
        errors=checkpoint.errors + batch.errors,
    )
    return _commit(export, reached, batch.contents, now)


def _commit(export: Export, reached: Checkpoint, contents: Mapping[str, bytes], now: datetime) -> Checkpoint:
    """Renew the lease, move the checkpoint behind these bytes, write them: all of it or nothing."""
    ends = {name: end + len(contents[name]) for name, end in reached.ends.items()}
    moved = replace(reached, ends=ends)
    with transaction.atomic():
        _renew(export, now, checkpoint=moved.stored(), messages_done=moved.done)
        for name, content in contents.items():
            packages.write_at(export.pk, name, reached.ends[name], content)
    return moved


def _renew(export: Export, now: datetime, **columns: Any) -> None:
    """Write to the export while we hold it. LeaseLostError: we do not."""
    if now >= export.held_until:
        raise TookTooLongError
    held = Export.objects.filter(pk=export.pk, lease_token=export.lease_token, state=ExportState.RUNNING)
    if not held.update(leased_until=now + LEASE, **columns):
        raise LeaseLostError


def _finish(export: Export, texts: MessageQuerySet, checkpoint: Checkpoint, now: Clock) -> None:
    described = {name: packages.describe(export.pk, name, checkpoint.ends[name]) for name in FILES}
    counts = {
        "messages": checkpoint.done - checkpoint.errors,
        "conversations": texts.filter(conversation__isnull=False).values("conversation").distinct().count(),
        "errors": checkpoint.errors,
    }
    manifest = manifests.manifest_of(export, counts, described)
    package = packages.pack(
        export.pk, FILES, {manifests.NAME: manifests.encoded(manifest)},
        draft=str(export.lease_token), each_piece=lambda: _renew(export, now()),
    )  # fmt: skip
    _ready(export, manifest, package, now())
    packages.remove_all_but_package(export.pk)


def _ready(export: Export, manifest: dict[str, Any], package: packages.Described, now: datetime) -> None:
    with transaction.atomic():
        exports.lock_organization(export.organization_id)
        _renew(
            export, now, state=ExportState.READY, manifest=manifest, file_name=exports.file_name(export, now),
            file_size=package.size, file_sha256=package.sha256, finished_at=now, expires_at=now + exports.KEPT_FOR,
            messages_total=manifest["counts"]["messages"] + manifest["counts"]["errors"], lease_token=None,
        )  # fmt: skip
        after = {"counts": manifest["counts"], "sha256": package.sha256, "snapshot_at": export.snapshot_at}
        exports.record_export("export.finished", SYSTEM, export, after=after)


def _fail(export: Export, code: str, now: datetime) -> None:
    """Say why, and leave no file. Nothing when another worker has the export by now."""
    with transaction.atomic():
        mine = Export.objects.filter(pk=export.pk, lease_token=export.lease_token, state=ExportState.RUNNING)
        if not mine.update(state=ExportState.FAILED, error_code=code, finished_at=now, lease_token=None):
            return
        exports.record_export("export.failed", SYSTEM, export, after={"error_code": code})
        packages.remove(export.pk)
