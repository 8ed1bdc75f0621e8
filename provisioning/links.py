"""Links in mail that let a person in: signed, for one purpose, used once, dead after their time.

A link carries the user's id, when it ends, and a fingerprint of everything that must not have changed since: purpose,
address, password, being active, and the last invitation. Choosing a password changes the fingerprint, so a link works
once; a newer invitation makes the older ones void. The links of both purposes are addresses of PUBLIC_URL, never of the
Host header, and carry the key in the query, which no log of ours keeps.
"""

from __future__ import annotations

import hmac
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.crypto import salted_hmac

from provisioning.models import User

_SALT: Final = "provisioning.links"


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
    """The key of a link."""
    content = [user.pk.hex, int((now + purpose.lasts).timestamp()), _fingerprint(user, purpose)]
    return signing.dumps(content, salt=_salt(purpose))


def read(key: str, purpose: Purpose, now: datetime, *, lock: bool = False) -> Link | None:
    """The link, if it is good. `lock` holds the user's row, so that of two answers to one link one comes too late."""
    try:
        content: Any = signing.loads(key, salt=_salt(purpose))
        user_id, ends, fingerprint = uuid.UUID(content[0]), datetime.fromtimestamp(content[1], UTC), str(content[2])
    except (signing.BadSignature, ValueError, TypeError, IndexError, UnicodeError):
        return None
    users = User.objects.select_for_update(no_key=True, of=("self",)) if lock else User.objects.all()
    user = users.select_related("organization").filter(pk=user_id, is_active=True).first()
    if user is None or now >= ends or not hmac.compare_digest(fingerprint, _fingerprint(user, purpose)):
        return None
    return Link(user, ends)


def _fingerprint(user: User, purpose: Purpose) -> str:
    invited = user.invited_at.astimezone(UTC).isoformat() if user.invited_at and purpose is Purpose.INVITATION else ""
    state = "|".join([user.pk.hex, user.email_key, user.password, str(user.is_active), invited])
    return salted_hmac(_salt(purpose), state, algorithm="sha256").hexdigest()[:32]


def _salt(purpose: Purpose) -> str:
    return f"{_SALT}.{purpose.name.lower()}"
