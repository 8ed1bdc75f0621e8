"""Deactivating and reactivating: what ends, what stays, who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from messaging.models import Message
from provisioning.changes import Actor
from provisioning.eligibility import standing
from provisioning.models import ApiToken, Location, Mail, Organization, User
from provisioning.people import BATCH, deactivate_people, reactivate_people, refusals_to_deactivate
from provisioning.refusals import Refusal
from provisioning.roles import permissions_of
from provisioning.tokens import issue
from tests import factories
from tests.factories import NOW
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


def by(person: User) -> Actor:
    return Actor.of_user(person, via="portal")


def administrator(organization: Organization, role: str, location: Location | None = None) -> User:
    return factories.with_role(factories.UserFactory(organization=organization, location=None), role, location)


def codes(refusals: list[Refusal | None]) -> list[str]:
    return [refusal.code if refusal else "" for refusal in refusals]


def active(person: User) -> bool:
    return User.objects.get(pk=person.pk).is_active


def test_an_open_session_is_refused_on_its_next_request_and_stays_so_after_reactivation(
    user: User, full_admin: User, signed_in_as: Any
) -> None:
    browser = signed_in_as(user)
    assert browser.get("/inbox/").status_code == 200
    deactivate_people([user], by(full_admin), NOW)
    answer = browser.get("/inbox/")
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/sign-in/")
    assert browser.get("/api/v1/me").status_code == 401
    reactivate_people([user], by(full_admin), NOW)
    assert active(user)
    assert browser.get("/inbox/").status_code == 302
    assert signed_in_as(user).get("/inbox/").status_code == 200


def test_the_session_of_a_bystander_goes_on(user: User, full_admin: User, signed_in_as: Any) -> None:
    other = signed_in_as(factories.UserFactory(organization=user.organization, location=user.location))
    deactivate_people([user], by(full_admin), NOW)
    assert other.get("/inbox/").status_code == 200


def test_an_api_token_is_refused_at_once_and_for_good(user: User, full_admin: User) -> None:
    token, plain = issue(
        user, name="t", scopes=["messages:read"], expires_at=timezone.now() + timedelta(days=1), actor=SYSTEM
    )
    headers = {"Authorization": f"Bearer {plain}"}
    assert Client().get("/api/v1/me", headers=headers).status_code == 200
    deactivate_people([user], by(full_admin), NOW)
    assert Client().get("/api/v1/me", headers=headers).status_code == 401
    assert ApiToken.objects.get(pk=token.pk).revoked_at == NOW
    reactivate_people([user], by(full_admin), NOW)
    assert Client().get("/api/v1/me", headers=headers).json()["code"] == "token_revoked"


def test_history_number_and_roles_stay_and_the_roles_grant_nothing(
    full_admin: User, organization: Organization
) -> None:
    texter = factories.texting_user(organization)
    factories.MessageFactory(conversation=factories.ConversationFactory(user=texter))
    factories.with_role(texter, "user_admin")
    deactivate_people([texter], by(full_admin), NOW)
    row = User.objects.get(pk=texter.pk)
    assert Message.objects.filter(user=row).count() == 1
    assert row.primary_number.e164 == texter.primary_number.e164
    assert row.role_assignments.count() == 1
    assert permissions_of(row) == frozenset()
    assert standing(row).code == "user_inactive"
    reactivate_people([row], by(full_admin), NOW)
    again = User.objects.get(pk=texter.pk)
    assert "change_users" in permissions_of(again)
    assert standing(again).can_send


def test_each_leaves_one_event_and_what_is_so_already_none(user: User, full_admin: User) -> None:
    with recorded() as heard:
        for _twice in range(2):
            deactivate_people([user], by(full_admin), NOW)
        for _twice in range(2):
            reactivate_people([user], by(full_admin), NOW)
    assert [change.action for change in heard] == ["user.deactivated", "user.reactivated"]
    assert (heard[0].before, heard[0].after) == ({"active": True}, {"active": False})


def test_the_last_full_administrator_stays(full_admin: User, organization: Organization) -> None:
    operator = Actor.of_user(factories.OperatorFactory(), via="admin")
    assert codes(deactivate_people([full_admin], operator, NOW)) == ["last_full_admin"]
    assert active(full_admin)
    second = administrator(organization, "full_admin")
    assert codes(deactivate_people([full_admin, second], operator, NOW)) == ["", "last_full_admin"]
    assert (active(full_admin), active(second)) == (False, True)


def test_a_deactivated_full_administrator_does_not_count(full_admin: User, organization: Organization) -> None:
    gone = administrator(organization, "full_admin")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert codes(deactivate_people([full_admin], SYSTEM, NOW)) == ["last_full_admin"]


def test_the_full_administrators_of_others_do_not_count(full_admin: User, stranger: User) -> None:
    factories.with_role(stranger, "full_admin")
    assert codes(deactivate_people([full_admin], SYSTEM, NOW)) == ["last_full_admin"]


def test_nobody_deactivates_themselves(full_admin: User, organization: Organization) -> None:
    administrator(organization, "full_admin")
    assert codes(deactivate_people([full_admin], by(full_admin), NOW)) == ["own_account"]


@pytest.mark.parametrize("role", ["full_admin", "read_only_admin", "user_admin", "compliance_officer"])
def test_who_has_a_role_is_deactivated_and_reactivated_by_full_administrators_only(
    full_admin: User, organization: Organization, role: str
) -> None:
    target, user_admin = administrator(organization, role), administrator(organization, "user_admin")
    assert codes(deactivate_people([target], by(user_admin), NOW)) == ["administrator_account"]
    assert codes(deactivate_people([target], by(full_admin), NOW)) == [""]
    assert codes(reactivate_people([target], by(user_admin), NOW)) == ["administrator_account"]
    assert codes(reactivate_people([target], by(full_admin), NOW)) == [""]


def test_a_location_administrator_reaches_the_named_locations_only(user: User, organization: Organization) -> None:
    elsewhere = factories.texting_user(organization)
    actor = by(administrator(organization, "location_admin", user.location))
    assert codes(deactivate_people([elsewhere, user], actor, NOW)) == ["unknown_location", ""]
    assert (active(elsewhere), active(user)) == (True, False)
    User.objects.filter(pk=elsewhere.pk).update(is_active=False)
    assert codes(reactivate_people([elsewhere], actor, NOW)) == ["unknown_location"]


def test_the_number_is_released_when_that_is_asked_for(
    full_admin: User, user: User, organization: Organization
) -> None:
    number, kept = user.primary_number, factories.texting_user(organization)
    with recorded() as heard:
        assert codes(deactivate_people([user, full_admin], by(full_admin), NOW, release_numbers=True)) == [
            "", "own_account",
        ]  # fmt: skip
    number.refresh_from_db()
    assert (number.user_id, number.active) == (None, True)
    assert User.objects.get(pk=kept.pk).primary_number
    assert [change.action for change in heard] == ["user.primary_number_changed", "user.deactivated"]


def test_officers_are_told_when_one_of_them_goes_and_comes_back(
    full_admin: User, officer: User, organization: Organization
) -> None:
    second = administrator(organization, "compliance_officer")
    deactivate_people([second], by(full_admin), NOW)
    assert set(Mail.objects.values_list("kind", "address")) == {
        ("officer_deactivated", officer.email), ("officer_deactivated", second.email),
    }  # fmt: skip
    reactivate_people([second], by(full_admin), NOW)
    assert set(Mail.objects.filter(kind="officer_reactivated").values_list("address", flat=True)) == {
        officer.email, second.email,
    }  # fmt: skip
    for mail in Mail.objects.all():
        assert full_admin.email in mail.text
        assert second.email in mail.text


def test_looking_ahead_says_the_same_and_writes_nothing(full_admin: User, user: User) -> None:
    with recorded() as heard:
        assert codes(refusals_to_deactivate([user, full_admin], by(full_admin))) == ["", "own_account"]
    assert heard == []
    assert active(user)


def test_five_hundred_take_as_many_queries_as_one(
    organization: Organization, full_admin: User, django_assert_max_num_queries: Any
) -> None:
    people = [User(organization=organization, email=f"p{n}@x.io") for n in range(BATCH)]
    for person in people:
        person.fold()
    User.objects.bulk_create(people)
    for person in people[:3]:
        Client().force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    actor = by(full_admin)
    with django_assert_max_num_queries(24):
        assert deactivate_people(people, actor, NOW) == [None] * BATCH
    assert not organization.users.filter(is_active=True).exclude(pk=full_admin.pk).exists()
