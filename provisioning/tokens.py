"""Bearer tokens of the API: `hub_<prefix>_<secret>`.

The prefix finds the row, the SHA-256 of the whole token proves it, in constant time; neither gives the token back, so
it is shown once, when it is made. A token can do what its scopes say and its user's roles allow, whichever is less.
A secret of 256 random bits needs no slow hash: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from provisioning.changes import Actor, record_target
from provisioning.models import ApiToken, Organization, RoleAssignment, User
from provisioning.prepared import PreparedModels
from provisioning.refusals import Refusal
from provisioning.roles import note_without_roles

SCOPES: Final = {
    "organization:read": gettext_lazy("See the organization’s settings"),
    "organization:write": gettext_lazy("Change the organization’s settings"),
    "locations:read": gettext_lazy("See locations"),
    "locations:write": gettext_lazy("Change locations"),
    "people:read": gettext_lazy("See people"),
    "people:write": gettext_lazy("Change people"),
    "numbers:read": gettext_lazy("See numbers"),
    "numbers:write": gettext_lazy("Add, change, assign and delete numbers"),
    "roles:read": gettext_lazy("See who has which role"),
    "roles:write": gettext_lazy("Give and take roles"),
    "registration:read": gettext_lazy("See 10DLC brands and campaigns"),
    "registration:write": gettext_lazy("Change and submit 10DLC brands and campaigns, link numbers to them"),
    "tasks:read": gettext_lazy("See tasks and what became of their rows"),
    "tasks:write": gettext_lazy("Cancel tasks"),
    "alerts:read": gettext_lazy("See alerts"),
    "audit:read": gettext_lazy("See the audit log"),
    "tokens:read": gettext_lazy("See the user’s own API tokens"),
    "tokens:write": gettext_lazy("Make and revoke the user’s own API tokens"),
    "messages:read": gettext_lazy("Read the user’s own texts"),
    "messages:write": gettext_lazy("Send texts as the user"),
}
LONGEST_DAYS: Final = 366
"""A token that is never looked at again ends by itself."""
TOUCH_EVERY: Final = timedelta(minutes=1)
"""How exact `last_used_at` is: a busy client costs one write a minute."""


def _by_prefix(prefix: str) -> QuerySet[ApiToken]:
    """The token with its user, and whether there are roles to be read as well: most have none."""
    roles = RoleAssignment.objects.filter(
        user=OuterRef("user_id"), organization=OuterRef("user__organization_id")
    )  # fmt: skip
    return ApiToken.objects.select_related("user__organization").annotate(has_roles=Exists(roles)).filter(prefix=prefix)


_BY_PREFIX: Final = PreparedModels(_by_prefix, prefix="")
_FORM = re.compile(r"hub_(?P<prefix>[0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)


def issue(user: User, *, name: str, scopes: Iterable[str], expires_at: datetime, actor: Actor) -> tuple[ApiToken, str]:
    """A new token of the user: its row, and the token itself, which is nowhere else.

    Refusal: `unknown_scope`, `no_scope`, `no_organization` (operators), `user_inactive`.
    """
    wanted = sorted(set(scopes))
    organization = _organization_of(user)
    _refuse_unknown(wanted)
    prefix = secrets.token_hex(6)
    plain = f"hub_{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        token = ApiToken.objects.create(
            organization=organization, user=user, name=name, prefix=prefix, digest=digest_of(plain),
            scopes=wanted, expires_at=expires_at,
        )  # fmt: skip
        record_target(
            "api_token.created", actor, token, organization_id=organization.pk,
            after={"user": user.email, "name": name, "scopes": wanted, "expires_at": expires_at.isoformat()},
        )  # fmt: skip
    return token, plain


def revoke(token: ApiToken, actor: Actor, now: datetime) -> ApiToken:
    """It works no longer, from the next request on. One that was revoked already stays as it is."""
    with transaction.atomic():
        row = ApiToken.objects.select_for_update(no_key=True, of=("self",)).select_related("user").get(pk=token.pk)
        if row.revoked_at is None:
            row.revoked_at = now
            row.save(update_fields=["revoked_at"])
            record_target(
                "api_token.revoked", actor, row, organization_id=row.organization_id,
                before={"user": row.user.email, "name": row.name, "scopes": row.scopes},
            )  # fmt: skip
    return row


def revoke_all(user: User, actor: Actor, now: datetime) -> None:
    """Every token of the user that was not revoked yet. The rows are locked before the audit log's head."""
    with transaction.atomic():
        tokens = ApiToken.objects.filter(user=user, revoked_at__isnull=True).order_by("pk")
        for token in list(tokens.select_for_update(no_key=True)):
            revoke(token, actor, now)


def _organization_of(user: User) -> Organization:
    if user.organization is None:
        raise Refusal("no_organization", _("Provider operators have no organization, so no token of the API."))
    if not user.is_active:
        raise Refusal("user_inactive", _("This user is deactivated. Reactivate the user first."))
    return user.organization


def _refuse_unknown(scopes: list[str]) -> None:
    if not scopes:
        raise Refusal("no_scope", _("A token needs at least one scope."))
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        words = {"scope": unknown[0], "scopes": ", ".join(SCOPES)}
        raise Refusal("unknown_scope", _("There is no scope %(scope)s. Choose from: %(scopes)s.") % words)


def digest_of(plain: str) -> str:
    """SHA-256 of a token, as stored."""
    return hashlib.sha256(plain.encode()).hexdigest()


def is_presented(request: HttpRequest | Request) -> bool:
    """Whether the request brings a bearer token, good or not: then nothing else says who asks."""
    scheme: str = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0]
    return scheme.lower() == "bearer"


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer hub_...`. No such header: somebody else's turn. A header that is no good: 401."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        if not is_presented(request):
            return None
        now = timezone.now()
        token = _proven(request.META["HTTP_AUTHORIZATION"].partition(" ")[2].strip())
        _refuse_unless_current(token, now)
        if not token.has_roles:  # type: ignore[attr-defined]
            note_without_roles(token.user)
        _touch(token, now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _proven(plain: str) -> ApiToken:
    """The token's row, if the secret is right. What is unknown takes as long as what is wrong."""
    form = _FORM.fullmatch(plain)
    token = _BY_PREFIX.first(prefix=form["prefix"]) if form else None
    right = hmac.compare_digest(token.digest if token is not None else "0" * 64, digest_of(plain))
    if token is None or not right:
        raise exceptions.AuthenticationFailed(_("This token is not known. Check that it is whole."), "invalid_token")
    return token


def _refuse_unless_current(token: ApiToken, now: datetime) -> None:
    """Whoever holds the secret may know why it no longer works."""
    if token.revoked_at is not None:
        raise exceptions.AuthenticationFailed(_("This token was revoked. Ask for a new one."), "token_revoked")
    if token.expires_at <= now:
        raise exceptions.AuthenticationFailed(_("This token has expired. Ask for a new one."), "token_expired")
    if not token.user.is_active or token.user.organization_id != token.organization_id:
        raise exceptions.AuthenticationFailed(_("The user of this token is deactivated."), "user_inactive")


def _touch(token: ApiToken, now: datetime) -> None:
    """Keep when it was last used, without making a write of every read."""
    stale = now - TOUCH_EVERY
    if token.last_used_at is not None and token.last_used_at > stale:
        return
    never_or_stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=stale)
    ApiToken.objects.filter(never_or_stale, pk=token.pk).update(last_used_at=now)


class BrowserSession(SessionAuthentication):
    """The portal's own session, with its CSRF check worded as on pages."""

    def enforce_csrf(self, request: Any) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise exceptions.PermissionDenied(
                _("This form is too old to be sent. Reload the page, then send it again."), "stale_form"
            ) from error
