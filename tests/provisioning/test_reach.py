"""How many users can text: by location, and around the organization's switch."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.eligibility import KnownRoot, LocationReach, SwitchReach, able_to_text_by_location, switch_reach
from provisioning.models import Organization, User
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_location_counts_its_active_users_and_those_who_can_text(user: User, stranger: User) -> None:
    factories.UserFactory(location=user.location)
    factories.UserFactory(location=user.location, is_active=False)
    assert able_to_text_by_location(user.organization) == {user.location_id: LocationReach(able=1, users=2)}


def test_a_user_who_is_switched_off_is_not_able(user: User) -> None:
    User.objects.filter(pk=user.pk).update(texting_setting="off")
    assert able_to_text_by_location(user.organization)[user.location_id] == LocationReach(able=0, users=1)


def test_all_locations_are_counted_in_one_query_once_the_organization_is_known(
    organization: Organization, user: User, django_assert_num_queries: Any
) -> None:
    factories.texting_user(organization)
    root = KnownRoot.of(organization)
    with django_assert_num_queries(1):
        assert len(able_to_text_by_location(organization, root=root)) == 2


def test_the_switch_reaches_those_who_hang_on_it(organization: Organization, django_assert_num_queries: Any) -> None:
    factories.texting_user(organization)
    factories.texting_user(organization)
    factories.texting_user(organization, texting_setting="on")
    factories.texting_user(organization, texting_setting="off")
    factories.UserFactory(location=factories.LocationFactory(organization=organization))
    root = KnownRoot.of(organization)
    with django_assert_num_queries(1):
        reach = switch_reach(organization, root=root)
    assert reach == SwitchReach(users=5, able_when_on=3, able_when_off=1)
    assert reach.hang_on_switch == 2


def test_only_the_locations_asked_for_are_counted(organization: Organization, user: User) -> None:
    elsewhere = factories.texting_user(organization)
    assert list(able_to_text_by_location(organization, among=[elsewhere.location_id])) == [elsewhere.location_id]
    assert able_to_text_by_location(organization, among=[]) == {}


def test_a_healthcare_customer_that_has_not_confirmed_yet_is_told_who_can_text_once_it_has(user: User) -> None:
    factories.texting_user(user.organization, texting_setting="on")
    factories.UserFactory(location=user.location, license="standard")
    organization = user.organization
    organization.healthcare = True
    organization.save()
    assert switch_reach(organization) == SwitchReach(users=3, able_when_on=2, able_when_off=0)
    organization.phi_attested_at = factories.NOW
    organization.save()
    assert switch_reach(organization) == SwitchReach(users=3, able_when_on=2, able_when_off=1)
