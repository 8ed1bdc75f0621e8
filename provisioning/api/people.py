"""The API of people: the same rules as the pages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from provisioning.account_life import awaits_activation
from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.client_version import too_old
from provisioning.eligibility import KnownRoot
from provisioning.models import Organization, User
from provisioning.people import create_person, deactivate_person, edit_person, reactivate_person
from provisioning.person_edits import unknown_location
from provisioning.roles import Permission
from provisioning.scoping import locations_in_reach, users_in_reach
from provisioning.serializers import people as serializers
from provisioning.user_filters import narrow_for_list
from provisioning.user_rows import UserRow, rows_of, user_rows


class People(generics.GenericAPIView[User]):
    """People of the organization; for a location administrator, of the named locations."""

    access = {"GET": (Permission.VIEW_USERS,), "POST": (Permission.CHANGE_USERS,)}
    scopes = {"GET": "people:read", "POST": "people:write"}

    @extend_schema(
        operation_id="people",
        parameters=[serializers.PeopleFilter],
        responses=serializers.PersonAnswer(many=True),
        description="Newest first, with the filters of the Users page. Whoever is not in reach is not found.",
    )
    def get(self, request: Request) -> Response:
        """The page's ids come from an index alone; then its rows are read."""
        asked = serializers.PeopleFilter(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        root = KnownRoot.of(organization_of(request), reasons=False)
        found, few = narrow_for_list(users_in_reach(member_of(request)), asked.validated_data, root)
        if few:
            found = User.objects.filter(pk__in=list(found.order_by().values_list("pk", flat=True)))
        page = self.paginate_queryset(found.values("id")) or []
        rows = rows_of([each["id"] for each in page], root)
        return self.get_paginated_response(serializers.PersonAnswer(map(person_values, rows), many=True).data)

    @extend_schema(
        operation_id="create_person", request=serializers.PersonNew, responses={201: serializers.OnePersonAnswer}
    )
    def post(self, request: Request) -> Response:
        asked = body_of(serializers.PersonNew, request)
        invite, organization = asked.pop("invite"), organization_of(request)
        wanted = _with_location(request, asked)
        person = create_person(organization, wanted, actor_of(request), timezone.now(), invite=invite)
        address = reverse("api:person", kwargs={"person_id": person.pk})
        return Response(_answer(request, person.pk), status=201, headers={"Location": address})


class OnePerson(APIView):
    """One person: profile, number, what comes of Business Texting, the account."""

    access = {"GET": (Permission.VIEW_USERS,), "PATCH": (Permission.CHANGE_USERS,)}
    scopes = {"GET": "people:read", "PATCH": "people:write"}

    @extend_schema(operation_id="person", responses=serializers.OnePersonAnswer)
    def get(self, request: Request, person_id: uuid.UUID) -> Response:
        return Response(_answer(request, person_id))

    @extend_schema(
        operation_id="change_person", request=serializers.PersonChange, responses=serializers.OnePersonAnswer
    )
    def patch(self, request: Request, person_id: uuid.UUID) -> Response:
        person = _person(request, person_id)
        asked = body_of(serializers.PersonChange, request)
        _change(request, person, asked.pop("active", None), _with_location(request, asked))
        return Response(_answer(request, person_id))


class PersonDeactivation(APIView):
    """Ends every session and API token at once; messages and history stay."""

    access = {"POST": (Permission.CHANGE_USERS,)}
    scopes = {"POST": "people:write"}

    @extend_schema(
        operation_id="deactivate_person", request=serializers.Deactivation, responses=serializers.OnePersonAnswer
    )
    def post(self, request: Request, person_id: uuid.UUID) -> Response:
        person = _person(request, person_id)
        asked = body_of(serializers.Deactivation, request)
        deactivate_person(person, actor_of(request), timezone.now(), release_number=asked["release_number"])
        return Response(_answer(request, person_id))


class PersonReactivation(APIView):
    """The account works again; sessions and tokens from before stay ended."""

    access = {"POST": (Permission.CHANGE_USERS,)}
    scopes = {"POST": "people:write"}

    @extend_schema(operation_id="reactivate_person", request=None, responses=serializers.OnePersonAnswer)
    def post(self, request: Request, person_id: uuid.UUID) -> Response:
        reactivate_person(_person(request, person_id), actor_of(request), timezone.now())
        return Response(_answer(request, person_id))


def organization_of(request: Request) -> Organization:
    """The caller's: DeclaredAccess lets nobody in who has none."""
    organization = member_of(request).organization
    assert organization is not None
    return organization


def person_values(row: UserRow) -> dict[str, Any]:
    """What `PersonAnswer` shows of a row of the list."""
    place = {"id": row.location_id, "name": row.location_name} if row.location_id is not None else None
    texting = {
        "enabled": row.enabled, "source": row.source, "can_receive": row.can_text, "can_send": row.can_send,
        "code": row.code,
    }  # fmt: skip
    return {
        "id": row.pk, "email": row.email, "first_name": row.first_name, "last_name": row.last_name,
        "location": place, "license": row.license, "primary_number": row.e164, "active": row.is_active,
        "invited_at": row.invited_at, "last_sign_in": row.last_login, "business_texting": texting,
    }  # fmt: skip


def _person(request: Request, person_id: uuid.UUID) -> User:
    return get_object_or_404(users_in_reach(member_of(request)), pk=person_id)


@transaction.atomic
def _change(request: Request, person: User, active: bool | None, wanted: Mapping[str, Any]) -> None:
    """All of it or nothing. Who comes back is active first, who goes is edited first."""
    actor, now = actor_of(request), timezone.now()
    if active is True:
        reactivate_person(person, actor, now)
    edit_person(person, wanted, actor, now)
    if active is False:
        deactivate_person(person, actor, now)


def _with_location(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    """The location itself in place of its id. Refusal: `unknown_location`, also for one that is not in reach."""
    wanted_id = asked.get("location")
    if wanted_id is None:
        return asked
    location = locations_in_reach(member_of(request)).filter(pk=wanted_id).first()
    if location is None:
        raise unknown_location()
    return asked | {"location": location}


def _answer(request: Request, person_id: uuid.UUID) -> Any:
    person = _person(request, person_id)
    row = UserRow(*user_rows(User.objects.filter(pk=person.pk), KnownRoot.of(organization_of(request))).get())
    client = {
        "version": person.client_version, "seen_at": person.client_seen_at,
        "too_old": bool(too_old(person.client_version)),
    }  # fmt: skip
    values = person_values(row) | {
        "created_at": person.created_at,
        "awaits_activation": awaits_activation(person),
        "client": client if person.client_version else None,
    }
    return serializers.OnePersonAnswer(values).data
