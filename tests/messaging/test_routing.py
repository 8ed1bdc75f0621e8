"""Operators pause, drain and fail over accounts: what waits goes the new way, what was handed over never again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compliance import verification
from compliance.models import AuditEvent
from messaging import clock, routing
from messaging.models import CarrierAccount, Message, SendingNumber
from messaging.models.messages import Status
from provisioning.changes import Actor
from provisioning.models import PhoneNumber, User
from provisioning.number_pauses import Pause
from provisioning.refusals import Refusal
from tests import factories
from tests.messaging.operations_rows import sending_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor() -> Actor:
    return Actor.of_user(factories.OperatorFactory(), via="portal")


@pytest.fixture
def old(user: User, stranger: User) -> CarrierAccount:
    """The account of two organizations' numbers."""
    return CarrierAccount.objects.get()


@pytest.fixture
def new(old: CarrierAccount) -> CarrierAccount:
    return factories.CarrierAccountFactory(name="Second way")


def events(action: str) -> list[AuditEvent]:
    assert verification.verify() == []
    return list(AuditEvent.objects.filter(action=action))


def test_an_account_is_paused_and_resumed_once_each_and_on_the_platforms_record(
    old: CarrierAccount, actor: Actor
) -> None:
    with pytest.raises(Refusal):
        routing.pause(old, actor, "  ")
    assert routing.pause(old, actor, " The carrier is down ")
    assert not routing.pause(old, actor, "Again")
    assert CarrierAccount.objects.get(pk=old.pk).paused
    assert routing.resume(old, actor, clock.database_now())
    (paused,), (resumed,) = events("carrier_account.paused"), events("carrier_account.resumed")
    assert (paused.organization_id, paused.before) == (None, {"paused": False})
    assert paused.after == {"paused": True, "reason": "The carrier is down"}
    assert (resumed.before, resumed.after) == ({"paused": True}, {"paused": False})


def test_an_act_on_an_account_reaches_its_numbers_their_organizations_and_what_waits(
    old: CarrierAccount, user: User, stranger: User
) -> None:
    now = clock.database_now()
    for sender in (user, stranger):
        text_of(sender, now, Status.QUEUED)
        text_of(sender, now, Status.SENT)
    factories.texting_user(user.organization)
    other = factories.CarrierAccountFactory()
    SendingNumber.objects.filter(number=factories.texting_user().primary_number).update(carrier_account=other)
    assert routing.reach_of(old) == routing.Reach(numbers=3, organizations=2, waiting=2)
    released = {"released_at": now, "user": None, "campaign": None, "location": None, "active": False}
    PhoneNumber.objects.filter(pk=stranger.primary_number.pk).update(**released)
    assert routing.reach_of(old) == routing.Reach(numbers=2, organizations=1, waiting=1)


def test_a_drain_keeps_its_beginning_and_counts_what_was_accepted_before(
    old: CarrierAccount, user: User, actor: Actor
) -> None:
    now = clock.database_now()
    text_of(user, now - timedelta(minutes=1), Status.QUEUED)
    text_of(user, now - timedelta(minutes=1), Status.DELIVERED)
    text_of(user, now + timedelta(minutes=1), Status.QUEUED)
    assert routing.drain(old, actor, now)
    assert not routing.drain(old, actor, now + timedelta(minutes=5))
    old.refresh_from_db()
    assert old.draining_since == now
    assert routing.left_to_drain(old) == 1
    (event,) = events("carrier_account.drained")
    assert event.after == {"draining_since": now.isoformat()}


def test_the_end_of_a_drain_lets_held_texts_go_at_once(old: CarrierAccount, user: User, actor: Actor) -> None:
    now = clock.database_now()
    text_of(user, now, Status.QUEUED)
    routing.drain(old, actor, now)
    SendingNumber.objects.update(next_due_at=now + timedelta(hours=1))
    idle = SendingNumber.objects.exclude(number=user.primary_number).get()
    assert routing.end_draining(old, actor, now)
    assert sending_of(user).next_due_at == now
    idle.refresh_from_db()
    assert idle.next_due_at == now + timedelta(hours=1)
    assert len(events("carrier_account.not_drained")) == 1


@pytest.mark.parametrize("ends", ["drain", "pause of the account", "pause of the number", "move"])
def test_what_was_put_off_meanwhile_goes_at_once(
    old: CarrierAccount, new: CarrierAccount, user: User, actor: Actor, ends: str
) -> None:
    """Not when it would have been looked at again. What a carrier did not take waits as long as that one asked for."""
    now = clock.database_now()
    held = text_of(user, now, Status.QUEUED, retry_at=now + timedelta(minutes=1))
    tried = text_of(user, now, Status.QUEUED, retry_at=now + timedelta(minutes=30), attempts=1)
    if ends == "drain":
        routing.drain(old, actor, now)
        routing.end_draining(old, actor, now)
    elif ends == "pause of the account":
        routing.pause(old, actor, "Why")
        routing.resume(old, actor, now)
    elif ends == "pause of the number":
        routing.pause_number(sending_of(user), actor, "Why")
        routing.resume_number(sending_of(user), actor, now)
    else:
        routing.move(old, new, actor, now)
    held.refresh_from_db()
    tried.refresh_from_db()
    assert sending_of(user).next_due_at == now
    assert held.retry_at is None
    assert tried.retry_at == (None if ends == "move" else now + timedelta(minutes=30))


def test_a_failover_moves_numbers_and_what_waits_and_leaves_every_text_as_it_is(
    old: CarrierAccount, new: CarrierAccount, user: User, stranger: User, actor: Actor
) -> None:
    now = clock.database_now()
    waiting = text_of(user, now, Status.QUEUED)
    text_of(user, now, Status.UNCONFIRMED, carrier_account=old)
    text_of(user, now, Status.SENDING, carrier_account=old)
    before = list(Message.objects.order_by("pk").values())
    asked = routing.preview(old, new, now)
    assert (asked.numbers, asked.waiting, asked.unknown, asked.other_carrier) == (2, 1, 1, False)
    assert routing.move(old, new, actor, now) == 2
    assert list(Message.objects.order_by("pk").values()) == before
    assert set(SendingNumber.objects.values_list("carrier_account", flat=True)) == {new.pk}
    assert sending_of(user).next_due_at == waiting.due_at
    moved = events("number.carrier_changed")
    assert {event.organization_id for event in moved} == {user.organization_id, stranger.organization_id}
    assert {tuple(event.after.values()) for event in moved} == {("Second way",)}
    (told,) = events("carrier_account.failed_over")
    assert (told.organization_id, told.after["numbers"]) == (None, 2)


def test_one_organizations_numbers_move_alone(
    old: CarrierAccount, new: CarrierAccount, user: User, stranger: User, actor: Actor
) -> None:
    assert routing.move(old, new, actor, clock.database_now(), user.organization) == 1
    assert (sending_of(user).carrier_account_id, sending_of(stranger).carrier_account_id) == (new.pk, old.pk)


def test_asked_again_a_failover_moves_the_rest_and_then_nothing(
    old: CarrierAccount, new: CarrierAccount, user: User, actor: Actor
) -> None:
    SendingNumber.objects.filter(number=user.primary_number).update(carrier_account=new)
    assert routing.move(old, new, actor, clock.database_now()) == 1
    assert routing.move(old, new, actor, clock.database_now()) == 0
    assert len(events("carrier_account.failed_over")) == 1


def test_a_failover_works_through_more_numbers_than_a_batch(
    old: CarrierAccount, new: CarrierAccount, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "BATCH", 2)
    organization = factories.OrganizationFactory()
    for _number in range(5):
        factories.SendingNumberFactory(
            number=factories.PhoneNumberFactory(organization=organization), carrier_account=old
        )
    assert routing.move(old, new, actor, clock.database_now(), organization) == 5


@pytest.mark.parametrize(("carrier", "asked"), [("simulator", False), ("twilio", True)])
def test_another_carrier_is_asked_anew_whether_the_numbers_can_text(
    old: CarrierAccount, new: CarrierAccount, user: User, actor: Actor, carrier: str, asked: bool
) -> None:
    CarrierAccount.objects.filter(pk=new.pk).update(carrier=carrier)
    PhoneNumber.objects.update(capability_due_at=None)
    now = clock.database_now()
    routing.move(old, CarrierAccount.objects.get(pk=new.pk), actor, now)
    due = PhoneNumber.objects.get(pk=user.primary_number.pk).capability_due_at
    assert due == (now if asked else None)


def test_a_target_that_drains_or_is_the_same_is_refused(old: CarrierAccount, new: CarrierAccount, actor: Actor) -> None:
    now = clock.database_now()
    with pytest.raises(Refusal) as same:
        routing.move(old, old, actor, now)
    new.draining_since = now
    with pytest.raises(Refusal) as draining:
        routing.move(old, new, actor, now)
    with pytest.raises(Refusal):
        routing.preview(old, new, now)
    assert (same.value.code, draining.value.code) == ("same_account", "target_draining")
    assert SendingNumber.objects.filter(carrier_account=old).count() == 2


def test_a_number_is_paused_with_a_reason_and_resumed_on_its_organizations_record(user: User, actor: Actor) -> None:
    number, now = sending_of(user), clock.database_now()
    text_of(user, now, Status.QUEUED)
    with pytest.raises(Refusal):
        routing.pause_number(number, actor, "  ")
    assert routing.pause_number(number, actor, "Complaints of the carrier")
    assert not routing.pause_number(number, actor, "Again")
    assert routing.pause_of(number.number) == Pause("Complaints of the carrier")
    assert routing.resume_number(number, actor, now)
    assert not routing.resume_number(number, actor, now)
    assert (sending_of(user).next_due_at, sending_of(user).pause_reason) == (now, "")
    assert routing.pause_of(number.number) is None
    (paused,), (resumed,) = events("number.paused"), events("number.resumed")
    assert (paused.organization_id, paused.after["reason"]) == (user.organization_id, "Complaints of the carrier")
    assert resumed.after == {"paused": False}


def test_a_move_that_can_not_be_recorded_does_not_happen(
    old: CarrierAccount, new: CarrierAccount, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_changes: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(routing, "record_many", fail)
    with pytest.raises(RuntimeError):
        routing.move(old, new, actor, clock.database_now())
    assert SendingNumber.objects.filter(carrier_account=old).count() == 2
