"""Who asks for an API operation, and what they sent."""

from __future__ import annotations

from typing import Any, cast

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from provisioning.changes import Actor
from provisioning.models import User


def member_of(request: Request) -> User:
    """The caller, whom DeclaredAccess has let in."""
    member: User = cast(Any, request.user)
    return member


def actor_of(request: Request) -> Actor:
    return Actor.of_request(request, via="api")


def body_of(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = kind(data=request.data)
    asked.is_valid(raise_exception=True)
    values: dict[str, Any] = asked.validated_data
    return values
