"""The API of the organization itself: the same as the account page."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from provisioning.account import addon_licenses, edit_organization
from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.models import Organization, User
from provisioning.policies import accepted_policy, confirmed_attestation
from provisioning.roles import Permission
from provisioning.scoping import organizations_in_reach
from provisioning.serializers import account as serializers


class OneOrganization(APIView):
    """The caller's organization: what was sold, what it accepted, what it sets itself."""

    access = {"GET": (Permission.VIEW_ORGANIZATION,), "PATCH": (Permission.CHANGE_ORGANIZATION,)}
    scopes = {"GET": "organization:read", "PATCH": "organization:write"}

    @extend_schema(operation_id="organization", responses=serializers.OrganizationAnswer)
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        return self._answer(get_object_or_404(_whole(request), pk=organization_id))

    @extend_schema(
        operation_id="change_organization",
        request=serializers.OrganizationChange,
        responses=serializers.OrganizationAnswer,
    )
    def patch(self, request: Request, organization_id: uuid.UUID) -> Response:
        organization = get_object_or_404(organizations_in_reach(member_of(request)), pk=organization_id)
        asked = body_of(serializers.OrganizationChange, request)
        edit_organization(organization, asked, actor_of(request), timezone.now())
        return self._answer(_whole(request).get(pk=organization_id))

    def _answer(self, organization: Organization) -> Response:
        return Response(serializers.OrganizationAnswer(_values(organization)).data)


def _whole(request: Request) -> QuerySet[Organization]:
    reach = organizations_in_reach(member_of(request))
    return reach.select_related("acceptable_use_accepted_by", "phi_attested_by")


def _values(organization: Organization) -> dict[str, Any]:
    plain = (
        "id", "name", "customer_type", "healthcare", "texting_enabled", "time_zone", "opt_out_scope",
        "unanswered_reply",
    )  # fmt: skip
    plans = organization.calling_plans.order_by("country").values_list("country", flat=True)
    accepted, attested = organization.acceptable_use_accepted_at, organization.phi_attested_at
    return {
        **{name: getattr(organization, name) for name in plain},
        "calling_plan_countries": list(plans),
        "addon_licenses": addon_licenses(organization),
        "acceptable_use_policy": _given(accepted_policy()["policy"], accepted, organization.acceptable_use_accepted_by),
        "health_information_attestation": _given(
            confirmed_attestation()["confirmed"], attested, organization.phi_attested_by
        ),
    }


def _given(text: str, when: datetime | None, by: User | None) -> dict[str, Any]:
    person = {"id": by.pk, "name": by.display_name} if by is not None else None
    return {"text": text, "accepted_at": when, "accepted_by": person}
