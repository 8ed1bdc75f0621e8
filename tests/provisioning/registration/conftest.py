"""What tests of registration have: a registry account, a registry in memory, a database that threads can share."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.models import Brand, Campaign, Organization, RegistryAccount
from provisioning.registration import registries
from tests.provisioning.registration import rows


@pytest.fixture(autouse=True)
def public_url(settings: Any) -> None:
    settings.PUBLIC_URL = rows.PUBLIC_URL


@pytest.fixture
def account(db: Any) -> RegistryAccount:
    return rows.registry_account()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> rows.RegistryInMemory:
    """Every account's registry is this one."""
    in_memory = rows.RegistryInMemory()
    monkeypatch.setitem(registries.ADAPTERS, "simulator", in_memory)
    return in_memory


@pytest.fixture
def brand(organization: Organization) -> Brand:
    """A complete draft."""
    return rows.brand_of(organization)


@pytest.fixture
def campaign(organization: Organization) -> Campaign:
    """A complete draft of a verified brand."""
    return rows.campaign_of(rows.brand_of(organization, status="verified", registry_id="B123456"))
