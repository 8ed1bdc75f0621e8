"""Carriers: one file per carrier behind one protocol (base.py), found by the name in CarrierAccount.carrier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from messaging.carriers.bandwidth import BandwidthCarrier
from messaging.carriers.base import Carrier, Credential
from messaging.carriers.simulator import SimulatedCarrier
from messaging.carriers.twilio import TwilioCarrier
from messaging.models import CarrierAccount
from provisioning import vault


class Maker(Protocol):
    """Makes an adapter of an account's base URL and its unsealed credentials: the adapter's class."""

    label: str
    default_base_url: str
    credentials: tuple[Credential, ...]

    def __call__(self, base_url: str, credentials: Mapping[str, Any], /) -> Carrier:
        """The adapter."""
        ...


ADAPTERS: dict[str, Maker] = {
    "simulator": SimulatedCarrier,
    "twilio": TwilioCarrier,
    "bandwidth": BandwidthCarrier,
}


class UnknownCarrier(Exception):  # noqa: N818
    """An account names a carrier for which there is no adapter."""


def adapter_for(account: CarrierAccount) -> Carrier:
    """The adapter of an account, with its credentials. Raises UnknownCarrier, vault.Unreadable."""
    try:
        make = ADAPTERS[account.carrier]
    except KeyError:
        raise UnknownCarrier(account.carrier) from None
    return make(account.base_url, vault.unseal(account.sealed_credentials))
