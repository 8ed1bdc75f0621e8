"""The demonstration's carrier account: the simulator, wherever it listens today."""

from __future__ import annotations

import uuid
from typing import Final

from messaging.models import CarrierAccount
from provisioning import vault

ACCOUNT_ID: Final = uuid.UUID("01990000-0000-7000-8000-00000000000c")


def connect_simulator(base_url: str, credentials: dict[str, str]) -> CarrierAccount:
    """Made once; its address and secrets are brought up to date every time, because ports change."""
    account, _made = CarrierAccount.objects.update_or_create(
        id=ACCOUNT_ID,
        defaults={"base_url": base_url, "sealed_credentials": vault.seal(credentials)},
        create_defaults={
            "name": "Carrier simulator",
            "carrier": "simulator",
            "base_url": base_url,
            "sealed_credentials": vault.seal(credentials),
        },
    )
    return account
