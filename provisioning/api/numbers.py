"""The API of numbers: the same rules as the pages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from provisioning import number_inventory
from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.models import Campaign, PhoneNumber, RowOutcome, Task, User
from provisioning.number_actions import ACTIONS, campaign_named, location_named, target_of
from provisioning.number_additions import BATCH, Addition, add, source_of, unavailable
from provisioning.number_capability import ask_again
from provisioning.number_inventory import Result
from provisioning.number_lines import Entry
from provisioning.number_plans import Plan, plan
from provisioning.number_selection import NumberSelection, narrow
from provisioning.number_tasks import AddNumbers, ChangeNumbers, as_runs
from provisioning.numbers import national
from provisioning.refusals import Refusal
from provisioning.roles import Permission, administered_locations, permissions_of
from provisioning.scoping import numbers_in_reach
from provisioning.serializers import numbers as serializers
from provisioning.task_engine import start

KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Up to 255 printable characters, unique to the request: repeated, it starts no second task.",
)


class ByNumber(api_settings.DEFAULT_PAGINATION_CLASS):  # type: ignore[misc, name-defined]
    """In order of the number."""

    ordering = "e164"


class Numbers(generics.GenericAPIView[PhoneNumber]):
    """The inventory, and new numbers."""

    access = {"GET": (Permission.VIEW_NUMBERS,), "POST": (Permission.CHANGE_NUMBERS,)}
    scopes = {"GET": "numbers:read", "POST": "numbers:write"}
    pagination_class = ByNumber

    @extend_schema(
        operation_id="numbers",
        parameters=[serializers.NumbersFilter],
        responses=serializers.NumberAnswer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = serializers.NumbersFilter(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        page = self.paginate_queryset(narrow(_whole(request), asked.validated_data)) or []
        return self.get_paginated_response(answers_of(page, member_of(request)))

    @extend_schema(
        operation_id="add_numbers",
        parameters=[KEY],
        request=serializers.NumbersNew,
        responses={
            200: serializers.NumbersAdded,
            201: serializers.NumbersAdded,
            202: serializers.NumbersTask,
        },
        description="Up to 500 numbers are added at once: 201 when any was, 200 when none had to be or could be. More "
        "are a task: 202. What can’t be added is refused one by one, with a code and a sentence; the others are added.",
    )
    def post(self, request: Request) -> Response:
        asked = body_of(serializers.NumbersNew, request)
        addition = _addition(request, asked)
        typed = "\n".join(" ".join(entry.splitlines()) for entry in asked["numbers"])
        planned = plan(typed, addition.location, addition.campaign)
        if len(planned.e164s) > BATCH:
            return self._started(request, addition, planned)
        results = add(addition, planned.e164s, actor_of(request), timezone.now()) if planned.e164s else []
        listed = _listed(planned, {result.e164: result for result in results})
        added = sum(result.outcome == RowOutcome.CHANGED for result in results)
        refused = sum(one["outcome"] == RowOutcome.REFUSED for one in listed)
        answer = serializers.NumbersAdded({"added": added, "refused": refused, "results": listed})
        return Response(answer.data, status=201 if added else 200)

    def _started(self, request: Request, addition: Addition, planned: Plan) -> Response:
        arguments = {
            "location_id": str(addition.location.pk),
            "campaign_id": str(addition.campaign.pk) if addition.campaign else None,
            "source": addition.source,
            "numbers": as_runs(planned.e164s),
        }
        task = _start(request, AddNumbers.code, arguments)
        wanted = set(planned.e164s)
        return _accepted(task, [one for one in _listed(planned, {}) if one["number"] not in wanted])


class NumbersBulk(APIView):
    """One action on many numbers, as a task."""

    access = {"POST": (Permission.ASSIGN_NUMBERS,)}
    scopes = {"POST": "numbers:write"}

    @extend_schema(
        operation_id="change_numbers",
        parameters=[KEY],
        request=serializers.NumbersChange,
        responses={202: serializers.NumbersTask},
        description="`assign` and `unassign` take the permission to assign numbers, the others the one to change them.",
    )
    def post(self, request: Request) -> Response:
        asked = body_of(serializers.NumbersChange, request)
        action, member = ACTIONS[asked["action"]], member_of(request)
        if action.permission not in permissions_of(member):
            raise PermissionDenied
        named = {name: str(asked[name]) for name in ("location_id", "campaign_id") if name in asked}
        target_of(action, member, named)
        ids = [str(one) for one in asked["ids"]] if "ids" in asked else None
        values = {name: str(value) for name, value in asked.get("filter", {}).items()}
        selection = NumberSelection(values, ids)
        task = _start(request, ChangeNumbers.code, {"action": action.code, **selection.arguments, **named})
        return _accepted(task, [])


class OneNumber(APIView):
    """One number: what is known of it, changing it, deleting it from the inventory."""

    access = {
        "GET": (Permission.VIEW_NUMBERS,),
        "PATCH": (Permission.CHANGE_NUMBERS,),
        "DELETE": (Permission.CHANGE_NUMBERS,),
    }
    scopes = {"GET": "numbers:read", "PATCH": "numbers:write", "DELETE": "numbers:write"}

    @extend_schema(operation_id="number", responses=serializers.NumberAnswer)
    def get(self, request: Request, number_id: uuid.UUID) -> Response:
        return Response(_answer(request, number_id))

    @extend_schema(operation_id="change_number", request=serializers.NumberChange, responses=serializers.NumberAnswer)
    def patch(self, request: Request, number_id: uuid.UUID) -> Response:
        number = get_object_or_404(_whole(request), pk=number_id)
        asked = body_of(serializers.NumberChange, request)
        wanted: dict[str, Any] = {"active": asked["active"]} if "active" in asked else {}
        if "location_id" in asked:
            wanted["location"] = location_named(asked["location_id"], member_of(request))
        if "campaign_id" in asked:
            wanted["campaign"] = _campaign(request, asked["campaign_id"])
        number_inventory.edit(number, wanted, actor_of(request), timezone.now())
        return Response(_answer(request, number_id))

    @extend_schema(
        operation_id="delete_number", responses={204: None},
        description="It leaves the inventory and its user has none; messages, opt-outs and history stay.",
    )  # fmt: skip
    def delete(self, request: Request, number_id: uuid.UUID) -> Response:
        number = get_object_or_404(_whole(request), pk=number_id)
        [result] = number_inventory.release([number], actor_of(request), timezone.now())
        if result.refusal is not None and number.released_at is None:
            raise Refusal(result.refusal.code, result.refusal.sentence, http_status=409)
        return Response(status=204)


class NumberCapabilityRefresh(APIView):
    """Have the carrier asked whether a number can text."""

    access = {"POST": (Permission.CHANGE_NUMBERS,)}
    scopes = {"POST": "numbers:write"}

    @extend_schema(
        operation_id="refresh_number_capability", request=None, responses={202: serializers.NumberAnswer},
        description="The answer shows what is known now; look at the number again in a moment.",
    )  # fmt: skip
    def post(self, request: Request, number_id: uuid.UUID) -> Response:
        number = get_object_or_404(_whole(request), pk=number_id)
        ask_again([number], timezone.now())
        return Response(_answer(request, number_id), status=202)


def _whole(request: Request) -> QuerySet[PhoneNumber]:
    return numbers_in_reach(member_of(request)).select_related("location", "user", "campaign")


def _answer(request: Request, number_id: uuid.UUID) -> Any:
    [answer] = answers_of([get_object_or_404(_whole(request), pk=number_id)], member_of(request))
    return answer


def answers_of(numbers: Sequence[PhoneNumber], member: User) -> Any:
    """Numbers as the API shows them to this caller."""
    bound_to = administered_locations(member)
    return serializers.NumberAnswer([_values(number, bound_to) for number in numbers], many=True).data


def _values(number: PhoneNumber, bound_to: frozenset[Any] | None) -> dict[str, Any]:
    holder = number.user
    if holder is not None and bound_to is not None and holder.location_id not in bound_to:
        holder = None
    plain = (
        "id", "e164", "location", "active", "source", "capability", "capability_reason", "capability_checked_at",
        "campaign", "created_at", "released_at",
    )  # fmt: skip
    return {
        **{name: getattr(number, name) for name in plain},
        "national": national(number.e164),
        "assigned": number.user_id is not None,
        "user": {"id": holder.pk, "name": holder.display_name} if holder is not None else None,
    }


def _addition(request: Request, asked: dict[str, Any]) -> Addition:
    location = location_named(asked["location_id"], member_of(request))
    return Addition(location, asked.get("source") or source_of(location), _campaign(request, asked["campaign_id"]))


def _campaign(request: Request, campaign_id: uuid.UUID | None) -> Campaign | None:
    return campaign_named(campaign_id, member_of(request)) if campaign_id is not None else None


def _start(request: Request, kind: str, arguments: dict[str, Any]) -> Task:
    member, actor = member_of(request), actor_of(request)
    assert member.organization is not None
    key = request.headers.get("Idempotency-Key", "")
    return start(
        kind, member.organization, member, arguments, via=actor.via, ip=actor.ip, now=timezone.now(),
        idempotency_key=key,
    )  # fmt: skip


def _accepted(task: Task, results: list[dict[str, Any]]) -> Response:
    address = reverse("api:task", kwargs={"task_id": task.pk})
    answer = serializers.NumbersTask({"task": task.pk, "results": results})
    return Response(answer.data, status=202, headers={"Location": address})


def _listed(planned: Plan, done: dict[str, Result]) -> list[dict[str, Any]]:
    """Every entry of the request, in its order: the numbers it means, or why it means none."""
    return [line for entry in planned.entries for line in _of_entry(entry, planned, done)]


def _of_entry(entry: Entry, planned: Plan, done: dict[str, Result]) -> list[dict[str, Any]]:
    if entry.refusal is not None:
        outcome = RowOutcome.UNCHANGED if entry.repeated else RowOutcome.REFUSED
        return [_line(entry.typed, None, Result("", outcome, refusal=entry.refusal))]
    return [_line(entry.typed, e164, done.get(e164) or _planned(e164, planned)) for e164 in entry.e164s]


def _planned(e164: str, planned: Plan) -> Result:
    if e164 in planned.elsewhere:
        return Result(e164, RowOutcome.REFUSED, refusal=unavailable(e164))
    return Result(e164, RowOutcome.UNCHANGED)


def _line(typed: str, e164: str | None, result: Result) -> dict[str, Any]:
    return {
        "typed": typed,
        "number": e164,
        "id": result.number_id,
        "outcome": result.outcome,
        "code": result.refusal.code if result.refusal else "",
        "sentence": str(result.refusal.sentence) if result.refusal else "",
    }
