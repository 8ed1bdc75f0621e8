"""The API of tasks, and of actions on many people at once, which become tasks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from provisioning import task_engine
from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.bulk_user_actions import ACTIONS
from provisioning.bulk_users import start_bulk
from provisioning.clock import database_now
from provisioning.models import RowOutcome, Task, TaskRow, TaskState, User
from provisioning.roles import Permission
from provisioning.scoping import tasks_in_reach
from provisioning.serializers import tasks as serializers
from provisioning.task_kinds import may_cancel
from provisioning.user_selection import Selection

KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Up to 255 printable characters. The same request again answers with the task that it made the first "
    "time; the same key with another request is 409.",
)
_Pages: Any = api_settings.DEFAULT_PAGINATION_CLASS


class RowsInOrder(_Pages):  # type: ignore[misc]
    """As the result file has them."""

    ordering = ("position", "id")


class Tasks(generics.ListAPIView[Task]):
    """Tasks of the organization, newest first; of a location administrator, the own ones."""

    access = {"GET": (Permission.VIEW_USERS,)}
    scopes = {"GET": "tasks:read"}
    serializer_class = serializers.TaskAnswer

    def get_queryset(self) -> QuerySet[Task]:
        found = _tasks(self.request)
        state = _one_of(self.request, "state", TaskState.values)
        return found.filter(state=state) if state else found

    @extend_schema(operation_id="tasks", parameters=[OpenApiParameter("state", enum=TaskState.values)])
    def get(self, request: Request) -> Response:
        return self.list(request)


class OneTask(APIView):
    """How far a task is, and how it ended. Ask again every few seconds until `finished_at` is there."""

    access = {"GET": (Permission.VIEW_USERS,)}
    scopes = {"GET": "tasks:read"}

    @extend_schema(operation_id="task", responses=serializers.TaskAnswer)
    def get(self, request: Request, task_id: uuid.UUID) -> Response:
        return Response(serializers.TaskAnswer(get_object_or_404(_tasks(request), pk=task_id)).data)


class TaskRows(generics.ListAPIView[TaskRow]):
    """What became of each row, in order."""

    access = {"GET": (Permission.VIEW_USERS,)}
    scopes = {"GET": "tasks:read"}
    serializer_class = serializers.TaskRowAnswer
    pagination_class = RowsInOrder

    def get_queryset(self) -> QuerySet[TaskRow]:
        rows = get_object_or_404(_tasks(self.request), pk=self.kwargs["task_id"]).rows.all()
        outcome = _one_of(self.request, "outcome", RowOutcome.values)
        return rows.filter(outcome=outcome) if outcome else rows

    @extend_schema(operation_id="task_rows", parameters=[OpenApiParameter("outcome", enum=RowOutcome.values)])
    def get(self, request: Request, task_id: uuid.UUID) -> Response:
        return self.list(request)


class TaskCancellation(APIView):
    """Stop a task between two steps. What was done stays done."""

    access = {"POST": (Permission.CHANGE_USERS,)}
    scopes = {"POST": "tasks:write"}

    @extend_schema(operation_id="cancel_task", request=None, responses={202: serializers.TaskAnswer})
    def post(self, request: Request, task_id: uuid.UUID) -> Response:
        task = get_object_or_404(_tasks(request), pk=task_id)
        if not may_cancel(task, member_of(request)):
            raise exceptions.PermissionDenied
        task_engine.cancel(task, actor_of(request), database_now())
        return Response(serializers.TaskAnswer(_tasks(request).get(pk=task_id)).data, status=202)


class BulkPeople(APIView):
    """One action on many people: switch Business Texting, move, license, deactivate, reactivate, invite again."""

    access = {"POST": (Permission.CHANGE_USERS,)}
    scopes = {"POST": "people:write"}

    @extend_schema(
        operation_id="bulk_people",
        parameters=[KEY],
        request=serializers.BulkChange,
        responses={202: serializers.TaskAnswer},
        description="Makes a task and answers 202; Location is where to ask how far it is. People who can’t be changed "
        "are refused one by one: see the rows of the task.",
    )
    def post(self, request: Request) -> Response:
        asked = body_of(serializers.BulkChange, request)
        member, action = member_of(request), ACTIONS[asked["action"]]
        task = start_bulk(
            action, _selection(member, asked), member, choice=asked.get(action.takes) if action.takes else None,
            via="api", ip=actor_of(request).ip, now=database_now(),
            idempotency_key=request.headers.get("Idempotency-Key", ""),
        )  # fmt: skip
        address = reverse("api:task", kwargs={"task_id": task.pk})
        return Response(serializers.TaskAnswer(task).data, status=202, headers={"Location": address})


def _tasks(request: Request) -> QuerySet[Task]:
    return tasks_in_reach(member_of(request)).select_related("requested_by").defer("arguments", "cursor")


def _selection(member: User, asked: Mapping[str, Any]) -> Selection:
    if asked["all"]:
        return Selection.matching(member, asked.get("filter") or {})
    return Selection.picked(asked["people"])


def _one_of(request: Request, name: str, known: list[str]) -> str:
    """A filter of the query. 400 for a value that is not known."""
    value = request.query_params.get(name, "")
    if value and value not in known:
        raise exceptions.ValidationError({name: f"One of: {', '.join(known)}."})
    return value
