"""Who signed in, who signed out, who failed to: written to the audit log by Django's own signals.

A failed sign-in names the typed address only when it is an account's; anything else goes to the platform's chain
with a mask, so that a password typed into the wrong field is not kept. Passwords never come near here: Django
blanks them in the signal. What the page says is the same in every case (no account enumeration).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from provisioning.changes import Actor, Change, record, record_target
from provisioning.lock_out import attempted_name
from provisioning.models import User
from provisioning.session_store import note_sign_in

METHODS: Final = {
    "password": gettext_lazy("password"),
    "totp": gettext_lazy("authenticator app"),
    "webauthn": gettext_lazy("passkey"),
    "recovery_codes": gettext_lazy("recovery code"),
}
_WITH: Final = "signing_in_with"


def record_signed_in(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """user.signed_in. A sign-in that can't be recorded fails."""
    if request is not None:
        note_sign_in(request, user)
    by = getattr(request, _WITH, "")
    with transaction.atomic():
        record_target(
            "user.signed_in", _by(user, request), user, organization_id=user.organization_id,
            after={"with": by} if by else {},
        )  # fmt: skip


def signing_in_with(request: HttpRequest, *methods: str) -> None:
    """What the person showed, for the audit log: `password`, `totp`, `webauthn`, `recovery_codes`."""
    setattr(request, _WITH, ", ".join(str(METHODS[method]) for method in methods))


def record_second_step_failed(request: HttpRequest, user: User) -> None:
    """user.second_factor_failed: somebody knows the password and not the rest."""
    with transaction.atomic():
        record_target(
            "user.second_factor_failed", Actor(None, user.email, "portal", _ip(request)), user,
            organization_id=user.organization_id,
        )  # fmt: skip


def record_passkey_failed(request: HttpRequest, user: User | None) -> None:
    """user.sign_in_failed, with a passkey that is not the user's, or nobody's."""
    named = user.email if user is not None else mask("")
    _record_failed(named, user, request, {"with": str(METHODS["webauthn"])})


def record_signed_out(sender: Any, request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    """user.signed_out. Signing out twice leaves one event: the second time there is nobody."""
    if user is not None and user.pk is not None:
        with transaction.atomic():
            record_target("user.signed_out", _by(user, request), user, organization_id=user.organization_id)


def record_sign_in_failed(
    sender: Any, credentials: Mapping[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """user.sign_in_failed: on the account's chain when there is an account, else on the platform's, masked."""
    typed = attempted_name(request, credentials)
    account = User.objects.filter(email_key=typed).first()
    named = account.email if account else mask(typed)
    _record_failed(named, account, request, {})


def _record_failed(named: str, account: User | None, request: HttpRequest | None, after: dict[str, str]) -> None:
    with transaction.atomic():
        record(
            Change(
                action="user.sign_in_failed",
                actor=Actor(user_id=None, label=named, via="portal", ip=_ip(request)),
                organization_id=account.organization_id if account else None,
                target_type="user",
                target_id=str(account.pk) if account else "",
                target_label=named,
                after=after,
            )
        )


def mask(typed: str) -> str:
    """The first letter and the length: enough to tell a typing mistake from an attack, too little to keep."""
    return f"{typed[:1]}… ({len(typed)})" if typed else "…"


def _by(user: User, request: HttpRequest | None) -> Actor:
    return Actor.of_user(user, via="portal", ip=_ip(request))


def _ip(request: HttpRequest | None) -> str | None:
    return request.META.get("REMOTE_ADDR") or None if request is not None else None


def connect() -> None:
    """Called once, when the app is ready."""
    user_logged_in.connect(record_signed_in, dispatch_uid="audit.signed_in")
    user_logged_out.connect(record_signed_out, dispatch_uid="audit.signed_out")
    user_login_failed.connect(record_sign_in_failed, dispatch_uid="audit.sign_in_failed")
