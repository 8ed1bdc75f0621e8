"""Giving and taking roles: who may, what excludes what, who is told."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.changes import Actor
from provisioning.models import Location, Mail, Organization, Role, RoleAssignment, User
from provisioning.models.access import RoleOrigin
from provisioning.refusals import Refusal
from provisioning.role_assignments import assign_role, remove_role
from provisioning.roles import permissions_of
from tests import factories
from tests.factories import NOW
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db
OTHERS = [role for role in Role.values if role != Role.LOCATION_ADMIN]


def by(person: User) -> Actor:
    return Actor.of_user(person, via="portal")


@pytest.fixture
def operator() -> Actor:
    return Actor.of_user(factories.OperatorFactory(), via="admin")


def administrator(organization: Organization, role: str, location: Location | None = None) -> User:
    return factories.with_role(factories.UserFactory(organization=organization, location=None), role, location)


def refused(user: User, role: str, location: Location | None, actor: Actor) -> Refusal:
    with pytest.raises(Refusal) as caught:
        assign_role(user, role, location, actor, NOW)
    return caught.value


def removal_refused(person: User, role: str, actor: Actor) -> str:
    with pytest.raises(Refusal) as caught:
        remove_role(person.role_assignments.get(role=role), actor, NOW)
    return caught.value.code


def roles(person: User) -> set[str]:
    return set(RoleAssignment.objects.filter(user=person).values_list("role", flat=True))


def test_a_full_administrator_gives_and_takes_a_role_with_one_event_each(full_admin: User, user: User) -> None:
    with recorded() as heard:
        for _twice in range(2):
            held = assign_role(user, Role.USER_ADMIN, None, by(full_admin), NOW)
        for _twice in range(2):
            remove_role(held, by(full_admin), NOW)
    assert [(change.action, change.target_type, change.target_id) for change in heard] == [
        ("role.assigned", "user", str(user.pk)), ("role.removed", "user", str(user.pk)),
    ]  # fmt: skip
    assert heard[0].after == heard[1].before == {"role": "User administrator"}


def test_a_role_takes_effect_and_ends_with_the_next_request(full_admin: User, user: User, signed_in_as: Any) -> None:
    browser = signed_in_as(user)
    assert browser.get("/users/").status_code == 403
    held = assign_role(user, Role.USER_ADMIN, None, by(full_admin), NOW)
    assert browser.get("/users/").status_code == 200
    remove_role(held, by(full_admin), NOW)
    assert browser.get("/users/").status_code == 403


@pytest.mark.parametrize("role", [None, "read_only_admin", "user_admin", "compliance_officer"])
def test_only_full_administrators_give_and_take_roles(
    full_admin: User, user: User, organization: Organization, role: str | None
) -> None:
    somebody = factories.UserFactory(organization=organization, location=None)
    actor = by(factories.with_role(somebody, role) if role else somebody)
    refusal = refused(user, Role.READ_ONLY_ADMIN, None, actor)
    assert (refusal.code, refusal.http_status) == ("permission_denied", 403)
    assert removal_refused(full_admin, Role.FULL_ADMIN, actor) == "permission_denied"


def test_a_deactivated_full_administrator_gives_nothing(full_admin: User, user: User) -> None:
    User.objects.filter(pk=full_admin.pk).update(is_active=False)
    assert refused(user, Role.READ_ONLY_ADMIN, None, by(full_admin)).code == "permission_denied"


def test_nobody_makes_themselves_a_compliance_officer(full_admin: User, officer: User) -> None:
    assert refused(full_admin, Role.COMPLIANCE_OFFICER, None, by(full_admin)).code == "own_officer_role"
    assert roles(full_admin) == {Role.FULL_ADMIN}


def test_the_first_officer_is_named_by_the_provider(
    full_admin: User, user: User, operator: Actor, organization: Organization
) -> None:
    refusal = refused(user, Role.COMPLIANCE_OFFICER, None, by(full_admin))
    assert (refusal.code, refusal.extra["field"]) == ("first_officer", "role")
    gone = administrator(organization, "compliance_officer")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert refused(user, Role.COMPLIANCE_OFFICER, None, by(full_admin)).code == "first_officer"
    assign_role(user, Role.COMPLIANCE_OFFICER, None, operator, NOW)
    second = factories.UserFactory(organization=organization, location=None)
    assign_role(second, Role.COMPLIANCE_OFFICER, None, by(full_admin), NOW)
    assert "read_retained_messages" in permissions_of(second)


def test_an_officer_of_another_organization_is_no_reason_to_name_one(
    full_admin: User, user: User, stranger: User
) -> None:
    factories.with_role(stranger, "compliance_officer")
    assert refused(user, Role.COMPLIANCE_OFFICER, None, by(full_admin)).code == "first_officer"


def test_all_officers_are_mailed_when_one_is_named_and_when_one_is_removed(
    full_admin: User, officer: User, user: User, stranger: User
) -> None:
    factories.with_role(stranger, "compliance_officer")
    held = assign_role(user, Role.COMPLIANCE_OFFICER, None, by(full_admin), NOW)
    named = Mail.objects.filter(kind="officer_named")
    assert {mail.address for mail in named} == {officer.email, user.email}
    for mail in named:
        assert "A compliance officer was named" in mail.subject
        assert full_admin.email in mail.text
        assert user.email in mail.text
    remove_role(held, by(full_admin), NOW)
    assert {mail.address for mail in Mail.objects.filter(kind="officer_removed")} == {officer.email, user.email}


@pytest.mark.parametrize("role", [Role.FULL_ADMIN, Role.READ_ONLY_ADMIN, Role.USER_ADMIN])
def test_nobody_is_mailed_about_other_roles(full_admin: User, officer: User, user: User, role: str) -> None:
    remove_role(assign_role(user, role, None, by(full_admin), NOW), by(full_admin), NOW)
    assert not Mail.objects.exists()


@pytest.mark.parametrize("role", OTHERS)
def test_a_location_administrator_has_no_other_role(full_admin: User, officer: User, user: User, role: str) -> None:
    bound = administrator(full_admin.organization, "location_admin", user.location)
    assert refused(bound, role, None, by(full_admin)).code == "role_conflict"
    other = administrator(full_admin.organization, role)
    assert refused(other, Role.LOCATION_ADMIN, user.location, by(full_admin)).code == "role_conflict"


def test_a_location_administrator_has_one_row_a_location(full_admin: User, user: User) -> None:
    second = factories.LocationFactory(organization=full_admin.organization)
    person = factories.UserFactory(organization=full_admin.organization, location=None)
    for location in (user.location, second, second):
        assign_role(person, Role.LOCATION_ADMIN, location, by(full_admin), NOW)
    assert {held.location for held in person.role_assignments.all()} == {user.location, second}


def test_what_makes_no_sense_is_refused(
    full_admin: User, user: User, stranger: User, operator: Actor, organization: Organization
) -> None:
    actor = by(full_admin)
    assert refused(user, "owner", None, actor).code == "unknown_role"
    assert refused(user, Role.LOCATION_ADMIN, None, actor).code == "location_required"
    assert refused(user, Role.USER_ADMIN, user.location, actor).code == "location_not_taken"
    assert refused(user, Role.LOCATION_ADMIN, stranger.location, actor).code == "unknown_location"
    assert refused(User.objects.get(is_staff=True), Role.USER_ADMIN, None, operator).code == "no_organization"
    gone = factories.UserFactory(organization=organization, location=None, is_active=False)
    assert refused(gone, Role.USER_ADMIN, None, actor).code == "user_inactive"


def test_the_last_active_full_administrator_keeps_the_role(
    full_admin: User, organization: Organization, operator: Actor, stranger: User
) -> None:
    factories.with_role(stranger, "full_admin")
    gone = administrator(organization, "full_admin")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for actor in (by(full_admin), operator):
        assert removal_refused(full_admin, Role.FULL_ADMIN, actor) == "last_full_admin"
    remove_role(gone.role_assignments.get(), by(full_admin), NOW)
    second = administrator(organization, "full_admin")
    remove_role(full_admin.role_assignments.get(), by(full_admin), NOW)
    assert (roles(full_admin), roles(second)) == (set(), {Role.FULL_ADMIN})


def test_a_role_of_the_directory_is_taken_back_by_the_directory_only(full_admin: User, user: User) -> None:
    directory = Actor.system("scim")
    held = assign_role(user, Role.USER_ADMIN, None, directory, NOW, origin=RoleOrigin.DIRECTORY)
    assert removal_refused(user, Role.USER_ADMIN, by(full_admin)) == "directory_role"
    remove_role(held, directory, NOW)
    assert roles(user) == set()
