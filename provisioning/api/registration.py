"""The API of 10DLC brands and campaigns: the same rules as the pages."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from provisioning import number_inventory
from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.models import Brand, Campaign, PhoneNumber
from provisioning.refusals import Refusal
from provisioning.registration import drafts, submissions
from provisioning.registration.reading import with_numbers
from provisioning.roles import Permission
from provisioning.scoping import brands_in_reach, campaigns_in_reach
from provisioning.serializers import registration as serializers

SEE, CHANGE = (Permission.VIEW_REGISTRATION,), (Permission.CHANGE_REGISTRATION,)
MOST_STEPS = 200


class Brands(generics.GenericAPIView[Brand]):
    """The organization's brands, and new drafts. Without the add-on: 403 `addon_license`."""

    access = {"GET": SEE, "POST": CHANGE}
    scopes = {"GET": "registration:read", "POST": "registration:write"}

    @extend_schema(operation_id="brands", responses=serializers.BrandAnswer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(_brands(request)) or []
        return self.get_paginated_response(serializers.BrandAnswer(page, many=True).data)

    @extend_schema(
        operation_id="create_brand", request=serializers.BrandChange, responses={201: serializers.OneBrandAnswer}
    )
    def post(self, request: Request) -> Response:
        _brands(request)
        asked = body_of(serializers.BrandChange, request)
        organization = member_of(request).organization
        assert organization is not None  # Whoever may change the registration belongs to one.
        made = drafts.create_brand(organization, asked, actor_of(request), timezone.now())
        return Response(_one_brand(request, made.pk), status=201)


class OneBrand(APIView):
    """One brand. It can be changed while it is a draft or was rejected; otherwise 409 `with_registry`."""

    access = {"GET": SEE, "PATCH": CHANGE}
    scopes = {"GET": "registration:read", "PATCH": "registration:write"}

    @extend_schema(operation_id="brand", responses=serializers.OneBrandAnswer)
    def get(self, request: Request, brand_id: uuid.UUID) -> Response:
        return Response(_one_brand(request, brand_id))

    @extend_schema(operation_id="change_brand", request=serializers.BrandChange, responses=serializers.OneBrandAnswer)
    def patch(self, request: Request, brand_id: uuid.UUID) -> Response:
        row = get_object_or_404(_brands(request), pk=brand_id)
        asked = body_of(serializers.BrandChange, request)
        drafts.edit_brand(row, asked, actor_of(request), timezone.now())
        return Response(_one_brand(request, brand_id))


class SubmitBrand(APIView):
    """Hand the brand to the registry, which charges for it. What it decides is in the brand's status."""

    access = {"POST": CHANGE}
    scopes = {"POST": "registration:write"}

    @extend_schema(operation_id="submit_brand", request=None, responses={202: serializers.OneBrandAnswer})
    def post(self, request: Request, brand_id: uuid.UUID) -> Response:
        row = get_object_or_404(_brands(request), pk=brand_id)
        submissions.submit(row, actor_of(request), timezone.now())
        return Response(_one_brand(request, brand_id), status=202)


class Campaigns(generics.GenericAPIView[Campaign]):
    """The organization's campaigns, and new drafts."""

    access = {"GET": SEE, "POST": CHANGE}
    scopes = {"GET": "registration:read", "POST": "registration:write"}

    @extend_schema(operation_id="campaigns", responses=serializers.CampaignAnswer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(_campaigns(request)) or []
        return self.get_paginated_response(serializers.CampaignAnswer(page, many=True).data)

    @extend_schema(
        operation_id="create_campaign", request=serializers.CampaignNew, responses={201: serializers.OneCampaignAnswer}
    )
    def post(self, request: Request) -> Response:
        brands = _brands(request)
        asked = body_of(serializers.CampaignNew, request)
        brand = brands.filter(pk=asked.pop("brand_id")).first()
        if brand is None:
            raise Refusal("unknown_brand", _("This brand isn’t there. Register the brand first."))
        made = drafts.create_campaign(brand, asked, actor_of(request), timezone.now())
        return Response(_one_campaign(request, made.pk), status=201)


class OneCampaign(APIView):
    """One campaign. It can be changed while it is a draft, was rejected or has expired."""

    access = {"GET": SEE, "PATCH": CHANGE}
    scopes = {"GET": "registration:read", "PATCH": "registration:write"}

    @extend_schema(operation_id="campaign", responses=serializers.OneCampaignAnswer)
    def get(self, request: Request, campaign_id: uuid.UUID) -> Response:
        return Response(_one_campaign(request, campaign_id))

    @extend_schema(
        operation_id="change_campaign", request=serializers.CampaignChange, responses=serializers.OneCampaignAnswer
    )
    def patch(self, request: Request, campaign_id: uuid.UUID) -> Response:
        row = get_object_or_404(_campaigns(request), pk=campaign_id)
        asked = body_of(serializers.CampaignChange, request)
        drafts.edit_campaign(row, asked, actor_of(request), timezone.now())
        return Response(_one_campaign(request, campaign_id))


class SubmitCampaign(APIView):
    """Hand the campaign to the registry, which charges for it; its brand has to be verified."""

    access = {"POST": CHANGE}
    scopes = {"POST": "registration:write"}

    @extend_schema(operation_id="submit_campaign", request=None, responses={202: serializers.OneCampaignAnswer})
    def post(self, request: Request, campaign_id: uuid.UUID) -> Response:
        row = get_object_or_404(_campaigns(request), pk=campaign_id)
        submissions.submit(row, actor_of(request), timezone.now())
        return Response(_one_campaign(request, campaign_id), status=202)


class CampaignNumbers(generics.GenericAPIView[PhoneNumber]):
    """The numbers that are linked to a campaign. Links all that are named, or none: `campaign_full`."""

    access = {"GET": SEE, "POST": CHANGE}
    scopes = {"GET": "registration:read", "POST": "registration:write"}

    @extend_schema(operation_id="campaign_numbers", responses=serializers.LinkedNumber(many=True))
    def get(self, request: Request, campaign_id: uuid.UUID) -> Response:
        row = get_object_or_404(_campaigns(request), pk=campaign_id)
        page = self.paginate_queryset(PhoneNumber.objects.filter(campaign=row)) or []
        return self.get_paginated_response(serializers.LinkedNumber(page, many=True).data)

    @extend_schema(
        operation_id="link_numbers", request=serializers.LinkNumbers, responses=serializers.OneCampaignAnswer
    )
    def post(self, request: Request, campaign_id: uuid.UUID) -> Response:
        row = get_object_or_404(_campaigns(request), pk=campaign_id)
        wanted = set(body_of(serializers.LinkNumbers, request)["numbers"])
        numbers = list(PhoneNumber.objects.filter(organization_id=row.organization_id, pk__in=wanted).order_by("pk"))
        if len(numbers) != len(wanted):
            raise Refusal("unknown_number", _("One of these numbers isn’t there. Link only your organization’s."))
        with transaction.atomic():
            results = number_inventory.link(numbers, row, actor_of(request), timezone.now())
            number_inventory.raise_refusal(results)
        return Response(_one_campaign(request, campaign_id))


class CampaignNumber(APIView):
    """One number of a campaign: taken out of it."""

    access = {"DELETE": CHANGE}
    scopes = {"DELETE": "registration:write"}

    @extend_schema(operation_id="unlink_number", responses={204: None})
    def delete(self, request: Request, campaign_id: uuid.UUID, number_id: uuid.UUID) -> Response:
        row = get_object_or_404(_campaigns(request), pk=campaign_id)
        number = get_object_or_404(PhoneNumber.objects.filter(campaign=row), pk=number_id)
        number_inventory.link([number], None, actor_of(request), timezone.now())
        return Response(status=204)


def _brands(request: Request) -> QuerySet[Brand]:
    _refuse_without_addon(request)
    return brands_in_reach(member_of(request))


def _campaigns(request: Request) -> QuerySet[Any]:
    _refuse_without_addon(request)
    return with_numbers(campaigns_in_reach(member_of(request)))


def _refuse_without_addon(request: Request) -> None:
    organization = member_of(request).organization
    if organization is not None:
        drafts.refuse_without_addon(organization)


def _one_brand(request: Request, brand_id: uuid.UUID) -> Any:
    row: Any = get_object_or_404(_brands(request), pk=brand_id)
    row.steps = list(row.events.order_by("-at", "-noted_at")[:MOST_STEPS])
    return serializers.OneBrandAnswer(row).data


def _one_campaign(request: Request, campaign_id: uuid.UUID) -> Any:
    row: Any = get_object_or_404(_campaigns(request), pk=campaign_id)
    row.steps = list(row.events.order_by("-at", "-noted_at")[:MOST_STEPS])
    return serializers.OneCampaignAnswer(row).data
