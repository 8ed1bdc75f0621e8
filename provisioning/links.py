"""Links in mail that let a person in: signed, for one purpose, used once, dead after their time.

A link carries the user's id, when it ends, and a signature over both and over everything that must not have changed
since: purpose, address, password, being active, and the last invitation. Choosing a password changes that, so a link
works once; a newer invitation makes the older ones void. Links are addresses of PUBLIC_URL, never of the Host header,
and carry the key in the query, which no log of ours keeps.
"""

from __future__ import annotations

import base64
import hmac
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import salted_hmac

from provisioning.models import User

_SALT: Final = "provisioning.links"
_FORM: Final = re.compile(
    r"(?P<body>(?P<user>[A-Za-z0-9_-]{22})\.(?P<ends>[0-9a-f]{1,9}))\.(?P<mac>[A-Za-z0-9_-]{32})", re.ASCII
)


class Purpose(Enum):
    """What a link is for: its URL name, and how long it lasts."""

    INVITATION = ("accept_invitation", timedelta(days=7))
    RESET = ("set_password", timedelta(hours=1))

    @property
    def page(self) -> str:
        return self.value[0]

    @property
    def lasts(self) -> timedelta:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is good: for whom, until when."""

    user: User
    ends: datetime


def address(user: User, purpose: Purpose, now: datetime) -> str:
    """The whole address to put into the mail."""
    return f"{settings.PUBLIC_URL}{reverse(purpose.page)}?key={make(user, purpose, now)}"


def make(user: User, purpose: Purpose, now: datetime) -> str:
    """The key of a link: whose, until when, and the signature."""
    body = f"{_base64(user.pk.bytes)}.{int((now + purpose.lasts).timestamp()):x}"
    return f"{body}.{_signature(body, user, purpose)}"


def read(key: str, purpose: Purpose, now: datetime, *, lock: bool = False) -> Link | None:
    """The link, if it is good. `lock` holds the user's row, so that of two answers to one link one comes too late."""
    parts = _FORM.fullmatch(key)
    if parts is None:
        return None
    user_id = uuid.UUID(bytes=base64.urlsafe_b64decode(parts["user"] + "=="))
    ends = datetime.fromtimestamp(int(parts["ends"], 16), UTC)
    users = User.objects.select_for_update(no_key=True, of=("self",)) if lock else User.objects.all()
    user = users.select_related("organization").filter(pk=user_id, is_active=True).first()
    if user is None or now >= ends or not hmac.compare_digest(parts["mac"], _signature(parts["body"], user, purpose)):
        return None
    return Link(user, ends)


def _signature(body: str, user: User, purpose: Purpose) -> str:
    """HMAC-SHA256 under SECRET_KEY, 192 bits of it."""
    invited = user.invited_at.astimezone(UTC).isoformat() if user.invited_at and purpose is Purpose.INVITATION else ""
    state = "|".join([body, user.pk.hex, user.email, user.password, str(user.is_active), invited])
    return _base64(salted_hmac(f"{_SALT}.{purpose.name.lower()}", state, algorithm="sha256").digest()[:24])


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
