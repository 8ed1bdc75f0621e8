"""The life of an export: asked for, made (compliance/export_runs.py), downloaded, expired.

What must never happen
- A package leaves without a trace: the audit event of a download commits before the first byte goes out.
- Its range is purged before it is made: asking locks the organization's row, as each purge batch does
  (compliance/holding.py).
- A package outlives its 30 days: it is expired in the database first, so that nobody gets it any more, and then
  deleted; what a crash leaves in between is swept on the next round.

All export events are marked as content access: whose texts somebody looks into is for officers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from django.db.models import F, Q
from django.utils.text import slugify
from django.utils.translation import gettext as _

from compliance import packages
from compliance.holding import LONGEST_EXPORT
from compliance.models import Export, ExportState
from compliance.selection import organization_of
from provisioning.changes import Actor, record_target
from provisioning.models import Organization, User
from provisioning.refusals import Refusal

logger = structlog.get_logger(__name__)

RUN_TASK = "compliance.run_export"
KEPT_FOR = timedelta(days=30)
WITH_FILES = (ExportState.WAITING, ExportState.RUNNING, ExportState.READY)
LOST_AFTER = timedelta(minutes=1)
"""An export that has waited so long has lost its wake-up."""
WAKE_UP_LASTS = 60.0
"""Seconds."""


def request_export(
    officer: User,
    actor: Actor,
    *,
    name: str,
    users: Sequence[User] = (),
    numbers: Sequence[str] = (),
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
    now: datetime,
) -> Export:
    """Ask for the texts of these people and numbers from `begins_at` up to, not including, `ends_at`."""
    organization_id = organization_of(officer)
    with transaction.atomic():
        lock_organization(organization_id)
        export = Export.objects.create(
            organization_id=organization_id,
            requested_by=officer,
            name=name,
            numbers=sorted(set(numbers)),
            begins_at=begins_at,
            ends_at=ends_at,
            created_at=now,
            held_until=now + LONGEST_EXPORT,
        )
        export.users.set(users)
        record_export("export.requested", actor, export, after=criteria(export))
        _start(export.pk)
    return export


def start_again(export: Export, actor: Actor, *, now: datetime) -> None:
    """Make a failed export anew, as of a new snapshot. Refusal: it did not fail."""
    with transaction.atomic():
        lock_organization(export.organization_id)
        failed = Export.objects.filter(pk=export.pk, state=ExportState.FAILED)
        changed = failed.update(
            state=ExportState.WAITING,
            held_until=now + LONGEST_EXPORT,
            snapshot_at=None,
            checkpoint={},
            messages_total=0,
            messages_done=0,
            lease_token=None,
            leased_until=None,
            error_code="",
            finished_at=None,
        )
        if not changed:
            raise Refusal("export_not_failed", _("This export did not fail. Reload the page to see where it is."))
        record_export("export.started_again", actor, export, before={"error_code": export.error_code})
        _start(export.pk)


def download(export: Export, actor: Actor, *, now: datetime) -> str:
    """Record that somebody takes the package, and the name to give it. Refusal: there is none to take."""
    if not packages.package_of(export.pk).is_file():
        raise _no_package(export)
    with transaction.atomic():
        ready = Export.objects.filter(pk=export.pk, state=ExportState.READY, expires_at__gt=now)
        if not ready.update(downloads=F("downloads") + 1):
            raise _no_package(export)
        after = {"file_name": export.file_name, "sha256": export.file_sha256, "messages": export.messages_done}
        record_export("export.downloaded", actor, export, after=after)
    return export.file_name


def _no_package(export: Export) -> Refusal:
    if export.state in (ExportState.WAITING, ExportState.RUNNING):
        return Refusal(
            "export_not_ready", _("This export is not ready yet. Wait for it, then download it."), http_status=409
        )
    return Refusal("export_gone", _("This export has no files any more. Make a new one."), http_status=410)


def expire(now: datetime) -> int:
    """Expire packages that are 30 days old and delete every file that no export needs; how many expired."""
    old = Export.objects.filter(state=ExportState.READY, expires_at__lte=now)
    expired = sum(_expire(export) for export in old)
    for export_id in packages.stored():
        _delete_unneeded(export_id)
    return expired


def _delete_unneeded(export_id: UUID) -> None:
    """Under the row's lock, which whoever writes files holds too: an export may just have been started again."""
    with transaction.atomic():
        export = Export.objects.select_for_update(no_key=True).filter(pk=export_id).first()
        if export is None or export.state not in WITH_FILES:
            packages.remove(export_id)


def _expire(export: Export) -> bool:
    with transaction.atomic():
        if not Export.objects.filter(pk=export.pk, state=ExportState.READY).update(state=ExportState.EXPIRED):
            return False
        record_export("export.expired", Actor.system("Exports"), export, after={"downloads": export.downloads})
    return True


def unattended(now: datetime) -> list[UUID]:
    """Exports that nobody works on: their wake-up or their worker was lost."""
    waiting = Q(state=ExportState.WAITING, created_at__lt=now - LOST_AFTER)
    running = Q(state=ExportState.RUNNING, leased_until__lte=now)
    return list(Export.objects.filter(waiting | running).order_by("created_at").values_list("pk", flat=True))


def criteria(export: Export) -> dict[str, object]:
    """What was chosen, JSON-ready; empty lists and nulls do not narrow."""
    return {
        "name": export.name,
        "users": _addresses(export.users.order_by("email_key")),
        "numbers": export.numbers,
        "begins_at": export.begins_at and export.begins_at.isoformat(),
        "ends_at": export.ends_at and export.ends_at.isoformat(),
    }


def file_name(export: Export, made_at: datetime) -> str:
    """`glove-recall-2026-11-24.zip`."""
    return f"{slugify(export.name)[:80] or 'export'}-{made_at:%Y-%m-%d}.zip"


def _addresses(users: Iterable[User]) -> list[str]:
    return [user.email for user in users]


def lock_organization(organization_id: UUID) -> None:
    """Take turns with the purge: a statement of its own, before the export can be seen."""
    Organization.objects.select_for_update(no_key=True).only("pk").get(pk=organization_id)


def record_export(action: str, actor: Actor, export: Export, **values: dict[str, object]) -> None:
    """An audit event of an export: for officers only."""
    record_target(action, actor, export, organization_id=export.organization_id, content_access=True, **values)


def _start(export_id: UUID) -> None:
    """Wake a worker on commit. When that fails, the beat finds the export a minute later."""
    transaction.on_commit(lambda: start(export_id), robust=True)


def start(export_id: UUID) -> None:
    """Wake a worker for one export."""
    # A wake-up that waited too long is replaced by the beat's next: they never pile up behind a busy worker.
    current_app.send_task(RUN_TASK, args=[str(export_id)], ignore_result=True, retry=False, expires=WAKE_UP_LASTS)
