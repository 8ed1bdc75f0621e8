"""Access to API operations: each view declares, per method, the permissions it takes and the scope a token needs.

    class Somebody(APIView):
        access = {"GET": (Permission.VIEW_USERS,), "PUT": (Permission.CHANGE_USERS,)}
        scopes = {"GET": "people:read", "PUT": "people:write"}

A method that declares nothing is refused. `()` is everyone who is signed in, the scope `""` any token. A session is the
person themself and needs no scope. Rows of others are not there: views look them up in querysets that are scoped to
the organization (and, for location administrators, to their locations), so that the answer is 404.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from provisioning.models import ApiToken
from provisioning.roles import Permission, permissions_of
from provisioning.second_factor_gate import is_missing

if TYPE_CHECKING:
    from rest_framework.views import APIView


class DeclaredAccess(BasePermission):
    """Default deny, by what the view declares."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user: Any = request.user
        if not user.is_authenticated:
            return False
        if request.auth is None and is_missing(request._request):
            raise exceptions.PermissionDenied(
                _("Your role needs a second factor. Set one up in the portal first."), code="second_factor_required"
            )
        method = "GET" if request.method == "HEAD" else request.method or ""
        if not hasattr(view, method.lower()) or method == "OPTIONS":
            return True  # The view itself answers 405.
        needed: tuple[Permission, ...] | None = getattr(view, "access", {}).get(method)
        if needed is None or not permissions_of(user) >= set(needed):
            return False
        scope: str | None = getattr(view, "scopes", {}).get(method)
        return scope is not None and _covers(request.auth, scope)


def _covers(token: Any, scope: str) -> bool:
    """True for a session, and for a token with the scope. PermissionDenied names the scope that is missing."""
    if not isinstance(token, ApiToken) or not scope or scope in token.scopes:
        return True
    raise exceptions.PermissionDenied(
        _("This token lacks the scope %(scope)s.") % {"scope": scope}, code="insufficient_scope"
    )
