"""Invitations: a link by mail, used once, seven days; the person chooses the password, nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from compliance.models import AuditEvent
from provisioning import account_life, links
from provisioning.changes import Actor
from provisioning.links import Purpose
from provisioning.models import Mail, User
from provisioning.refusals import Refusal
from tests import factories

NOW = factories.NOW
DAY = timedelta(days=1)


@pytest.fixture
def newcomer(organization: Any) -> User:
    return factories.UserFactory(
        location=None, organization=organization, first_name="Ada", last_name="Park", email="Ada.Park@Northwind.example"
    )


@pytest.fixture
def actor(full_admin: User) -> Actor:
    return Actor.of_user(full_admin, via="portal", ip="192.0.2.7")


def key_of(mail: Mail) -> str:
    return next(word for word in mail.text.split() if "?key=" in word).partition("?key=")[2]


def test_an_invitation_names_the_organization_the_time_it_ends_and_that_nobody_asks_for_the_password(
    newcomer: User, actor: Actor, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://texting.northwind.example"
    account_life.invite([newcomer], actor, NOW)
    mail = Mail.objects.get()
    assert (mail.recipient, mail.address, mail.kind) == (newcomer, newcomer.email, "invitation")
    assert mail.subject == "Northwind Dental Supply: activate your Texting Hub account"
    assert "https://texting.northwind.example/sign-in/activate/?key=" in mail.text
    assert "until 30 November 2026, 15:00 UTC" in mail.text
    assert "Nobody will ever ask you for your password" in mail.text
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_id, event.target_id) == ("user.invited", actor.user_id, str(newcomer.pk))
    assert "key=" not in repr(event.__dict__)


def test_a_link_is_good_for_seven_days(newcomer: User, actor: Actor) -> None:
    account_life.invite([newcomer], actor, NOW)
    key = key_of(Mail.objects.get())
    last = links.read(key, Purpose.INVITATION, NOW + 7 * DAY - timedelta(seconds=1))
    assert last is not None
    assert last.user == newcomer
    assert links.read(key, Purpose.INVITATION, NOW + 7 * DAY) is None


def test_a_newer_invitation_makes_the_older_void(newcomer: User, actor: Actor) -> None:
    account_life.invite([newcomer], actor, NOW)
    account_life.invite([newcomer], actor, NOW + DAY)
    older, newer = (key_of(mail) for mail in Mail.objects.order_by("pk"))
    assert links.read(older, Purpose.INVITATION, NOW + DAY) is None
    assert links.read(newer, Purpose.INVITATION, NOW + DAY) is not None
    assert AuditEvent.objects.filter(action="user.invited_again").count() == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "chosen"}, {"email": "ADA.park@else.example"}])
def test_a_link_is_void_once_the_user_has_changed(newcomer: User, actor: Actor, change: dict[str, Any]) -> None:
    account_life.invite([newcomer], actor, NOW)
    User.objects.filter(pk=newcomer.pk).update(**change)
    assert links.read(key_of(Mail.objects.get()), Purpose.INVITATION, NOW) is None


def test_a_link_is_for_one_purpose_and_one_person(newcomer: User, user: User, actor: Actor) -> None:
    account_life.invite([newcomer, user], actor, NOW)
    first = key_of(Mail.objects.get(recipient=newcomer))
    assert links.read(first, Purpose.RESET, NOW) is None
    assert links.read(links.make(newcomer, Purpose.RESET, NOW), Purpose.INVITATION, NOW) is None
    assert links.read(first[:-1] + ("A" if first[-1] != "A" else "B"), Purpose.INVITATION, NOW) is None


@pytest.mark.parametrize("key", ["", "x", "a:b:c", "é:ü", "\x00", "=" * 5000])
def test_a_key_that_makes_no_sense_is_no_link(db: Any, key: str) -> None:
    assert links.read(key, Purpose.INVITATION, NOW) is None


def test_five_hundred_are_invited_in_a_handful_of_queries(
    organization: Any, actor: Actor, django_assert_max_num_queries: Any
) -> None:
    made = User.objects.bulk_create([
        User(organization=organization, email=f"u{n}@x.example", email_key=f"u{n}@x.example", password="!")
        for n in range(500)
    ])  # fmt: skip
    with django_assert_max_num_queries(30):
        assert len(account_life.invite(made, actor, NOW)) == 500
    assert Mail.objects.count() == 500


def test_whoever_has_a_password_or_is_deactivated_is_not_invited(user: User, newcomer: User, actor: Actor) -> None:
    user.set_password(factories.PASSWORD)
    user.save(update_fields=["password"])
    newcomer.is_active = False
    newcomer.save(update_fields=["is_active"])
    assert account_life.invite([user, newcomer], actor, NOW) == []
    for person, code in ((user, "already_activated"), (newcomer, "user_inactive")):
        with pytest.raises(Refusal) as refused:
            account_life.invite_again(person, actor, NOW)
        assert refused.value.code == code
    assert not Mail.objects.exists()
