"""This app's part of the API: the audit log."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from compliance.audit_search import Criteria, narrowed, of_administrators, of_officers
from compliance.models import AuditEvent
from compliance.selection import organization_of
from compliance.serializers import EventAnswer, EventsQuery
from provisioning.models import User
from provisioning.roles import Permission, permissions_of

_Pages: Any = api_settings.DEFAULT_PAGINATION_CLASS


class NewestEventFirst(_Pages):  # type: ignore[misc]
    ordering = ("-happened_at", "-id")


class AuditEvents(generics.GenericAPIView[AuditEvent]):
    """The organization's audit log, newest first. Administrators get what is not the officers' alone, officers all."""

    access = {"GET": (Permission.READ_AUDIT_EVENTS,)}
    scopes = {"GET": "audit:read"}
    pagination_class = NewestEventFirst
    serializer_class = EventAnswer

    @extend_schema(operation_id="audit_events", parameters=[EventsQuery], responses=EventAnswer(many=True))
    def get(self, request: Request) -> Response:
        asked = EventsQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        viewer = cast(User, request.user)
        page = self.paginate_queryset(narrowed(_visible_to(viewer), _criteria(asked.validated_data)))
        return self.get_paginated_response(EventAnswer(page or [], many=True).data)


def _visible_to(viewer: User) -> QuerySet[AuditEvent]:
    officer = Permission.READ_RETAINED_MESSAGES in permissions_of(viewer)
    return of_officers(organization_of(viewer)) if officer else of_administrators(organization_of(viewer))


def _criteria(asked: dict[str, Any]) -> Criteria:
    return Criteria(
        actor_id=asked.get("actor", ""),
        action=asked.get("action", ""),
        target_id=str(asked.get("object", "")),
        begins_at=asked.get("since"),
        ends_at=asked.get("until"),
    )
