"""How django-allauth works here: its sign-in stages and second factors, our pages, our mail, our lock-out.

- None of its addresses exist, and no account is made by signing up: invitations make accounts.
- Its EmailAddress table stays empty: User.email is the only address, looked up by User.email_key. Nothing of allauth
  that would look a user up by address (unindexed, `iexact`) is called.
- Its rate limits are off: django-axes is the only lock-out (provisioning/lock_out.py).
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.translation import gettext as _

from provisioning.models import User
from provisioning.sealing import keyring

BACKEND = "django.contrib.auth.backends.ModelBackend"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Signing in. Single sign-on will come through the same stages."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        """After the password: the second factor, for whoever has one."""
        return ["provisioning.second_step.SecondStep"]

    def login(self, request: HttpRequest, user: User) -> None:
        """Django's own: a new session key, `user_logged_in`."""
        login(request, user, backend=BACKEND)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our views say what happened, in our words."""

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        """All mail goes through provisioning/mail.py."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """The same."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """texting_hub/proxy.py sets it; no header that anybody can send."""
        return str(request.META.get("REMOTE_ADDR", ""))


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Authenticator apps, recovery codes and passkeys."""

    def encrypt(self, text: str) -> str:
        """At rest under settings.FIELD_KEYS: the first key seals, every key opens."""
        return keyring().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return keyring().decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: User) -> str:
        return user.email

    def get_totp_issuer(self) -> str:
        return _("Texting Hub")

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Passkeys belong to the host name that the person sees, which ALLOWED_HOSTS has checked."""
        return {"id": host_of(context.request), "name": _("Texting Hub")}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        return {**super().get_public_key_credential_user_entity(user), "display_name": user.display_name}


def host_of(request: HttpRequest) -> str:
    """The host name without the port."""
    host = request.get_host()
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
