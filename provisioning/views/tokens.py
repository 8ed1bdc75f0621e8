"""My account > API tokens: the person's own; for who assigns roles, everybody's of the organization, to revoke."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from provisioning.changes import Actor
from provisioning.confirmation import confirmed
from provisioning.forms.tokens import NewTokenForm
from provisioning.models import ApiToken, User
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of, requires
from provisioning.tokens import SCOPES, issue, revoke

MOST_SHOWN = 200


@requires(Permission.USE_INBOX)
@never_cache
@confirmed
@require_http_methods(["GET", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """The list, and making a new one, for who proved lately that it is them. The token is in that answer only."""
    form = NewTokenForm(request.POST if request.method == "POST" else None)
    plain = _made(request, form) if form.is_bound and form.is_valid() else ""
    status = form.http_status if form.is_bound and not plain else 200
    context = {
        "form": NewTokenForm() if plain else form,
        "plain": plain,
        "own": [_row(token) for token in _own(_member(request))],
        "others": [_row(token) for token in _of_others(_member(request))],
    }
    return render(request, "provisioning/api_tokens.html", context, status=status)


def _made(request: HttpRequest, form: NewTokenForm) -> str:
    member, values = _member(request), form.cleaned_data
    try:
        _token, plain = issue(
            member, name=values["name"], scopes=values["scopes"], expires_at=form.expires_at(timezone.now()),
            actor=Actor.of_request(request),
        )  # fmt: skip
    except Refusal as refusal:
        form.refuse(refusal)
        return ""
    return plain


@requires(Permission.USE_INBOX)
@require_POST
def revoke_token(request: HttpRequest, token_id: uuid.UUID) -> HttpResponse:
    """One's own. Others are not found."""
    return _revoked(request, get_object_or_404(ApiToken, pk=token_id, user_id=_member(request).pk))


@requires(Permission.ASSIGN_ROLES)
@require_POST
def revoke_members_token(request: HttpRequest, members_token_id: uuid.UUID) -> HttpResponse:
    """Anybody's of the organization."""
    of_organization = ApiToken.objects.filter(organization=_member(request).organization)
    return _revoked(request, get_object_or_404(of_organization, pk=members_token_id))


def _revoked(request: HttpRequest, token: ApiToken) -> HttpResponse:
    revoke(token, Actor.of_request(request), timezone.now())
    messages.success(request, _("%(token)s is revoked. What used it is refused from now on.") % {"token": token.name})
    return redirect("api_tokens")


def _own(member: User) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user_id=member.pk).order_by("-pk")[:MOST_SHOWN]


def _of_others(member: User) -> QuerySet[ApiToken]:
    """Those that still work, newest first; nothing for who may not revoke them."""
    if Permission.ASSIGN_ROLES not in permissions_of(member):
        return ApiToken.objects.none()
    of_others = ApiToken.objects.filter(organization=member.organization).exclude(user_id=member.pk)
    working = of_others.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())
    return working.select_related("user").order_by("-pk")[:MOST_SHOWN]


def _row(token: ApiToken) -> dict[str, Any]:
    ended = token.revoked_at is not None or token.expires_at <= timezone.now()
    return {"token": token, "scopes": [SCOPES.get(scope, scope) for scope in token.scopes], "ended": ended}


def _member(request: HttpRequest) -> User:
    member: Any = request.user
    found: User = member
    return found
