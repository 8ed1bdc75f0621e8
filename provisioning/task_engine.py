"""Tasks: long work in steps, each of them one transaction. Killed anywhere, a task goes on where it stopped.

    register(MyKind())                                   # provisioning/task_kinds.py says what a kind is
    task = start("my_kind", organization, administrator, {"setting": "off"}, via="portal", ip=None, now=now)

What must never happen
- A step twice, or not at all. A step's writes, its rows and the cursor's move are one transaction, and the move is a
  compare-and-set on the lease token: whatever kills a worker (kill -9, a lost database) undoes the whole step.
- Two workers in one task. A turn begins by taking the lease with a token of its own. Each step locks the task's row
  and looks for its token: a worker that woke up late finds another's, or an end, and writes nothing.
- Somebody's work done for somebody who may no longer. Each step reads the requester again: not active, or without the
  kind's permission, ends the task. Kinds narrow to the requester's reach as it is at that step.
- Work after Cancel. Cancelling waits for the step that is being made (it holds the row) and then stands: the next step
  finds a task that is over. What was done stays done, and its rows say what that was.
- A step that kills its worker for ever. Each turn counts an attempt at its first step, and a step made begins the count
  anew: after five attempts at one step the task fails. An error that is ours fails it at once.
- One big task in everybody's way. A turn lasts two seconds, then the task goes to the end of the queue that purge,
  exports and mail are in, too. Of one organization two tasks run at a time; the others wait, those of people who have
  none running first. On SQLite, where one writes at a time, there is a breath between two steps.
- A lost task. The row is the queue: a wake-up carries its id and a ticket, and a sweep hands on what has none.

Where a transaction begins and ends
- Asked for: one, with the audit event; the wake-up on commit. Let in: one, which locks the organization's row, so that
  two workers count the running ones one after the other. Taken, and handed on: one compare-and-set each. Each step:
  one. Failed or cancelled: one, with the audit event, like the last step.
- Locks: the task's row, then the kind's rows in the order of their ids, the audit log's head last.
"""

from __future__ import annotations

import time
import traceback
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from provisioning import task_line, task_notices
from provisioning.changes import Actor, record_target
from provisioning.clock import database_now
from provisioning.models import RowOutcome, Task, TaskRow, TaskState
from provisioning.refusals import Refusal
from provisioning.roles import permissions_of
from provisioning.task_kinds import MOST_ROWS, Kind, Step, kind_of, register, title_of
from provisioning.task_line import LEASE
from provisioning.task_requests import start

__all__ = ["Kind", "Step", "cancel", "register", "run", "start"]

logger = structlog.get_logger(__name__)

TURN: Final = 2.0
"""Seconds of steps before others have their turn."""
MOST_ATTEMPTS: Final = 5
BREATH: Final = 0.05
"""Seconds between two steps on SQLite: long enough for a waiting writer's next look."""
SYSTEM: Final = Actor.system("Tasks")

Clock = Callable[[], datetime]


class LeaseLostError(Exception):
    """Another worker has the task now, or it is over."""


def run(task_id: uuid.UUID, ticket: uuid.UUID | None = None, *, now: Clock = database_now) -> None:
    """One turn of a task. Does nothing when another worker has it, it is over, or others come first."""
    task = _take(task_id, ticket, now())
    if task is None:
        return
    ends_at = time.monotonic() + TURN
    while _advance(task, now):
        if time.monotonic() >= ends_at:
            task_line.hand_on(task, now())
            return
        if connection.vendor == "sqlite":
            time.sleep(BREATH)


def cancel(task: Task, actor: Actor, now: datetime) -> None:
    """Stop a task between two steps; what is done stays done. Refusal: it is over (task_over)."""
    with transaction.atomic():
        row = Task.objects.select_for_update(no_key=True).get(pk=task.pk)
        if not row.unfinished:
            raise Refusal("task_over", _("This task is over. Reload the page to see how it ended."), http_status=409)
        _end(row, TaskState.CANCELLED, actor, now)


def _take(task_id: uuid.UUID, ticket: uuid.UUID | None, now: datetime) -> Task | None:
    """The task with a lease of our own, if it is free to take."""
    ticket = task_line.let_in_for(task_id, now) or ticket
    free = Q(leased_until__lte=now) | Q(lease_token=ticket, lease_token__isnull=False)
    token = uuid.uuid4()
    taken = Task.objects.filter(free, pk=task_id, state=TaskState.RUNNING).update(
        lease_token=token, leased_until=now + LEASE, attempts=F("attempts") + 1
    )
    if not taken:
        return None
    task = Task.objects.get(pk=task_id)
    if task.attempts > MOST_ATTEMPTS:
        _fail(task, "gave_up", "", now)
        return None
    return task


def _advance(task: Task, now: Clock) -> bool:
    """Make one step; whether there is another. A database error leaves the task to the next worker."""
    try:
        with transaction.atomic():
            return _step(_held(task), now())
    except LeaseLostError:
        logger.info("task_lease_lost", task_id=str(task.pk))
    except DatabaseError as error:
        logger.warning("task_step_undone", task_id=str(task.pk), attempt=task.attempts, error=_named(error))
    except Refusal as refusal:
        _fail(task, refusal.code, str(refusal.sentence), now())
    except Exception as error:
        _fail_unexpectedly(task, error, now())
    return False


def _fail_unexpectedly(task: Task, error: Exception, now: datetime) -> None:
    logger.error("task_failed", task_id=str(task.pk), kind=task.kind, error=_named(error))
    _fail(task, "unexpected", "", now)


def _held(task: Task) -> Task:
    """The task's fresh row with its requester, locked. LeaseLostError: it is not ours (any longer)."""
    rows = Task.objects.select_related("organization", "requested_by__organization")
    row = (
        rows.select_for_update(no_key=True, of=("self",))
        .filter(pk=task.pk, lease_token=task.lease_token, state=TaskState.RUNNING)
        .first()
    )
    if row is None:
        raise LeaseLostError
    return row


def _step(task: Task, now: datetime) -> bool:
    kind = kind_of(task.kind)
    _refuse_unless_allowed(task, kind)
    if task.total is None:
        task.total = kind.total(task)
    actor = Actor.of_user(task.requested_by, via=task.via, ip=task.ip)
    step = kind.step(task, task.cursor, actor, now)
    _keep(task, step, now)
    if step.cursor is None:
        _end(task, TaskState.DONE, SYSTEM, now)
    return step.cursor is not None


def _refuse_unless_allowed(task: Task, kind: Kind) -> None:
    """Whoever asked is still a member, active, and has the permission. Refusal ends the task."""
    requester = task.requested_by
    if not requester.is_active or requester.organization_id != task.organization_id:
        raise Refusal("requester_inactive", _("Whoever asked for this task is deactivated. Someone else starts it."))
    if kind.permission not in permissions_of(requester):
        raise Refusal("requester_not_allowed", _("Whoever asked for this task no longer has the role that it takes."))


def _keep(task: Task, step: Step, now: datetime) -> None:
    """Write the step's rows, and move the cursor and the counts; all under the lock of the task's row."""
    if len(step.rows) > MOST_ROWS:
        raise ValueError(f"A step of {task.kind} has {len(step.rows)} rows.")
    for row in step.rows:
        row.organization_id, row.task = task.organization_id, task
    TaskRow.objects.bulk_create(step.rows)
    task.cursor = step.cursor if step.cursor is not None else task.cursor
    task.done += len(step.rows) if step.handled is None else step.handled
    task.changed += _count(step, RowOutcome.CHANGED)
    task.refused += _count(step, RowOutcome.REFUSED)
    task.leased_until, task.attempts = now + LEASE, 1
    if step.cursor is None:
        task.total = task.done
    columns = ("total", "cursor", "done", "changed", "refused", "leased_until", "attempts")
    mine = Task.objects.filter(pk=task.pk, lease_token=task.lease_token, state=TaskState.RUNNING)
    if not mine.update(**{name: getattr(task, name) for name in columns}):
        raise LeaseLostError


def _count(step: Step, outcome: str) -> int:
    return sum(row.outcome == outcome for row in step.rows)


def _fail(task: Task, code: str, sentence: str, now: datetime) -> None:
    """Say why, and keep what was done. Nothing when another worker has the task by now."""
    with transaction.atomic():
        try:
            held = _held(task)
        except LeaseLostError:
            return
        held.error_code, held.error_sentence = code[:64], sentence[:500]
        _end(held, TaskState.FAILED, SYSTEM, now)


def _end(task: Task, state: TaskState, actor: Actor, now: datetime) -> None:
    """The caller's transaction holds the row."""
    task.state, task.finished_at, task.lease_token, task.leased_until = state, now, None, None
    task.save(update_fields=["state", "finished_at", "lease_token", "leased_until", "error_code", "error_sentence"])
    after: dict[str, Any] = {"task": title_of(task.kind), "done": task.done, "changed": task.changed}
    after |= {"refused": task.refused} | ({"error_code": task.error_code} if task.error_code else {})
    action = {TaskState.DONE: "task.finished", TaskState.FAILED: "task.failed"}.get(state, "task.cancelled")
    record_target(action, actor, task, organization_id=task.organization_id, after=after)
    task_line.next_in_line(task.organization_id, now)
    transaction.on_commit(lambda: task_notices.tell(task), robust=True)


def _named(error: Exception) -> str:
    """Type and place of an error. Its own words may quote a row."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {place.filename}:{place.lineno}"
