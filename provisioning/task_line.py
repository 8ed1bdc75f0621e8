"""The line that tasks stand in: who is let in next, how a worker is woken, what the sweep hands on.

A task that runs is either leased by a worker or on its way to one: then its lease token is the ticket that the wake-up
carries, and whoever brings the ticket may take it at once. So each running task has one place in the queue, and turns
go round. When a ticket or a worker is lost, the lease runs out, and the sweep gives the task a new ticket.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from celery import current_app
from django.db import transaction
from django.db.models import Exists, OuterRef

from provisioning.models import Organization, Task, TaskState

RUN_TASK: Final = "provisioning.run_task"
AT_ONCE: Final = 2
"""Tasks of one organization that run at the same time."""
LEASE: Final = timedelta(seconds=30)
"""Renewed with every step. A step that takes longer is safe: it holds the row."""
WAITS: Final = timedelta(seconds=60)
"""How long a ticket waits in the queue before another is given out."""


def let_in_for(task_id: uuid.UUID, now: datetime) -> uuid.UUID | None:
    """If this task waits in line, let in whoever is next in its organization; the ticket if that is this very task."""
    waiting = Task.objects.filter(pk=task_id, state=TaskState.WAITING)
    organization_id = waiting.values_list("organization_id", flat=True).first()
    if organization_id is None:
        return None
    tickets = let_in(organization_id, now)
    own = tickets.pop(task_id, None)
    wake_all(tickets)
    return own


def let_in(organization_id: uuid.UUID, now: datetime) -> dict[uuid.UUID, uuid.UUID]:
    """Start as many waiting tasks as there is room for; their ids and tickets.

    Locks the organization's row: two workers that count at once would let in too many.
    """
    tickets = {}
    with transaction.atomic():
        Organization.objects.select_for_update(no_key=True).only("pk").get(pk=organization_id)
        ours = Task.objects.filter(organization_id=organization_id)
        for _place in range(AT_ONCE - ours.filter(state=TaskState.RUNNING).count()):
            task_id = _next(organization_id)
            if task_id is None:
                break
            tickets[task_id] = uuid.uuid4()
            ours.filter(pk=task_id, state=TaskState.WAITING).update(
                state=TaskState.RUNNING, started_at=now, lease_token=tickets[task_id], leased_until=now + WAITS
            )
    return tickets


def _next(organization_id: uuid.UUID) -> uuid.UUID | None:
    """The oldest of those who have nothing running; else the oldest."""
    ours = Task.objects.filter(organization_id=organization_id)
    running = ours.filter(state=TaskState.RUNNING, requested_by=OuterRef("requested_by"))
    waiting = ours.filter(state=TaskState.WAITING).order_by(Exists(running), "pk")
    return waiting.values_list("pk", flat=True).first()


def next_in_line(organization_id: uuid.UUID, now: datetime) -> None:
    """A place is free once this transaction commits: give it to who is next. What goes wrong, the sweep makes good."""
    transaction.on_commit(lambda: wake_all(let_in(organization_id, now)), robust=True)


def hand_on(task: Task, now: datetime) -> None:
    """The end of a turn: to the end of the queue. Nothing when the task is no longer ours."""
    ticket = uuid.uuid4()
    mine = Task.objects.filter(pk=task.pk, lease_token=task.lease_token, state=TaskState.RUNNING)
    if mine.update(lease_token=ticket, leased_until=now + WAITS, attempts=0):
        wake(task.pk, ticket)


def sweep(now: datetime) -> int:
    """Give tickets to tasks whose own, or whose worker, was lost, and let in who can be; how many were woken."""
    tickets = {}
    lapsed = Task.objects.filter(state=TaskState.RUNNING, leased_until__lte=now)
    for task_id in list(lapsed.order_by("leased_until").values_list("pk", flat=True)):
        ticket = uuid.uuid4()
        if lapsed.filter(pk=task_id).update(lease_token=ticket, leased_until=now + WAITS):
            tickets[task_id] = ticket
    waiting = Task.objects.filter(state=TaskState.WAITING).order_by()
    for organization_id in waiting.values_list("organization_id", flat=True).distinct():
        tickets |= let_in(organization_id, now)
    wake_all(tickets)
    return len(tickets)


def wake_all(tickets: dict[uuid.UUID, uuid.UUID]) -> None:
    for task_id, ticket in tickets.items():
        wake(task_id, ticket)


def wake(task_id: uuid.UUID, ticket: uuid.UUID | None = None) -> None:
    """Wake a worker once the current transaction commits (at once outside of one). Never raises."""
    names = [str(task_id)] if ticket is None else [str(task_id), str(ticket)]
    transaction.on_commit(lambda: _send(names), robust=True)


def _send(names: list[str]) -> None:
    # A wake-up that waited too long is replaced by the sweep's: they never pile up behind a busy worker.
    expires = WAITS.total_seconds()
    current_app.send_task(RUN_TASK, args=names, ignore_result=True, retry=False, expires=expires)
