"""Two administrators at the same moment: one number has one owner and one user, a campaign 49 numbers."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.changes import Actor
from provisioning.models import NumberTenure, PhoneNumber, RowOutcome
from provisioning.number_additions import Addition, add
from provisioning.number_assignment import assign_many
from provisioning.number_inventory import link
from tests import factories
from tests.compliance.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = Actor.system("test")
NOW = factories.NOW


def test_of_two_users_who_are_given_a_number_at_once_one_has_it(shared_database: Any) -> None:
    organization = factories.OrganizationFactory()
    location = factories.LocationFactory(organization=organization)
    users = [factories.UserFactory(organization=organization, location=location) for _ in range(2)]
    for _round in range(5):
        number = factories.PhoneNumberFactory(organization=organization)
        answers: list[Any] = []

        def give(user: Any, number: Any = number, answers: list[Any] = answers) -> None:
            answers.extend(assign_many([(user, number)], ACTOR, NOW))

        at_once(lambda: give(users[0]), lambda: give(users[1]))
        assert sorted(answer.code if answer else "" for answer in answers) == ["", "number_taken"]
        assert NumberTenure.objects.filter(number=number, until__isnull=True).count() == 1


def test_two_users_exchange_numbers_while_others_do_the_same(shared_database: Any) -> None:
    """Locks are taken in one order, so nobody waits for ever."""
    organization = factories.OrganizationFactory()
    location = factories.LocationFactory(organization=organization)
    users = [factories.UserFactory(organization=organization, location=location) for _ in range(6)]
    numbers = [factories.PhoneNumberFactory(organization=organization, user=user) for user in users]

    def rotate(step: int) -> None:
        for turn in range(5):
            assign_many(
                [(user, numbers[(place + step * turn) % 6]) for place, user in enumerate(users)][::step], ACTOR, NOW
            )

    at_once(lambda: rotate(1), lambda: rotate(-1))
    held = list(PhoneNumber.objects.order_by("pk").values_list("user_id", flat=True))
    assert set(held) == {user.pk for user in users}


def test_of_two_organizations_that_add_a_number_at_once_one_has_it(shared_database: Any) -> None:
    places = [factories.LocationFactory() for _ in range(2)]
    for round_ in range(5):
        e164s = [f"+1650555{round_}{place:03d}" for place in range(20)]
        outcomes: list[Any] = []

        def take(place: Any, e164s: list[str] = e164s, outcomes: list[Any] = outcomes) -> None:
            outcomes.extend(add(Addition(place, "other"), e164s, ACTOR, NOW))

        at_once(lambda: take(places[0]), lambda: take(places[1]))
        for e164 in e164s:
            found = sorted(one.outcome for one in outcomes if one.e164 == e164)
            assert found == [RowOutcome.CHANGED, RowOutcome.REFUSED]
        assert PhoneNumber.objects.owned().filter(e164__in=e164s).count() == 20


def test_two_who_link_numbers_at_once_do_not_share_the_last_place(shared_database: Any) -> None:
    organization = factories.OrganizationFactory()
    campaign = factories.CampaignFactory(brand__organization=organization)
    numbers = [factories.PhoneNumberFactory(organization=organization) for _ in range(60)]
    at_once(
        lambda: link(numbers[:30], campaign, ACTOR, NOW),
        lambda: link(numbers[30:], campaign, ACTOR, NOW),
    )
    assert campaign.numbers.count() == 49
