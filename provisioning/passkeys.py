"""What a browser is asked when a passkey is made or used (WebAuthn), and whether it can be asked at this address."""

from __future__ import annotations

import ipaddress
from typing import Any

from allauth.mfa.webauthn.internal import auth as webauthn
from django.http import HttpRequest

from provisioning.allauth_adapters import host_of
from provisioning.models import User


def challenge(user: User | None) -> dict[str, Any]:
    """Options for `navigator.credentials.get()`: one of the user's passkeys, or any of this site."""
    options: dict[str, Any] = webauthn.begin_authentication(user)
    return options


def creation(user: User) -> dict[str, Any]:
    """Options for `navigator.credentials.create()`: a passkey that verifies its person and can sign in alone."""
    options: dict[str, Any] = webauthn.begin_registration(user, passwordless=True)
    return options


def work_at(request: HttpRequest) -> bool:
    """Browsers keep passkeys for names over HTTPS, and for localhost; never for a bare IP address."""
    host = host_of(request)
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return request.is_secure() or host == "localhost" or host.endswith(".localhost")
    return False
