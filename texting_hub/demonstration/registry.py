"""The demonstration's account at the registry: the simulator, wherever it listens today."""

from __future__ import annotations

import uuid
from typing import Final

from provisioning import vault
from provisioning.models import RegistryAccount
from texting_hub.up.programs import REGISTRY_ACCOUNT_ID

ACCOUNT_ID: Final = uuid.UUID(REGISTRY_ACCOUNT_ID)


def connect_registry(base_url: str, credentials: dict[str, str]) -> RegistryAccount:
    """Made once; its address and secrets are brought up to date every time, because ports change."""
    values = {"base_url": base_url, "sealed_credentials": vault.seal(credentials)}
    account, _made = RegistryAccount.objects.update_or_create(
        id=ACCOUNT_ID,
        defaults=values,
        create_defaults={"name": "Registry simulator", "registry": "simulator", **values},
    )
    return account
