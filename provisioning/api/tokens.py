"""The API of API tokens: the caller's own. A token makes no token that may do more than itself."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.confirmation import is_recent
from provisioning.models import ApiToken
from provisioning.refusals import Refusal
from provisioning.roles import Permission
from provisioning.serializers.strict import StrictChoice
from provisioning.tokens import LONGEST_DAYS, SCOPES, issue, revoke

MEMBERS = (Permission.USE_INBOX,)


class NewToken(serializers.Serializer[Any]):
    """`days` until it ends."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=StrictChoice(choices=list(SCOPES)), min_length=1, max_length=len(SCOPES))
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, default=90)


class TokenAnswer(serializers.Serializer[ApiToken]):
    """`prefix` is how the token begins, after hub_; the token itself is nowhere."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class MadeTokenAnswer(TokenAnswer):
    token = serializers.CharField(help_text="Shown this once.")


class Tokens(generics.ListAPIView[ApiToken]):
    """The caller's tokens, newest first; and making one."""

    access = {"GET": MEMBERS, "POST": MEMBERS}
    scopes = {"GET": "tokens:read", "POST": "tokens:write"}
    serializer_class = TokenAnswer

    def get_queryset(self) -> Any:
        member = member_of(self.request)
        return ApiToken.objects.filter(user_id=member.pk)

    @extend_schema(operation_id="tokens")
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(operation_id="make_token", request=NewToken, responses={201: MadeTokenAnswer})
    def post(self, request: Request) -> Response:
        asked = body_of(NewToken, request)
        _refuse_unconfirmed(request)
        _refuse_more_than(request.auth, asked["scopes"])
        token, plain = issue(
            member_of(request), name=asked["name"], scopes=asked["scopes"],
            expires_at=timezone.now() + timedelta(days=asked["days"]), actor=actor_of(request),
        )  # fmt: skip
        answer = TokenAnswer(token).data | {"token": plain}
        return Response(answer, status=status.HTTP_201_CREATED)


def _refuse_unconfirmed(request: Request) -> None:
    """Refusal (403): `confirm_first`, in a session that was not confirmed lately: a borrowed browser makes no token."""
    if not isinstance(request.auth, ApiToken) and not is_recent(request._request, timezone.now()):
        raise Refusal(
            "confirm_first", _("Confirm that it is you on the API tokens page, then try again."), http_status=403
        )


def _refuse_more_than(used: Any, scopes: list[str]) -> None:
    """Refusal (403): `insufficient_scope`, when a token asks for what it has not itself."""
    if isinstance(used, ApiToken) and not set(scopes) <= set(used.scopes):
        missing = sorted(set(scopes) - set(used.scopes))[0]
        sentence = _("This token lacks the scope %(scope)s, so it can’t make a token that has it.")
        raise Refusal("insufficient_scope", sentence % {"scope": missing}, http_status=403)


class Token(APIView):
    """One of the caller's tokens."""

    access = {"GET": MEMBERS, "DELETE": MEMBERS}
    scopes = {"GET": "tokens:read", "DELETE": "tokens:write"}

    @extend_schema(operation_id="token", responses=TokenAnswer)
    def get(self, request: Request, token_id: uuid.UUID) -> Response:
        return Response(TokenAnswer(self._token(request, token_id)).data)

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, token_id: uuid.UUID) -> Response:
        """It works no longer; its row stays, for the audit log."""
        revoke(self._token(request, token_id), actor_of(request), timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _token(self, request: Request, token_id: uuid.UUID) -> ApiToken:
        member = member_of(request)
        own = ApiToken.objects.filter(user_id=member.pk)
        return get_object_or_404(own, pk=token_id)
