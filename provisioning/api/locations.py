"""The API of locations: the same rules as the pages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from provisioning.addresses import Address, is_missing
from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.business_hours import Span, week_of
from provisioning.eligibility import LocationReach, able_to_text_by_location
from provisioning.enablement import resolve_location
from provisioning.location_facts import main_number_of
from provisioning.location_filters import narrowed
from provisioning.locations import create_location, delete_location, edit_location
from provisioning.models import Location, Organization
from provisioning.models.business_hours import MIDNIGHT
from provisioning.roles import Permission
from provisioning.scoping import locations_in_reach
from provisioning.serializers import locations as serializers

NOBODY = LocationReach(able=0, users=0)


class Locations(generics.GenericAPIView[Location]):
    """Every location in reach, and new ones."""

    access = {"GET": (Permission.VIEW_LOCATIONS,), "POST": (Permission.MANAGE_LOCATIONS,)}
    scopes = {"GET": "locations:read", "POST": "locations:write"}

    @extend_schema(
        operation_id="locations",
        parameters=[serializers.LocationsQuery],
        responses=serializers.LocationAnswer(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = serializers.LocationsQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        organization = _organization(request)
        found = narrowed(_whole(request), organization, **asked.validated_data)
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(_answers(page, organization))

    @extend_schema(
        operation_id="create_location", request=serializers.LocationNew, responses={201: serializers.LocationAnswer}
    )
    def post(self, request: Request) -> Response:
        asked = body_of(serializers.LocationNew, request)
        made = create_location(_organization(request), asked, actor_of(request), timezone.now())
        return Response(_answer(request, made.pk), status=201)


class OneLocation(APIView):
    """One location: what is known of it, changing it, deleting it once it is empty."""

    access = {
        "GET": (Permission.VIEW_LOCATIONS,),
        "PATCH": (Permission.CHANGE_LOCATIONS,),
        "DELETE": (Permission.MANAGE_LOCATIONS,),
    }
    scopes = {"GET": "locations:read", "PATCH": "locations:write", "DELETE": "locations:write"}

    @extend_schema(operation_id="location", responses=serializers.LocationAnswer)
    def get(self, request: Request, location_id: uuid.UUID) -> Response:
        return Response(_answer(request, location_id))

    @extend_schema(
        operation_id="change_location", request=serializers.LocationChange, responses=serializers.LocationAnswer
    )
    def patch(self, request: Request, location_id: uuid.UUID) -> Response:
        location = get_object_or_404(locations_in_reach(member_of(request)), pk=location_id)
        asked = body_of(serializers.LocationChange, request)
        may_stop = None if asked.pop("accept_users_stop_texting") else 0
        edit_location(location, asked, actor_of(request), timezone.now(), may_stop=may_stop)
        return Response(_answer(request, location_id))

    @extend_schema(operation_id="delete_location", responses={204: None})
    def delete(self, request: Request, location_id: uuid.UUID) -> Response:
        location = get_object_or_404(locations_in_reach(member_of(request)), pk=location_id)
        delete_location(location, actor_of(request), timezone.now())
        return Response(status=204)


def _organization(request: Request) -> Organization:
    """DeclaredAccess lets nobody in who has none."""
    organization = member_of(request).organization
    assert organization is not None
    return organization


def _whole(request: Request) -> QuerySet[Location]:
    reach = locations_in_reach(member_of(request)).select_related("main_number")
    return reach.prefetch_related("business_hours")


def _answer(request: Request, location_id: uuid.UUID) -> Any:
    [answer] = _answers([get_object_or_404(_whole(request), pk=location_id)], _organization(request))
    return answer


def _answers(locations: Sequence[Location], organization: Organization) -> Any:
    reach = able_to_text_by_location(organization, among=[location.pk for location in locations])
    found = [_values(location, organization, reach.get(location.pk, NOBODY)) for location in locations]
    return serializers.LocationAnswer(found, many=True).data


def _values(location: Location, organization: Organization, reach: LocationReach) -> dict[str, Any]:
    location.organization = organization
    number = main_number_of(location)
    plain = ("id", "name", "country", "pstn_connection", "time_zone", "texting_setting")
    return {
        **{name: getattr(location, name) for name in plain},
        "business_texting": resolve_location(location),
        "emergency_address": asdict(Address.of(location)),
        "emergency_address_missing": is_missing(location),
        "main_number": number.e164 if number is not None else None,
        "business_hours": [_hours(span) for span in week_of(location)],
        "users": reach.users,
        "users_able_to_text": reach.able,
    }


def _hours(span: Span) -> dict[str, str]:
    closes = "24:00" if span.closes == MIDNIGHT else f"{span.closes:%H:%M}"
    return {"weekday": serializers.WEEKDAYS[span.weekday], "opens": f"{span.opens:%H:%M}", "closes": closes}
