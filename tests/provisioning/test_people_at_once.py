"""Administrators who act at the same moment: an organization keeps one, and an address has one owner."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from provisioning.changes import Actor
from provisioning.models import Role, RoleAssignment, User
from provisioning.people import create_person, deactivate_people, edit_person
from provisioning.refusals import Refusal
from provisioning.role_assignments import assign_role, remove_role
from tests import factories
from tests.compliance.threads import at_once
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


def by(person: User) -> Actor:
    return Actor.of_user(person, via="portal")


def two_full_admins(organization: Any) -> tuple[User, User]:
    people = [factories.UserFactory(organization=organization, location=None) for _each in range(2)]
    return factories.with_role(people[0], "full_admin"), factories.with_role(people[1], "full_admin")


def meeting(work: Any) -> Any:
    """`work`, begun only when the other one is there; what it is refused is its result."""

    def run() -> Any:
        try:
            return work()
        except Refusal as refusal:
            return refusal

    return run


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_two_who_deactivate_each_other_leave_one(shared_database: Any, _round: int) -> None:
    organization = factories.OrganizationFactory()
    first, second = two_full_admins(organization)
    start = threading.Barrier(2)

    def deactivate(whom: User, who: User) -> Any:
        start.wait(timeout=30)
        return deactivate_people([whom], by(who), NOW)[0]

    at_once(lambda: deactivate(second, first), lambda: deactivate(first, second))
    assert organization.users.filter(is_active=True).count() == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_of_two_last_roles_taken_back_at_once_one_stays(shared_database: Any, _round: int) -> None:
    organization = factories.OrganizationFactory()
    first, second = two_full_admins(organization)
    start = threading.Barrier(2)
    system = Actor.system("test")

    def remove(whom: User) -> None:
        start.wait(timeout=30)
        remove_role(whom.role_assignments.get(), system, NOW)

    results = at_once(meeting(lambda: remove(first)), meeting(lambda: remove(second)))
    assert sorted(getattr(result, "code", "") for result in results) == ["", "last_full_admin"]
    assert RoleAssignment.objects.filter(role=Role.FULL_ADMIN).count() == 1


def test_two_who_are_given_one_address_at_once_are_told_apart(shared_database: Any) -> None:
    organization = factories.OrganizationFactory()
    people = [factories.UserFactory(organization=organization, location=None) for _each in range(2)]
    start = threading.Barrier(3)
    system = Actor.system("test")

    def edit(person: User) -> None:
        start.wait(timeout=30)
        edit_person(person, {"email": "one@example.com"}, system, NOW)

    def create() -> None:
        start.wait(timeout=30)
        create_person(organization, {"email": "ONE@example.com"}, system, NOW, invite=False)

    works = [meeting(lambda: edit(people[0])), meeting(lambda: edit(people[1])), meeting(create)]
    results = at_once(*works)
    assert sorted(getattr(result, "code", "") for result in results) == ["", "email_taken", "email_taken"]
    assert User.objects.filter(email_key="one@example.com").count() == 1


def test_a_location_administrator_given_another_role_at_once_has_one_of_them(shared_database: Any) -> None:
    location = factories.LocationFactory()
    person = factories.UserFactory(location=location)
    start = threading.Barrier(2)
    system = Actor.system("test")

    def assign(role: str, place: Any) -> None:
        start.wait(timeout=30)
        assign_role(person, role, place, system, NOW)

    results = at_once(
        meeting(lambda: assign(Role.LOCATION_ADMIN, location)), meeting(lambda: assign(Role.USER_ADMIN, None))
    )
    assert sorted(getattr(result, "code", "") for result in results if isinstance(result, Refusal)) == ["role_conflict"]
    assert RoleAssignment.objects.filter(user=person).count() == 1
