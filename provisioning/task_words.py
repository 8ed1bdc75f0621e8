"""Tasks as the pages word them: how far one is, how long it still takes, how it ended, what to do about a failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from provisioning.models import Task, TaskState
from provisioning.task_kinds import title_of

PILLS: Final = {
    TaskState.WAITING: "",
    TaskState.RUNNING: "pill-info",
    TaskState.DONE: "pill-ok",
    TaskState.FAILED: "pill-err",
    TaskState.CANCELLED: "",
}
FAILURES: Final = {
    "unexpected": gettext_lazy(
        "Something went wrong on our side. What was done is kept, the rest was not touched. Start it again for that."
    ),
    "gave_up": gettext_lazy(
        "It had to stop in the middle of the same step five times. What was done is kept. Tell your provider."
    ),
}
"""By the error codes of the engine. Any other comes with its own sentence."""
TOO_EARLY_TO_TELL: Final = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Card:
    """One task on a page."""

    task: Task
    title: str
    pill: str
    percent: int
    left: str
    failure: str
    unchanged: int
    lasted: str

    @property
    def moving(self) -> bool:
        """Whether it changes by itself, and is worth asking for again."""
        return self.task.unfinished


def card(task: Task, now: datetime) -> Card:
    """How a task looks at a moment."""
    return Card(
        task=task,
        title=title_of(task.kind),
        pill="pill-warn" if task.state == TaskState.DONE and task.refused else PILLS[TaskState(task.state)],
        percent=percent_of(task),
        left=_left(task, now),
        failure=failure_of(task),
        unchanged=unchanged_of(task),
        lasted=_lasted(task),
    )


def percent_of(task: Task) -> int:
    """0 to 100, and 100 only when it is done."""
    if task.state == TaskState.DONE:
        return 100
    return min(99, 100 * task.done // task.total) if task.total else 0


def unchanged_of(task: Task) -> int:
    """Rows that were so already."""
    return max(0, task.done - task.changed - task.refused)


def failure_of(task: Task) -> str:
    """Why it failed, and what to do; empty when it did not."""
    if task.state != TaskState.FAILED:
        return ""
    return task.error_sentence or str(FAILURES.get(task.error_code, FAILURES["unexpected"]))


def _left(task: Task, now: datetime) -> str:
    """About how long it still takes, from how long it took so far; or what it waits for."""
    if task.state != TaskState.RUNNING:
        return ""
    if task.leased_until is not None and task.leased_until <= now:
        return _("goes on when a worker is free")
    if task.started_at is None or not task.done or not task.total or now - task.started_at < TOO_EARLY_TO_TELL:
        return ""
    remaining = max(0, task.total - task.done)
    return in_words((now - task.started_at) * remaining / task.done)


def in_words(left: timedelta) -> str:
    """Seconds by tens, above a minute and a half in minutes."""
    seconds = left.total_seconds()
    if seconds < 10:
        return _("a few seconds left")
    if seconds < 90:
        tens = round(seconds / 10) * 10
        return _("about %(count)s seconds left") % {"count": tens}
    minutes = round(seconds / 60)
    return ngettext("about %(count)s minute left", "about %(count)s minutes left", minutes) % {"count": f"{minutes:,}"}


def _lasted(task: Task) -> str:
    """From its start to its end."""
    if task.started_at is None or task.finished_at is None:
        return ""
    seconds = max(1, round((task.finished_at - task.started_at).total_seconds()))
    if seconds < 90:
        return ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": seconds}
    minutes = round(seconds / 60)
    return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": f"{minutes:,}"}
