"""Policy is looked at again at dispatch: what changed between compose and the wire wins."""

from __future__ import annotations

from typing import Any

import pytest

from messaging import departures, leases, optouts
from messaging.models import CarrierAccount, SendingNumber
from messaging.models.messages import Kind
from messaging.relay import Relay
from messaging.sweep import sweep
from provisioning.models import Campaign, PhoneNumber, User
from tests.factories import NOW, ConversationFactory, MessageFactory, PhoneNumberFactory, UserFactory
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.relay_stage import PERSON, Clock, clock, fresh, status, worker, write

__all__ = ["carrier", "clock", "worker"]


def test_a_stop_between_compose_and_dispatch_wins(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    text = write(user)
    lease = leases.take(NOW, 10)
    assert lease is not None
    optouts.opt_out(user.primary_number, PERSON, "stop", NOW)
    assert departures.dispatch(lease, NOW) == []
    row = fresh(text)
    assert (row.status, row.reason, row.blocked_by) == ("blocked", "opted_out", "platform")
    worker.run()
    assert carrier.tried == []


def test_an_opt_out_is_seen_although_nothing_was_blocked_by_it(
    user: User, worker: Relay, carrier: CarrierInMemory
) -> None:
    """As when the text was committed after the STOP looked for what waits."""
    user.organization.opt_outs.create(counterpart=PERSON, keyword="stop", opted_out_at=NOW)
    text = MessageFactory(conversation=ConversationFactory(user=user, counterpart=PERSON), status="queued")
    SendingNumber.objects.update(next_due_at=NOW)
    worker.run()
    assert (status(text), fresh(text).reason, carrier.tried) == ("blocked", "opted_out", [])


def test_a_confirmation_goes_to_a_person_who_opted_out(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    user.organization.opt_outs.create(counterpart=PERSON, keyword="stop", opted_out_at=NOW)
    conversation = ConversationFactory(user=user, counterpart=PERSON)
    MessageFactory(conversation=conversation, status="queued", kind=Kind.AUTOMATIC, body="You are opted out.")
    SendingNumber.objects.update(next_due_at=NOW)
    worker.run()
    assert carrier.bodies == ["You are opted out."]


def test_a_user_whose_texting_went_off_is_blocked_for_good(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    text = write(user)
    user.texting_setting = "off"
    user.save(update_fields=["texting_setting"])
    worker.run()
    assert (status(text), fresh(text).reason) == ("blocked", "sender_not_enabled")


def test_a_number_that_moved_is_blocked_for_good(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    text = write(user)
    PhoneNumber.objects.update(user=None)
    PhoneNumber.objects.update(user=UserFactory(organization=user.organization, location=user.location))
    worker.run()
    assert (status(text), fresh(text).reason, carrier.tried) == ("blocked", "sender_not_enabled", [])


def test_a_text_does_not_go_from_a_number_that_its_writer_exchanged(
    user: User, worker: Relay, carrier: CarrierInMemory
) -> None:
    """The writer may still text, but not from there."""
    text, old = write(user), user.primary_number
    old.user = None
    old.save()
    PhoneNumberFactory(organization=user.organization, campaign=old.campaign, user=user)
    worker.run()
    assert (status(text), fresh(text).reason, carrier.tried) == ("blocked", "sender_not_enabled", [])


def test_a_destination_that_is_not_allowed_is_blocked(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    text = MessageFactory(conversation=ConversationFactory(user=user, counterpart="+18765550101"), status="queued")
    SendingNumber.objects.update(next_due_at=NOW)
    worker.run()
    assert (status(text), fresh(text).reason, carrier.tried) == ("blocked", "destination_not_allowed", [])


def test_a_paused_campaign_holds_texts_until_it_runs_again(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    text = write(user)
    Campaign.objects.update(status="suspended")
    assert worker.run() == NOW + departures.HOLD
    assert (status(text), carrier.tried) == ("queued", [])
    Campaign.objects.update(status="active")
    clock.forward(60)
    worker.run()
    assert status(text) == "sent"


@pytest.mark.parametrize("paused", [CarrierAccount, SendingNumber])
def test_a_paused_account_or_number_keeps_texts_until_they_are_too_old(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock, paused: Any
) -> None:
    text = write(user)
    paused.objects.update(paused=True)
    assert worker.run() is None
    clock.forward(24 * 3600)
    sweep(clock.now)
    worker.run()
    assert status(text) == "queued"
    sweep(clock.forward(0.001))
    assert (status(text), fresh(text).reason, carrier.tried) == ("failed", "too_old", [])


def test_a_pause_between_lease_and_dispatch_holds_the_text(user: User, carrier: CarrierInMemory) -> None:
    text = write(user)
    lease = leases.take(NOW, 10)
    assert lease is not None
    CarrierAccount.objects.update(paused=True)
    assert departures.dispatch(lease, NOW) == []
    row = fresh(text)
    assert (row.status, row.lease_token, row.retry_at) == ("queued", None, NOW + departures.HOLD)


def test_an_unpaused_account_sends_what_waited(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    text = write(user)
    CarrierAccount.objects.update(paused=True)
    worker.run()
    CarrierAccount.objects.update(paused=False)
    worker.run()
    assert status(text) == "sent"


@pytest.mark.parametrize("broken", [{"carrier": "smoke signals"}, {"sealed_credentials": "not sealed by us"}])
def test_an_account_without_a_working_adapter_keeps_its_texts(
    user: User, worker: Relay, broken: dict[str, str]
) -> None:
    text = write(user)
    CarrierAccount.objects.update(**broken)
    worker.run()
    assert status(text) == "queued"


def test_a_text_that_is_too_old_is_not_sent_even_before_the_sweep(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    write(user)
    clock.forward(24 * 3600 + 1)
    worker.run()
    assert carrier.tried == []
