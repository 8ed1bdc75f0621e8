"""The API of `me`, and business-texting of organizations, locations and people."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.eligibility import Gate, Requirement, check_location, check_organization, check_user, standing
from provisioning.enablement import Resolution, Source, own_location, resolve, resolve_location
from provisioning.models import ApiToken, Location, Organization, PhoneNumber, User
from provisioning.roles import Permission, assignments_of, permissions_of
from provisioning.scoping import locations_in_reach, organizations_in_reach, users_in_reach
from provisioning.serializers import texting as serializers
from provisioning.texting import set_location_texting, set_organization_texting, set_user_texting


class Me(APIView):
    """Who the caller is, what they may do, and whether they can text."""

    access: dict[str, tuple[Permission, ...]] = {"GET": ()}
    scopes = {"GET": ""}

    @extend_schema(operation_id="me", responses=serializers.MeAnswer)
    def get(self, request: Request) -> Response:
        return Response(serializers.MeAnswer(_me(request)).data)


class OrganizationTexting(APIView):
    """Business Texting of the organization, and the requirements of Service Settings."""

    access = {"GET": (Permission.VIEW_ORGANIZATION,), "PUT": (Permission.CHANGE_ORGANIZATION,)}
    scopes = {"GET": "organization:read", "PUT": "organization:write"}

    @extend_schema(operation_id="organization_business_texting", responses=serializers.OrganizationTextingAnswer)
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        return self._answer(self._organization(request, organization_id))

    @extend_schema(
        operation_id="set_organization_business_texting",
        request=serializers.OrganizationTextingChange,
        responses=serializers.OrganizationTextingAnswer,
    )
    def put(self, request: Request, organization_id: uuid.UUID) -> Response:
        organization = self._organization(request, organization_id)
        asked = body_of(serializers.OrganizationTextingChange, request)
        organization = set_organization_texting(
            organization,
            asked["enabled"],
            actor_of(request),
            timezone.now(),
            accept_policy=asked["accept_acceptable_use_policy"],
            attest=asked["attest_no_health_information"],
        )
        return self._answer(organization)

    def _organization(self, request: Request, organization_id: uuid.UUID) -> Organization:
        return get_object_or_404(organizations_in_reach(member_of(request)), pk=organization_id)

    def _answer(self, organization: Organization) -> Response:
        resolution = Resolution(organization.texting_enabled, Source.ORGANIZATION)
        setting = "on" if organization.texting_enabled else "off"
        answer = _texting(organization.pk, setting, resolution, check_organization(organization)) | {
            "acceptable_use_policy_accepted": organization.acceptable_use_accepted_at is not None,
            "no_health_information_attested": organization.phi_attested_at is not None,
        }
        return Response(serializers.OrganizationTextingAnswer(answer).data)


class LocationTexting(APIView):
    """Business Texting of a location: its own setting, or the organization's."""

    access = {"GET": (Permission.VIEW_LOCATIONS,), "PUT": (Permission.CHANGE_LOCATIONS,)}
    scopes = {"GET": "locations:read", "PUT": "locations:write"}

    @extend_schema(operation_id="location_business_texting", responses=serializers.LocationTextingAnswer)
    def get(self, request: Request, location_id: uuid.UUID) -> Response:
        return self._answer(self._location(request, location_id))

    @extend_schema(
        operation_id="set_location_business_texting",
        request=serializers.TextingChange,
        responses=serializers.LocationTextingAnswer,
    )
    def put(self, request: Request, location_id: uuid.UUID) -> Response:
        location = self._location(request, location_id)
        asked = body_of(serializers.TextingChange, request)
        return self._answer(set_location_texting(location, asked["setting"], actor_of(request), timezone.now()))

    def _location(self, request: Request, location_id: uuid.UUID) -> Location:
        locations = locations_in_reach(member_of(request)).select_related("organization")
        return get_object_or_404(locations, pk=location_id)

    def _answer(self, location: Location) -> Response:
        requirements = check_location(location)
        answer = _texting(location.pk, location.texting_setting, resolve_location(location), requirements)
        return Response(serializers.LocationTextingAnswer(answer).data)


class PersonTexting(APIView):
    """Business Texting of one user: the override, what it comes to, and every requirement."""

    access = {"GET": (Permission.VIEW_USERS,), "PUT": (Permission.CHANGE_USERS,)}
    scopes = {"GET": "people:read", "PUT": "people:write"}

    @extend_schema(operation_id="person_business_texting", responses=serializers.PersonTextingAnswer)
    def get(self, request: Request, person_id: uuid.UUID) -> Response:
        return self._answer(self._person(request, person_id))

    @extend_schema(
        operation_id="set_person_business_texting",
        request=serializers.TextingChange,
        responses=serializers.PersonTextingAnswer,
    )
    def put(self, request: Request, person_id: uuid.UUID) -> Response:
        person = self._person(request, person_id)
        asked = body_of(serializers.TextingChange, request)
        return self._answer(set_user_texting(person, asked["setting"], actor_of(request), timezone.now()))

    def _person(self, request: Request, person_id: uuid.UUID) -> User:
        people = users_in_reach(member_of(request)).select_related("organization", "location")
        return get_object_or_404(people, pk=person_id)

    def _answer(self, person: User) -> Response:
        resolution, requirements = resolve(person), check_user(person)
        able = person.is_active and resolution.enabled
        unmet = {requirement.gates for requirement in requirements if not requirement.met}
        answer = _texting(person.pk, person.texting_setting, resolution, requirements) | {
            "can_receive": able and Gate.TEXTING not in unmet,
            "can_send": able and not unmet,
        }
        return Response(serializers.PersonTextingAnswer(answer).data)


def _texting(
    row_id: uuid.UUID, setting: str, resolution: Resolution, requirements: list[Requirement]
) -> dict[str, Any]:
    """What the three levels have in common."""
    return {
        "id": row_id,
        "setting": setting,
        "enabled": resolution.enabled,
        "source": resolution.source,
        "requirements": requirements,
    }


def _me(request: Request) -> dict[str, Any]:
    member = member_of(request)
    number = PhoneNumber.objects.filter(user=member, organization=member.organization).first()
    token = request.auth
    return {
        "id": member.pk,
        "email": member.email,
        "name": member.display_name,
        "organization": member.organization,
        "location": own_location(member),
        "primary_number": number.e164 if number is not None else None,
        "roles": sorted({assignment.role for assignment in assignments_of(member)}),
        "permissions": sorted(permissions_of(member)),
        "scopes": token.scopes if isinstance(token, ApiToken) else None,
        "business_texting": standing(member),
    }
