"""Celery's way to tasks: one turn of one, the sweep, the broom."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from provisioning import task_engine, task_line, task_requests
from provisioning.clock import database_now
from provisioning.sweeping import Sweep


@shared_task(name=task_line.RUN_TASK)
def run_task(task_id: str, ticket: str | None = None) -> None:
    """One turn of a task."""
    task_engine.run(UUID(task_id), UUID(ticket) if ticket else None)


@shared_task(name="provisioning.resume_tasks", base=Sweep)
def resume_tasks() -> None:
    """Tasks whose wake-up or worker was lost."""
    task_line.sweep(database_now())


@shared_task(name="provisioning.remove_old_tasks")
def remove_old_tasks() -> None:
    """Tasks that ended 30 days ago, with their rows."""
    task_requests.remove_old(database_now())
