"""Asking for a task, and clearing away what ended 30 days ago."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from provisioning import task_line
from provisioning.changes import Actor, record_target
from provisioning.models import Organization, Task, TaskRow, TaskState, User
from provisioning.refusals import Refusal
from provisioning.task_kinds import kind_of

MOST_UNFINISHED: Final = 50
"""Tasks of one organization that run or wait."""
LONGEST_KEY: Final = 255
KEPT_FOR: Final = timedelta(days=30)
BATCH: Final = 2_000
"""Rows removed in one transaction."""


def start(
    kind_code: str,
    organization: Organization,
    requested_by: User,
    arguments: Mapping[str, Any],
    *,
    via: str,
    ip: str | None,
    now: datetime,
    idempotency_key: str = "",
) -> Task:
    """Ask for a task. The same key with the same arguments gives the task that it made the first time.

    Refusal: `too_many_tasks` with 429, `idempotency_conflict` with 409, `idempotency_key_invalid` with 400.
    """
    _refuse_unusable(idempotency_key)
    digest = _digest(kind_code, arguments) if idempotency_key else ""
    made = _made_before(requested_by, idempotency_key, digest)
    if made is not None:
        return made
    task = Task(
        organization=organization, kind=kind_code, requested_by=requested_by, via=via, ip=ip,
        arguments=dict(arguments), idempotency_key=idempotency_key, request_digest=digest, created_at=now,
    )  # fmt: skip
    try:
        return _ask(task)
    except IntegrityError:
        # The same request, at the same moment: the other one's task is this one's.
        made = _made_before(requested_by, idempotency_key, digest)
        if made is None:
            raise
        return made


def _refuse_unusable(key: str) -> None:
    if len(key) > LONGEST_KEY or not key.isprintable():
        words = {"longest": LONGEST_KEY}
        sentence = _("An Idempotency-Key is at most %(longest)s printable characters. Use a UUID.") % words
        raise Refusal("idempotency_key_invalid", sentence, http_status=400)


def _digest(kind_code: str, arguments: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([kind_code, arguments], sort_keys=True).encode()).hexdigest()


def _made_before(requested_by: User, key: str, digest: str) -> Task | None:
    """What an earlier request with this key made. Refusal idempotency_conflict: it was another request."""
    made = Task.objects.filter(requested_by=requested_by, idempotency_key=key).first() if key else None
    if made is not None and made.request_digest != digest:
        sentence = _("This Idempotency-Key was used for another task. Use a new key for each task.")
        raise Refusal("idempotency_conflict", sentence, http_status=409)
    return made


@transaction.atomic
def _ask(task: Task) -> Task:
    _refuse_too_many(task.organization)
    task.summary = kind_of(task.kind).describe(task)[:300]
    task.save(force_insert=True)
    actor = Actor.of_user(task.requested_by, via=task.via, ip=task.ip)
    record_target("task.started", actor, task, organization_id=task.organization_id)
    task_line.wake(task.pk)
    return task


def _refuse_too_many(organization: Organization) -> None:
    unfinished = Task.objects.filter(organization=organization, state__in=[TaskState.WAITING, TaskState.RUNNING])
    if unfinished.count() >= MOST_UNFINISHED:
        words = {"most": MOST_UNFINISHED}
        sentence = _("%(most)s tasks of your organization run or wait already. Start this one when some have ended.")
        raise Refusal("too_many_tasks", sentence % words, http_status=429)


def remove_old(now: datetime) -> int:
    """Remove tasks that ended 30 days ago, with their rows; how many. In short transactions."""
    old = Task.objects.filter(finished_at__lte=now - KEPT_FOR)
    task_ids = list(old.values_list("pk", flat=True))
    for task_id in task_ids:
        rows = TaskRow.objects.filter(task=task_id)
        while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
            rows.filter(pk__in=ids).delete()
        old.filter(pk=task_id).delete()
    return len(task_ids)
