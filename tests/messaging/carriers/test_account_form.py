"""Connecting an account: the form says what each carrier needs, what is missing, and nothing of what was typed."""

from __future__ import annotations

import json

import pytest

from messaging.admin import CarrierAccountForm
from messaging.carriers import ADAPTERS
from messaging.models import CarrierAccount
from provisioning import vault
from tests.messaging.carriers import bandwidth_cases, simulator_cases, twilio_cases

GIVEN = {
    "simulator": simulator_cases.CREDENTIALS,
    "twilio": twilio_cases.CREDENTIALS,
    "bandwidth": bandwidth_cases.CREDENTIALS,
}
pytestmark = pytest.mark.django_db


def form(carrier: str, credentials: dict[str, str] | None, account: CarrierAccount | None = None) -> CarrierAccountForm:
    typed = json.dumps(credentials) if credentials is not None else ""
    data = {"name": "Main", "carrier": carrier, "base_url": "https://carrier.example", "credentials": typed}
    return CarrierAccountForm(data, instance=account)


@pytest.mark.parametrize("carrier", ADAPTERS)
def test_an_account_is_connected_with_what_its_carrier_needs(carrier: str) -> None:
    assert form(carrier, GIVEN[carrier]).errors == {}


@pytest.mark.parametrize(
    ("carrier", "name"),
    [(carrier, one.name) for carrier, make in ADAPTERS.items() for one in make.credentials if one.required],
)
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named(carrier: str, name: str, value: str | None) -> None:
    given = {**GIVEN[carrier], name: value} if value is not None else {**GIVEN[carrier]}
    if value is None:
        del given[name]
    assert form(carrier, given).errors == {"credentials": [f"Missing: {name}."]}


def test_half_an_api_key_is_none() -> None:
    given = {**GIVEN["twilio"], "api_key_sid": "SK1"}
    assert form("twilio", given).errors == {"credentials": ["Missing: api_key_secret."]}
    assert form("twilio", {**given, "api_key_secret": "x"}).errors == {}


def test_a_name_that_the_carrier_does_not_know_is_refused_and_not_shown_back() -> None:
    (error,) = form("twilio", {**GIVEN["twilio"], "secret-as-name": "x"}).errors["credentials"]
    assert "It knows: account_sid, auth_token" in error
    assert "secret-as-name" not in error


def test_a_new_account_needs_credentials_and_an_old_one_keeps_them() -> None:
    assert "Missing: api_key" in form("simulator", None).errors["credentials"][0]
    account = CarrierAccount.objects.create(
        name="Old", carrier="twilio", base_url="https://x.example", sealed_credentials=vault.seal({"a": "b"})
    )
    assert form("twilio", None, account).errors == {}


def test_the_page_names_every_carriers_address_and_credentials() -> None:
    page = CarrierAccountForm().as_p()
    for make in ADAPTERS.values():
        assert make.label in page
        assert make.default_base_url in page
        assert all(f"<code>{one.name}</code>" in page for one in make.credentials)
