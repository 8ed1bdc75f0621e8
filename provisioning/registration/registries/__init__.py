"""Registries: one file each behind one protocol (base.py), found by the name in RegistryAccount.registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from provisioning import vault
from provisioning.models import RegistryAccount
from provisioning.registration.registries.base import Registry
from provisioning.registration.registries.simulator import SimulatedRegistry

Maker = Callable[[str, Mapping[str, Any]], Registry]
"""Makes an adapter of an account's base URL and its unsealed credentials."""

ADAPTERS: dict[str, Maker] = {"simulator": SimulatedRegistry}


class UnknownRegistry(Exception):  # noqa: N818
    """An account names a registry for which there is no adapter."""


def registry_of(account: RegistryAccount) -> Registry:
    """The adapter of an account, with its credentials. Raises UnknownRegistry, vault.Unreadable."""
    try:
        make = ADAPTERS[account.registry]
    except KeyError:
        raise UnknownRegistry(account.registry) from None
    return make(account.base_url, vault.unseal(account.sealed_credentials))
