"""Sealing of small secrets at rest and in forms: Fernet (AES-128-CBC, HMAC-SHA256) under settings.FIELD_KEYS.

The first key seals, every key opens; so a key is rotated by putting a new one in front.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def keyring() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
