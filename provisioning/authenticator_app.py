"""Setting up an authenticator app: a secret that the page shows as a QR code and that waits, sealed, in the form.

Nothing is stored before the first code was right, so looking at the page writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Final

import qrcode
import qrcode.image.svg
from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from cryptography.fernet import InvalidToken
from django.utils.safestring import SafeString, mark_safe

from provisioning.models import User
from provisioning.sealing import keyring

SEALED_FOR: Final = 1800
"""Seconds between the page and its first code."""


@dataclass(frozen=True, slots=True)
class NewApp:
    """A secret that no app is bound to yet."""

    user: User
    secret: str

    @property
    def address(self) -> str:
        """What the QR code says: otpauth://totp/…"""
        found: str = get_adapter().build_totp_url(self.user, self.secret)
        return found

    @property
    def grouped(self) -> str:
        """The secret to type by hand, in groups of four."""
        return " ".join(self.secret[start : start + 4] for start in range(0, len(self.secret), 4))

    @property
    def sealed(self) -> str:
        """For the form; good for this person, for half an hour."""
        return keyring().encrypt(f"{self.user.pk.hex} {self.secret}".encode()).decode()

    @property
    def drawing(self) -> SafeString:
        """The QR code as SVG, dark on light whatever the page's colours: cameras want it so."""
        image = qrcode.make(self.address, image_factory=qrcode.image.svg.SvgPathImage, box_size=20, border=4)
        drawn = BytesIO()
        image.save(drawn)
        svg = drawn.getvalue().decode()
        return mark_safe(svg[svg.index("<svg") :])  # noqa: S308  (drawn by qrcode from our own address)


def begin(user: User) -> NewApp:
    """A new secret, of 160 bits."""
    return NewApp(user, generate_totp_secret())


def unsealed(user: User, sealed: str, now: datetime) -> NewApp | None:
    """The secret that the page showed to this person; None when that is too long ago."""
    try:
        opened = keyring().decrypt_at_time(sealed, SEALED_FOR, int(now.timestamp())).decode()
    except (InvalidToken, ValueError, TypeError):
        return None
    user_id, _space, secret = opened.partition(" ")
    return NewApp(user, secret) if user_id == user.pk.hex and secret else None
