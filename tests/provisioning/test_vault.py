"""Credentials at rest."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from provisioning import vault

CREDENTIALS = {"api_key": "k-123", "webhook_secret": "s-456"}


def test_what_is_sealed_opens_again_and_cannot_be_read() -> None:
    sealed = vault.seal(CREDENTIALS)
    assert "k-123" not in sealed
    assert vault.unseal(sealed) == CREDENTIALS


def test_an_account_without_credentials_has_none() -> None:
    assert vault.unseal("") == {}


def test_a_new_key_in_front_still_opens_what_the_old_one_sealed(settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = [old]
    sealed = vault.seal(CREDENTIALS)
    settings.FIELD_KEYS = [new, old]
    assert vault.unseal(sealed) == CREDENTIALS
    resealed = vault.seal(CREDENTIALS)
    settings.FIELD_KEYS = [new]
    assert vault.unseal(resealed) == CREDENTIALS
    with pytest.raises(vault.Unreadable):
        vault.unseal(sealed)


def test_an_altered_value_does_not_open() -> None:
    with pytest.raises(vault.Unreadable):
        vault.unseal(vault.seal(CREDENTIALS)[:-4] + "AAAA")
