"""Primary numbers: one a user, one user a number, and a history of who had it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from provisioning.changes import Actor
from provisioning.models import NumberTenure, Organization, PhoneNumber, User
from provisioning.number_assignment import assign_many, assign_primary, reassign, release_primary
from provisioning.refusals import Refusal
from tests.factories import NOW, PhoneNumberFactory, UserFactory
from tests.provisioning.recorded import recorded

ACTOR = Actor.system("test")


@pytest.fixture
def person(organization: Organization) -> User:
    """Somebody without a number."""
    return UserFactory(organization=organization, location=None)


@pytest.fixture
def spare(organization: Organization) -> PhoneNumber:
    """A number that nobody has."""
    return PhoneNumberFactory(organization=organization)


def number_of(user: User) -> PhoneNumber | None:
    return PhoneNumber.objects.filter(user=user).first()


def test_a_free_number_becomes_the_users_primary_number(person: User, spare: PhoneNumber) -> None:
    with recorded() as changes:
        row = assign_primary(person, spare, ACTOR, NOW)
    assert row.user == person
    (change,) = changes
    assert (change.action, change.target_type, change.target_id) == (
        "user.primary_number_changed", "user", str(person.pk),
    )  # fmt: skip
    assert (change.before, change.after) == ({"primary_number": None}, {"primary_number": spare.e164})


def test_another_number_frees_the_one_before(person: User, spare: PhoneNumber) -> None:
    first = PhoneNumberFactory(organization=person.organization, user=person)
    assign_primary(person, spare, ACTOR, NOW)
    first.refresh_from_db()
    assert (first.user, number_of(person)) == (None, spare)


def test_what_is_already_so_is_not_written_and_not_recorded(person: User, spare: PhoneNumber) -> None:
    assign_primary(person, spare, ACTOR, NOW)
    with recorded() as changes:
        assign_primary(person, spare, ACTOR, NOW + timedelta(hours=1))
        release_primary(UserFactory(organization=person.organization, location=None), ACTOR, NOW)
    assert changes == []
    assert NumberTenure.objects.get().since == NOW


def test_a_number_that_is_taken_away_stays_in_the_inventory(person: User, spare: PhoneNumber) -> None:
    assign_primary(person, spare, ACTOR, NOW)
    release_primary(person, ACTOR, NOW)
    spare.refresh_from_db()
    assert (spare.user, spare.active, spare.released_at) == (None, True, None)


def test_the_history_says_who_had_the_number_and_when(person: User, spare: PhoneNumber) -> None:
    other = UserFactory(organization=person.organization, location=None)
    for hours, user in enumerate((person, other, None, person)):
        reassign(spare, user, Actor(None, f"Admin {hours}", "portal"), NOW + timedelta(hours=hours))
    rows = NumberTenure.objects.filter(number=spare).order_by("since")
    hours = [(row.user, (row.since - NOW) / timedelta(hours=1), row.given_by, row.taken_by) for row in rows]
    assert hours == [(person, 0, "Admin 0", "Admin 1"), (other, 1, "Admin 1", "Admin 2"), (person, 3, "Admin 3", "")]
    assert [row.until for row in rows] == [NOW + timedelta(hours=1), NOW + timedelta(hours=2), None]


def test_a_user_whose_number_was_never_noted_is_noted_when_it_goes(person: User) -> None:
    number = PhoneNumberFactory(organization=person.organization, user=person)
    release_primary(person, ACTOR, NOW)
    tenure = NumberTenure.objects.get()
    assert (tenure.user, tenure.since, tenure.until) == (person, number.created_at, NOW)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"active": False}, "number_inactive"),
        ({"active": False, "released_at": NOW}, "number_released"),
    ],
)
def test_a_number_that_cant_be_used_is_refused(
    person: User, spare: PhoneNumber, fields: dict[str, Any], code: str
) -> None:
    PhoneNumber.objects.filter(pk=spare.pk).update(**fields)
    with pytest.raises(Refusal, match=code):
        assign_primary(person, spare, ACTOR, NOW)
    assert number_of(person) is None


def test_another_users_number_is_refused_and_stays_theirs(person: User, user: User) -> None:
    with pytest.raises(Refusal, match="number_taken") as refusal:
        assign_primary(person, user.primary_number, ACTOR, NOW)
    assert user.display_name not in refusal.value.sentence
    assert number_of(user) is not None


def test_another_organizations_number_is_refused(person: User, stranger: User) -> None:
    spare = PhoneNumberFactory(organization=stranger.organization)
    with pytest.raises(Refusal, match="number_of_others"):
        assign_primary(person, spare, ACTOR, NOW)


def test_a_deactivated_user_gets_no_number_but_may_lose_one(person: User, spare: PhoneNumber) -> None:
    assign_primary(person, spare, ACTOR, NOW)
    User.objects.filter(pk=person.pk).update(is_active=False)
    other = PhoneNumberFactory(organization=person.organization)
    with pytest.raises(Refusal, match="user_inactive"):
        assign_primary(person, other, ACTOR, NOW)
    release_primary(person, ACTOR, NOW)
    assert number_of(person) is None


def test_two_users_can_exchange_their_numbers_in_one_batch(organization: Organization) -> None:
    one, two = (UserFactory(organization=organization, location=None) for _ in range(2))
    first, second = (PhoneNumberFactory(organization=organization, user=holder) for holder in (one, two))
    assert assign_many([(one, second), (two, first)], ACTOR, NOW) == [None, None]
    assert (number_of(one), number_of(two)) == (second, first)


def test_a_number_whose_user_keeps_it_after_all_is_not_free_for_the_next(organization: Organization) -> None:
    """C has the third number, so B keeps the second, so A keeps the first."""
    a, b, c = (UserFactory(organization=organization, location=None) for _ in range(3))
    first, second, third = (PhoneNumberFactory(organization=organization, user=holder) for holder in (a, b, c))
    answers = assign_many([(a, second), (b, third)], ACTOR, NOW)
    assert [answer.code if answer else None for answer in answers] == ["number_taken", "number_taken"]
    assert [number_of(user) for user in (a, b, c)] == [first, second, third]


def test_one_bad_pair_does_not_keep_the_others_from_theirs(person: User, spare: PhoneNumber, user: User) -> None:
    other = UserFactory(organization=person.organization, location=None)
    answers = assign_many([(other, user.primary_number), (person, spare)], ACTOR, NOW)
    assert [answer.code if answer else None for answer in answers] == ["number_taken", None]
    assert number_of(person) == spare


def test_a_user_or_a_number_named_twice_is_refused_the_second_time(person: User, spare: PhoneNumber) -> None:
    other = UserFactory(organization=person.organization, location=None)
    more = PhoneNumberFactory(organization=person.organization)
    answers = assign_many([(person, spare), (person, more), (other, spare)], ACTOR, NOW)
    assert [answer.code if answer else None for answer in answers] == [None, "user_twice", "number_twice"]


def test_one_number_a_user_and_one_user_a_number_are_kept_by_the_database(user: User, stranger: User) -> None:
    number = PhoneNumber.objects.get(user=user)
    with pytest.raises(IntegrityError), transaction.atomic():
        PhoneNumberFactory(organization=user.organization, user=user)
    with pytest.raises(IntegrityError), transaction.atomic():
        PhoneNumberFactory(organization=stranger.organization, e164=number.e164)
    with pytest.raises(IntegrityError), transaction.atomic():
        PhoneNumber.objects.filter(pk=number.pk).update(released_at=NOW)


def test_a_batch_takes_as_many_queries_as_a_pair(organization: Organization, django_assert_num_queries: Any) -> None:
    def pairs(count: int) -> list[tuple[User, PhoneNumber]]:
        users = [UserFactory(organization=organization, location=None) for _ in range(count)]
        for user in users:
            PhoneNumberFactory(organization=organization, user=user)
        return [(user, PhoneNumberFactory(organization=organization)) for user in users]

    first, few, many = pairs(1), pairs(2), pairs(30)
    assign_many(first, ACTOR, NOW)  # Begins the organization's audit chain.
    for batch in (few, many):
        with django_assert_num_queries(13):
            assert assign_many(batch, ACTOR, NOW) == [None] * len(batch)
