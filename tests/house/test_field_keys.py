"""A key is rotated without anything being lost: seal anew, check, take the old one away."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from compliance.models import AuditEvent
from messaging.models import CarrierAccount
from provisioning import vault
from provisioning.models import RegistryAccount
from tests import factories
from tests.provisioning.registration.rows import registry_account
from texting_hub import field_keys

pytestmark = pytest.mark.django_db
CREDENTIALS = {"api_key": "k-123"}
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def sealed(settings: Any, user: Any) -> Any:
    """One of everything that is sealed, with the old key; and a passkey, which has nothing to seal."""
    settings.FIELD_KEYS = [OLD]
    CarrierAccount.objects.update(sealed_credentials="")
    factories.CarrierAccountFactory(sealed_credentials=vault.seal(CREDENTIALS))
    registry_account()
    encrypt = get_adapter().encrypt
    Authenticator.objects.create(user=user, type="totp", data={"secret": encrypt("TOTP")})
    Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": encrypt("seed"), "used_mask": 5})
    Authenticator.objects.create(user=user, type="webauthn", data={"name": "Key", "credential": {}})
    return settings


def test_after_a_rotation_the_old_key_is_not_needed(sealed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sealed.FIELD_KEYS = [NEW, OLD]
    call_command("rotate_field_keys")
    said = capsys.readouterr().out
    assert "Carrier accounts: 0 had the first key, 1 were sealed anew." in said
    assert "Registry accounts: 0 had the first key, 1 were sealed anew." in said
    assert "Second factors: 0 had the first key, 2 were sealed anew." in said
    assert "the others may be taken out" in said
    sealed.FIELD_KEYS = [NEW]
    opened = [
        vault.unseal(account.sealed_credentials) for account in CarrierAccount.objects.exclude(sealed_credentials="")
    ]
    assert opened == [CREDENTIALS]
    assert vault.unseal(RegistryAccount.objects.get().sealed_credentials)["api_key"] == "key"
    factors = {one.type: one.data for one in Authenticator.objects.all()}
    assert get_adapter().decrypt(factors["totp"]["secret"]) == "TOTP"
    assert get_adapter().decrypt(factors["recovery_codes"]["seed"]) == "seed"
    assert factors["recovery_codes"]["used_mask"] == 5
    assert AuditEvent.objects.get(action="field_keys.rotated").after == {"keys": 2}


def test_a_check_says_what_still_needs_an_old_key_and_writes_nothing(sealed: Any) -> None:
    sealed.FIELD_KEYS = [NEW, OLD]
    before = list(CarrierAccount.objects.values_list("sealed_credentials", flat=True))
    with pytest.raises(CommandError, match="older_keys_needed"):
        call_command("rotate_field_keys", "--check")
    assert list(CarrierAccount.objects.values_list("sealed_credentials", flat=True)) == before
    sealed.FIELD_KEYS = [OLD]
    call_command("rotate_field_keys", "--check")


def test_what_no_key_opens_is_told_and_left_as_it_is(sealed: Any) -> None:
    sealed.FIELD_KEYS = [NEW]
    before = Authenticator.objects.get(type="totp").data
    with pytest.raises(CommandError, match="unreadable"):
        call_command("rotate_field_keys")
    assert Authenticator.objects.get(type="totp").data == before


def test_a_second_run_finds_nothing_to_do(sealed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_keys, "BATCH", 1)
    factories.CarrierAccountFactory(sealed_credentials=vault.seal(CREDENTIALS))
    sealed.FIELD_KEYS = [NEW, OLD]
    assert sum(found.old for found in field_keys.rotate()) == 5
    assert sum(found.old for found in field_keys.rotate()) == 0
    assert sum(found.current for found in field_keys.check()) == 5


def test_every_sealed_column_is_found() -> None:
    """A new model that seals something names its column so, or this list of the exceptions grows."""
    names = {(place.rows.model.__name__, place.column) for place in field_keys._places()}
    assert names >= {("CarrierAccount", "sealed_credentials"), ("RegistryAccount", "sealed_credentials")}
    assert ("Authenticator", "data") in names


def test_what_an_earlier_secret_key_signed_still_counts(settings: Any) -> None:
    from django.core import signing

    signed = signing.dumps("x")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert signing.loads(signed) == "x"
