"""The API of roles: who administers the organization, and what one person may."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.models import Location, RoleAssignment, User
from provisioning.person_edits import unknown_location
from provisioning.role_assignments import assign_role, remove_role
from provisioning.roles import Permission
from provisioning.scoping import locations_in_reach, roles_in_reach, users_in_reach
from provisioning.serializers import people as serializers


class Administrators(generics.GenericAPIView[RoleAssignment]):
    """Every role in reach with its person, newest first."""

    access = {"GET": (Permission.VIEW_ROLES,)}
    scopes = {"GET": "roles:read"}

    @extend_schema(
        operation_id="administrators",
        parameters=[serializers.AdministratorsQuery],
        responses=serializers.AdministratorAnswer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = serializers.AdministratorsQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = roles_in_reach(member_of(request)).filter(**asked.validated_data).select_related("user", "location")
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(serializers.AdministratorAnswer(page, many=True).data)


class PersonRoles(APIView):
    """The roles of one person; another one."""

    access = {"GET": (Permission.VIEW_ROLES,), "POST": (Permission.ASSIGN_ROLES,)}
    scopes = {"GET": "roles:read", "POST": "roles:write"}

    @extend_schema(operation_id="person_roles", responses=serializers.RoleAnswer(many=True))
    def get(self, request: Request, person_id: uuid.UUID) -> Response:
        return Response(serializers.RoleAnswer(_held(_person(request, person_id)), many=True).data)

    @extend_schema(operation_id="assign_role", request=serializers.RoleNew, responses={201: serializers.RoleAnswer})
    def post(self, request: Request, person_id: uuid.UUID) -> Response:
        person = _person(request, person_id)
        asked = body_of(serializers.RoleNew, request)
        place = _location(request, asked.get("location"))
        held = assign_role(person, asked["role"], place, actor_of(request), timezone.now())
        return Response(serializers.RoleAnswer(held).data, status=201)


class PersonRole(APIView):
    """One role of one person."""

    access = {"DELETE": (Permission.ASSIGN_ROLES,)}
    scopes = {"DELETE": "roles:write"}

    @extend_schema(operation_id="remove_role", responses={204: None})
    def delete(self, request: Request, person_id: uuid.UUID, assignment_id: uuid.UUID) -> Response:
        assignment = get_object_or_404(_held(_person(request, person_id)), pk=assignment_id)
        remove_role(assignment, actor_of(request), timezone.now())
        return Response(status=204)


def _person(request: Request, person_id: uuid.UUID) -> User:
    return get_object_or_404(users_in_reach(member_of(request)), pk=person_id)


def _held(person: User) -> QuerySet[RoleAssignment]:
    held = RoleAssignment.objects.filter(user=person, organization=person.organization_id)
    return held.select_related("location").order_by("created_at", "pk")


def _location(request: Request, location_id: Any) -> Location | None:
    if location_id is None:
        return None
    location = locations_in_reach(member_of(request)).filter(pk=location_id).first()
    if location is None:
        raise unknown_location()
    return location
