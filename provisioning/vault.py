"""Sealing of carriers’ and registries’ credentials at rest: Fernet (AES-128-CBC, HMAC-SHA256), settings.FIELD_KEYS.

The first key seals, every key opens; so a key is rotated by putting a new one in front. Losing all keys loses the
credentials: they are then entered anew.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):  # noqa: N818
    """No key of FIELD_KEYS opens this: a key was lost, or the value was altered."""


def _keyring() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


def seal(credentials: dict[str, Any]) -> str:
    """Credentials as an opaque string for a column."""
    return _keyring().encrypt(json.dumps(credentials).encode()).decode()


def unseal(sealed: str) -> dict[str, Any]:
    """What `seal` was given; nothing for an empty column. Raises Unreadable."""
    if not sealed:
        return {}
    try:
        opened: dict[str, Any] = json.loads(_keyring().decrypt(sealed.encode()))
    except InvalidToken as error:
        raise Unreadable from error
    return opened
