"""Carriers: one file per carrier behind one protocol (base.py), found by the name in CarrierAccount.carrier."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol, cast

from messaging.carriers.bandwidth import BandwidthCarrier
from messaging.carriers.base import Carrier, Credential
from messaging.carriers.simulator import SimulatedCarrier
from messaging.carriers.twilio import TwilioCarrier
from provisioning import vault


class Maker(Protocol):
    """Makes an adapter of an account's base URL and its unsealed credentials: the adapter's class."""

    label: str
    default_base_url: str
    credentials: tuple[Credential, ...]
    answers_questions: bool

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


class Connected(Protocol):
    """What an adapter is made of: the columns of a carrier account, or of a row that has them."""

    @property
    def carrier(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def sealed_credentials(self) -> str: ...


def adapter_for(account: Connected) -> Carrier:
    """The adapter of an account, with its credentials. Raises UnknownCarrier, vault.Unreadable."""
    try:
        make = ADAPTERS[account.carrier]
    except KeyError:
        raise UnknownCarrier(account.carrier) from None
    return _made(cast(Any, make), account.base_url, account.sealed_credentials)


@lru_cache(maxsize=256)
def _made(make: Maker, base_url: str, sealed_credentials: str) -> Carrier:
    """Kept by everything it is made of, so a changed account gets a new one: to unseal takes longer than to send."""
    return make(base_url, vault.unseal(sealed_credentials))
