"""A user's override wins over the location, the location over the organization; and the source is known."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.enablement import Resolution, Source, resolve, resolve_default, resolve_location
from tests import factories

pytestmark = pytest.mark.django_db


def user_with(*, organization_on: bool, location: str = "default", own: str = "default") -> Any:
    organization = factories.OrganizationFactory(texting_enabled=organization_on)
    place = factories.LocationFactory(organization=organization, texting_setting=location)
    return factories.UserFactory(location=place, texting_setting=own)


@pytest.mark.parametrize("switch", [True, False])
def test_without_other_settings_the_organization_decides(switch: bool) -> None:
    assert resolve(user_with(organization_on=switch)) == Resolution(switch, Source.ORGANIZATION)


@pytest.mark.parametrize(("setting", "enabled"), [("on", True), ("off", False)])
def test_a_location_wins_over_the_organization(setting: str, enabled: bool) -> None:
    user = user_with(organization_on=not enabled, location=setting)
    assert resolve(user) == Resolution(enabled, Source.LOCATION)


@pytest.mark.parametrize(("setting", "enabled"), [("on", True), ("off", False)])
def test_a_user_override_wins_over_the_location(setting: str, enabled: bool) -> None:
    user = user_with(organization_on=not enabled, location="off" if enabled else "on", own=setting)
    assert resolve(user) == Resolution(enabled, Source.USER)


def test_without_a_location_the_organization_decides() -> None:
    organization = factories.OrganizationFactory(texting_enabled=True)
    user = factories.UserFactory(organization=organization, location=None)
    assert resolve(user) == Resolution(True, Source.ORGANIZATION)


def test_a_location_of_another_organization_decides_nothing() -> None:
    elsewhere = factories.LocationFactory(texting_setting="on")
    user = factories.UserFactory(location=elsewhere, organization=factories.OrganizationFactory(texting_enabled=False))
    assert resolve(user) == Resolution(False, Source.ORGANIZATION)


def test_a_provider_operator_has_texting_off() -> None:
    assert resolve(factories.OperatorFactory()) == Resolution(False, Source.ORGANIZATION)


def test_the_default_of_an_overridden_user_is_what_the_override_hides() -> None:
    user = user_with(organization_on=False, location="on", own="off")
    assert resolve_default(user) == Resolution(True, Source.LOCATION)


def test_a_location_without_a_setting_follows_the_organization() -> None:
    place = factories.LocationFactory(organization=factories.OrganizationFactory(texting_enabled=True))
    assert resolve_location(place) == Resolution(True, Source.ORGANIZATION)


def test_a_location_with_a_setting_decides_for_its_users() -> None:
    place = factories.LocationFactory(texting_setting="off")
    assert resolve_location(place) == Resolution(False, Source.LOCATION)
