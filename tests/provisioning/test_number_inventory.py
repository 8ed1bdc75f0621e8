"""Numbers of an organization: added, activated, moved, linked, given up, and added again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import IntegrityError

from provisioning import number_additions
from provisioning.changes import Actor
from provisioning.models import Campaign, Location, NumberTenure, Organization, PhoneNumber, User
from provisioning.number_additions import Addition, add, source_of
from provisioning.number_inventory import Result, link, move, release, set_active
from tests.factories import NOW, CampaignFactory, LocationFactory, PhoneNumberFactory, UserFactory
from tests.provisioning.recorded import recorded

ACTOR = Actor.system("test")


@pytest.fixture
def location(organization: Organization) -> Location:
    return LocationFactory(organization=organization, name="San Francisco")


@pytest.fixture
def campaign(organization: Organization) -> Campaign:
    return CampaignFactory(brand__organization=organization)


def block(count: int, first: int = 14156560000) -> list[str]:
    return [f"+{first + place}" for place in range(count)]


def numbers(organization: Organization, count: int, **fields: Any) -> list[PhoneNumber]:
    return [PhoneNumberFactory(organization=organization, **fields) for _ in range(count)]


def codes(results: Sequence[Result]) -> list[str]:
    return [result.refusal.code if result.refusal else result.outcome for result in results]


def test_numbers_are_added_active_free_and_with_the_carrier_still_to_be_asked(location: Location) -> None:
    with recorded() as changes:
        results = add(Addition(location, source_of(location)), block(2), ACTOR, NOW)
    assert codes(results) == ["changed", "changed"]
    row = PhoneNumber.objects.get(e164="+14156560000")
    assert (row.pk, row.organization, row.location) == (results[0].number_id, location.organization, location)
    assert (row.active, row.user, row.capability, row.capability_due_at) == (True, None, "unknown", NOW)
    assert row.source == "cisco_calling_plan"
    assert [(change.action, change.target_label) for change in changes] == [
        ("number.added", "+14156560000"), ("number.added", "+14156560001"),
    ]  # fmt: skip
    assert changes[0].after == {"location": "San Francisco", "source": "Cisco Calling Plan"}


def test_numbers_of_a_location_on_a_local_gateway_come_from_another_provider(organization: Organization) -> None:
    assert source_of(LocationFactory(organization=organization, pstn_connection="local_gateway")) == "other"


def test_what_is_in_the_inventory_stays_as_it_is(location: Location, user: User) -> None:
    number = PhoneNumber.objects.get(user=user)
    with recorded() as changes:
        results = add(Addition(location, "other"), [number.e164], ACTOR, NOW)
    assert (codes(results), results[0].number_id, changes) == (["unchanged"], number.pk, [])
    number.refresh_from_db()
    assert (number.user, number.source) == (user, "cisco_calling_plan")


def test_another_organizations_number_is_refused_without_naming_it(location: Location, stranger: User) -> None:
    number = PhoneNumber.objects.get(user=stranger)
    results = add(Addition(location, "other"), [number.e164, *block(1)], ACTOR, NOW)
    assert codes(results) == ["number_unavailable", "changed"]
    assert results[0].refusal is not None
    assert stranger.organization.name not in results[0].refusal.sentence
    assert results[0].number_id is None


def test_a_released_number_comes_back_as_the_row_it_was(location: Location, user: User) -> None:
    number = PhoneNumber.objects.get(user=user)
    release([number], ACTOR, NOW)
    results = add(Addition(location, "cisco_calling_plan"), [number.e164], ACTOR, NOW)
    assert (codes(results), results[0].number_id) == (["changed"], number.pk)
    number.refresh_from_db()
    assert (number.released_at, number.active, number.user, number.campaign) == (None, True, None, None)
    assert (number.location, number.capability) == (location, "unknown")


def test_another_organization_that_adds_a_released_number_has_a_row_of_its_own(user: User, stranger: User) -> None:
    number = PhoneNumber.objects.get(user=user)
    release([number], ACTOR, NOW)
    results = add(Addition(stranger.location, "other"), [number.e164], ACTOR, NOW)
    assert codes(results) == ["changed"]
    assert results[0].number_id != number.pk
    back = add(Addition(user.location, "other"), [number.e164], ACTOR, NOW)
    assert codes(back) == ["number_unavailable"]
    number.refresh_from_db()
    assert number.released_at == NOW


def test_of_two_organizations_that_add_a_number_at_once_one_finds_it_taken(
    location: Location, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look finds it free the first time, as it does when the other one has not committed yet."""
    number = PhoneNumber.objects.get(user=stranger)
    look = number_additions.held_elsewhere
    answers = iter([set()])
    monkeypatch.setattr(number_additions, "held_elsewhere", lambda *asked: next(answers, None) or look(*asked))
    assert codes(add(Addition(location, "other"), [number.e164], ACTOR, NOW)) == ["number_unavailable"]


def test_the_campaign_takes_49_of_50_numbers_that_are_added(location: Location, campaign: Campaign) -> None:
    results = add(Addition(location, "other", campaign), block(50), ACTOR, NOW)
    assert codes(results) == ["changed"] * 49 + ["campaign_full"]
    assert "without a number pool" in results[-1].refusal.sentence  # type: ignore[union-attr]
    assert campaign.numbers.count() == PhoneNumber.objects.count() == 49


def test_the_fiftieth_number_that_is_linked_is_refused(organization: Organization, campaign: Campaign) -> None:
    assert codes(link(numbers(organization, 50), campaign, ACTOR, NOW)) == ["changed"] * 49 + ["campaign_full"]


def test_a_number_pool_takes_as_many_as_you_like(organization: Organization) -> None:
    pool = CampaignFactory(brand__organization=organization, number_pool=True)
    assert codes(link(numbers(organization, 50), pool, ACTOR, NOW)) == ["changed"] * 50


def test_numbers_that_are_not_active_take_no_place_until_they_are_activated(
    organization: Organization, campaign: Campaign
) -> None:
    link(numbers(organization, 48), campaign, ACTOR, NOW)
    resting = numbers(organization, 2, active=False)
    assert codes(link(resting, campaign, ACTOR, NOW)) == ["changed", "changed"]
    assert codes(set_active(resting, True, ACTOR, NOW)) == ["changed", "campaign_full"]


def test_linking_says_which_campaign_it_was_and_is(organization: Organization, campaign: Campaign) -> None:
    (number,) = numbers(organization, 1)
    with recorded() as changes:
        link([number], campaign, ACTOR, NOW)
        link([number], campaign, ACTOR, NOW)
        link([number], None, ACTOR, NOW)
    shown = campaign.registry_id
    assert [(change.before, change.after) for change in changes] == [
        ({"campaign": None}, {"campaign": shown}), ({"campaign": shown}, {"campaign": None}),
    ]  # fmt: skip


def test_another_organizations_campaign_and_location_are_refused(organization: Organization, stranger: User) -> None:
    number = numbers(organization, 1)
    theirs = Campaign.objects.get(organization=stranger.organization)
    assert codes(link(number, theirs, ACTOR, NOW)) == ["campaign_of_others"]
    assert codes(move(number, stranger.location, ACTOR, NOW)) == ["location_of_others"]


def test_a_number_that_moves_stays_its_users(user: User, location: Location) -> None:
    number = PhoneNumber.objects.get(user=user)
    with recorded() as changes:
        assert codes(move([number], location, ACTOR, NOW)) == ["changed"]
    number.refresh_from_db()
    assert (number.user, number.location) == (user, location)
    assert (changes[0].before, changes[0].after) == ({"location": str(user.location)}, {"location": "San Francisco"})


def test_a_locations_main_number_is_neither_moved_nor_deleted(organization: Organization, location: Location) -> None:
    (number,) = numbers(organization, 1, location=location)
    Location.objects.filter(pk=location.pk).update(main_number=number)
    other = LocationFactory(organization=organization)
    results = [*move([number], other, ACTOR, NOW), *release([number], ACTOR, NOW)]
    assert codes(results) == ["main_number", "main_number"]
    assert "main number of San Francisco" in results[0].refusal.sentence  # type: ignore[union-attr]
    number.refresh_from_db()
    assert (number.location, number.released_at) == (location, None)


def test_activating_and_deactivating_writes_only_what_changes(organization: Organization) -> None:
    on, off = *numbers(organization, 1), *numbers(organization, 1, active=False)
    with recorded() as changes:
        assert codes(set_active([on, off], False, ACTOR, NOW)) == ["changed", "unchanged"]
        assert codes(set_active([on, off], True, ACTOR, NOW)) == ["changed", "changed"]
    assert [change.action for change in changes] == ["number.deactivated", "number.activated", "number.activated"]


def test_a_released_number_is_nobodys_and_its_user_has_none(user: User) -> None:
    number = PhoneNumber.objects.get(user=user)
    with recorded() as changes:
        assert codes(release([number], ACTOR, NOW)) == ["changed"]
    number.refresh_from_db()
    assert (number.user, number.location, number.campaign, number.active) == (None, None, None, False)
    assert number.released_at == NOW
    assert NumberTenure.objects.get(number=number).until == NOW
    assert [(change.action, change.target_type) for change in changes] == [
        ("number.released", "phonenumber"), ("user.primary_number_changed", "user"),
    ]  # fmt: skip
    assert changes[1].before == {"primary_number": number.e164}


def test_what_is_released_already_is_refused_by_every_action(organization: Organization, location: Location) -> None:
    (number,) = numbers(organization, 1)
    release([number], ACTOR, NOW)
    again = [*release([number], ACTOR, NOW), *move([number], location, ACTOR, NOW)]
    again += [*set_active([number], True, ACTOR, NOW), *link([number], None, ACTOR, NOW)]
    assert codes(again) == ["number_released"] * 4


def test_the_row_of_a_number_outlives_every_attempt_to_delete_it_with_its_history(user: User) -> None:
    number = PhoneNumber.objects.get(user=user)
    release([number], ACTOR, NOW)
    with pytest.raises(IntegrityError):
        PhoneNumber.objects.filter(pk=number.pk).delete()


Act = Callable[[list[PhoneNumber], Location, Campaign], list[Result]]


@pytest.mark.parametrize(
    ("act", "queries"),
    [
        pytest.param(lambda rows, location, campaign: set_active(rows, False, ACTOR, NOW), 7, id="deactivate"),
        pytest.param(lambda rows, location, campaign: move(rows, location, ACTOR, NOW), 8, id="move"),
        pytest.param(lambda rows, location, campaign: link(rows, campaign, ACTOR, NOW), 9, id="link"),
        pytest.param(lambda rows, location, campaign: release(rows, ACTOR, NOW), 14, id="release"),
    ],
)  # fmt: skip
def test_a_batch_takes_as_many_queries_as_one_number(
    organization: Organization,
    location: Location,
    act: Act,
    queries: int,
    django_assert_num_queries: Any,
) -> None:
    pool = CampaignFactory(brand__organization=organization, number_pool=True)
    add(Addition(location, "other"), block(1), ACTOR, NOW)  # Begins the organization's audit chain.
    for count in (2, 40):
        rows = numbers(organization, count)
        for row in rows:
            PhoneNumber.objects.filter(pk=row.pk).update(user=UserFactory(organization=organization, location=None))
        with django_assert_num_queries(queries):
            assert codes(act(rows, location, pool)) == ["changed"] * count


def test_adding_a_batch_takes_as_many_queries_as_one_number(location: Location, django_assert_num_queries: Any) -> None:
    addition = Addition(location, "other")
    add(addition, block(1), ACTOR, NOW)  # Begins the organization's audit chain.
    for count, first in ((2, 14156570000), (40, 14156580000)):
        with django_assert_num_queries(9):
            add(addition, block(count, first), ACTOR, NOW)
