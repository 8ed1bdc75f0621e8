"""Monitoring > Tasks: long work that was asked for, how far it is, what became of each row."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from provisioning import task_engine, task_notices, task_rows
from provisioning.changes import Actor
from provisioning.clock import database_now
from provisioning.models import Task, TaskState, User
from provisioning.refusals import Refusal
from provisioning.roles import Permission, requires
from provisioning.scoping import tasks_in_reach
from provisioning.streaming import download
from provisioning.task_kinds import may_cancel, title_of
from provisioning.task_words import card

PAGE_SIZE: Final = 30


@requires(Permission.VIEW_USERS)
@require_safe
@never_cache
def tasks(request: HttpRequest) -> HttpResponse:
    """Newest first. While one moves, the list asks for itself again. Opening it is having seen what ended."""
    person: Any = request.user
    state = request.GET.get("state", "")
    found = _tasks(request)
    if state in TaskState.values:
        found = found.filter(state=state)
    rows, newer, older = _page(found, _key(request, "older"), _key(request, "newer"))
    now, unseen = database_now(), task_notices.unseen(person.pk)
    context = {
        "cards": [(card(task, now), task.pk in unseen) for task in rows],
        "newer": newer,
        "older": older,
        "state": state,
        "states": TaskState.choices,
        "moving": any(task.unfinished for task in rows),
    }
    if not request.headers.get("HX-Request"):
        task_notices.seen(person.pk)
    return render(request, "provisioning/tasks.html", context)


@requires(Permission.VIEW_USERS)
@require_safe
@never_cache
def task(request: HttpRequest, task_id: uuid.UUID) -> HttpResponse:
    """One task: its progress, which the page asks for every two seconds until the end, and the rows it refused."""
    found = get_object_or_404(_tasks(request), pk=task_id)
    return _task_page(request, found)


@requires(Permission.VIEW_USERS)
@require_GET
@never_cache
def task_progress(request: HttpRequest, task_id: uuid.UUID) -> HttpResponse:
    """The part of the page that moves, for htmx."""
    found = get_object_or_404(_tasks(request), pk=task_id)
    return render(request, "provisioning/_task.html", _context(request, found))


@requires(Permission.CHANGE_USERS)
@require_POST
def task_cancel(request: HttpRequest, task_id: uuid.UUID) -> HttpResponse:
    """Stop it between two steps."""
    found = get_object_or_404(_tasks(request), pk=task_id)
    if not may_cancel(found, _person(request)):
        raise PermissionDenied
    try:
        task_engine.cancel(found, Actor.of_request(request), database_now())
    except Refusal as refusal:
        found.refresh_from_db()
        return _task_page(request, found, refusal)
    messages.success(request, _("The task is cancelled. What was done stays done."))
    return redirect("task", task_id=found.pk)


@requires(Permission.VIEW_USERS)
@require_safe
def task_result(request: HttpRequest, task_id: uuid.UUID) -> HttpResponseBase:
    """What became of each row so far, as CSV, streamed."""
    found = get_object_or_404(_tasks(request), pk=task_id)
    name = f"{slugify(title_of(found.kind)) or 'task'}-{found.created_at:%Y-%m-%d}-{str(found.pk)[-6:]}.csv"
    return download(request, task_rows.as_csv(found), name=name, content_type="text/csv; charset=utf-8")


def _person(request: HttpRequest) -> User:
    person: Any = request.user
    return person  # type: ignore[no-any-return]


def _tasks(request: HttpRequest) -> QuerySet[Task]:
    return tasks_in_reach(_person(request)).select_related("requested_by").defer("arguments", "cursor")


def _task_page(request: HttpRequest, found: Task, refusal: Refusal | None = None) -> HttpResponse:
    context = _context(request, found) | {"refusal": refusal}
    return render(request, "provisioning/task.html", context, status=refusal.http_status if refusal else 200)


def _context(request: HttpRequest, found: Task) -> dict[str, Any]:
    if not found.unfinished:
        task_notices.seen(_person(request).pk, found.pk)
    after = request.GET.get("after", "")
    refused, following = task_rows.page_of_refused(found, int(after) if after.isdecimal() else None)
    return {
        "card": card(found, database_now()),
        "refused": refused if found.refused else [],
        "columns": any(row.column for row in refused),
        "after": after if after.isdecimal() else "",
        "following": following,
        "can_cancel": found.unfinished and may_cancel(found, _person(request)),
    }


def _key(request: HttpRequest, name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.GET.get(name, ""))
    except ValueError:
        return None


def _page(
    found: QuerySet[Task], older: uuid.UUID | None, newer: uuid.UUID | None
) -> tuple[list[Task], uuid.UUID | None, uuid.UUID | None]:
    """Tasks behind the id `older` or in front of `newer`, newest first, and the keys of the neighbouring pages."""
    backwards = newer is not None and older is None
    if backwards:
        found = found.filter(pk__gt=newer).order_by("pk")
    else:
        found = (found.filter(pk__lt=older) if older else found).order_by("-pk")
    rows = list(found[: PAGE_SIZE + 1])
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    if backwards:
        rows.reverse()
    if not rows:
        return rows, None, None
    has_newer, has_older = (more, True) if backwards else (older is not None, more)
    return rows, rows[0].pk if has_newer else None, rows[-1].pk if has_older else None
