"""The API of people's primary numbers."""

from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.api.numbers import answers_of
from provisioning.models import PhoneNumber, User
from provisioning.number_assignment import assign_primary, release_primary
from provisioning.roles import Permission
from provisioning.scoping import numbers_in_reach, users_in_reach
from provisioning.serializers import numbers as serializers


class PrimaryNumber(APIView):
    """The number that a person texts from. Whoever has it next starts with an empty inbox."""

    access = {
        "GET": (Permission.VIEW_USERS, Permission.VIEW_NUMBERS),
        "PUT": (Permission.ASSIGN_NUMBERS,),
        "DELETE": (Permission.ASSIGN_NUMBERS,),
    }
    scopes = {"GET": "numbers:read", "PUT": "numbers:write", "DELETE": "numbers:write"}

    @extend_schema(operation_id="primary_number", responses=serializers.PrimaryNumberAnswer)
    def get(self, request: Request, person_id: uuid.UUID) -> Response:
        return _answer(request, _person(request, person_id))

    @extend_schema(
        operation_id="assign_primary_number", request=serializers.PrimaryNumberChange,
        responses=serializers.PrimaryNumberAnswer,
        description="The number that the person has now becomes free.",
    )  # fmt: skip
    def put(self, request: Request, person_id: uuid.UUID) -> Response:
        person = _person(request, person_id)
        asked = body_of(serializers.PrimaryNumberChange, request)
        number = get_object_or_404(numbers_in_reach(member_of(request)), pk=asked["number_id"])
        assign_primary(person, number, actor_of(request), timezone.now())
        return _answer(request, person)

    @extend_schema(operation_id="release_primary_number", responses={204: None})
    def delete(self, request: Request, person_id: uuid.UUID) -> Response:
        release_primary(_person(request, person_id), actor_of(request), timezone.now())
        return Response(status=204)


def _person(request: Request, person_id: uuid.UUID) -> User:
    return get_object_or_404(users_in_reach(member_of(request)), pk=person_id)


def _answer(request: Request, person: User) -> Response:
    """A person's number is shown wherever it is: who may see the person may see it."""
    rows = PhoneNumber.objects.select_related("location", "user", "campaign").filter(user=person)
    number = rows.filter(organization=person.organization).first()
    answer = {"number": answers_of([number], member_of(request))[0] if number is not None else None}
    return Response(answer)
