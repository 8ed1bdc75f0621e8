"""What a worker leaves behind that crashed, slept past its lease or could not write, and what finds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, OperationalError

from messaging import departures, leases, relay, states
from messaging.carriers.base import Accepted, NotTaken
from messaging.clock import elapsed
from messaging.models import Conversation, SendingNumber
from messaging.models.messages import Status
from messaging.relay import Relay
from messaging.sweep import sweep
from provisioning.models import User
from tests.factories import NOW, ConversationFactory, MessageFactory
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.relay_stage import PERSON, Clock, clock, fresh, person, status, worker, write

__all__ = ["carrier", "clock", "worker"]


def test_a_worker_lost_after_the_lease_leaves_a_text_that_goes_later(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    text = write(user)
    leases.take(NOW, 10)
    worker.run()
    assert carrier.tried == []
    clock.forward(59)
    sweep(clock.now)
    worker.run()
    assert carrier.tried == []
    assert sweep(clock.forward(1))
    worker.run()
    assert (status(text), len(carrier.taken)) == ("sent", 1)


def test_a_lease_that_ran_out_is_found_although_the_number_means_to_look_later(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    text = write(user)
    leases.take(NOW, 10)
    SendingNumber.objects.update(next_due_at=NOW + timedelta(minutes=30))
    assert sweep(clock.forward(60))
    worker.run()
    assert status(text) == "sent"


def test_a_worker_lost_after_sending_was_committed_leaves_an_unknown_outcome(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    text, behind = write(user), write(user, "behind")
    lease = leases.take(NOW, 10)
    assert lease is not None
    departures.dispatch(lease, NOW)
    assert status(text) == "sending"
    sweep(clock.forward(60))
    worker.run()
    assert (status(text), fresh(text).unconfirmed_at) == ("unconfirmed", clock.now)
    assert (status(behind), carrier.bodies) == ("sent", ["behind"])
    for _ in range(3):
        sweep(clock.forward(3600))
        worker.run()
    assert carrier.bodies == ["behind"]


def test_the_receipt_of_a_text_whose_worker_was_lost_still_counts(user: User, clock: Clock) -> None:
    text = write(user)
    lease = leases.take(NOW, 10)
    assert lease is not None
    departures.dispatch(lease, NOW)
    sweep(clock.forward(60))
    states.advance(text.pk, states.Fact(Status.DELIVERED, NOW, receipt_id=text.pk), now=clock.now)
    assert status(text) == "delivered"


def test_a_worker_that_slept_past_its_lease_dispatches_nothing(user: User, clock: Clock) -> None:
    text = write(user)
    asleep = leases.take(NOW, 10)
    assert asleep is not None
    sweep(clock.forward(60))
    awake = leases.take(clock.now, 10)
    assert awake is not None
    assert departures.dispatch(asleep, clock.now) == []
    (departure,) = departures.dispatch(awake, clock.now)
    assert departure.message_id == text.pk


def test_a_worker_that_slept_after_sending_was_committed_sends_no_byte(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, slept = write(user), iter([0])  # The worker looks; then the machine sleeps for 61 seconds.
    monkeypatch.setattr(relay.clock, "elapsed", lambda: elapsed() + next(slept, 61))
    assert worker._begin()
    sweep(clock.forward(61))
    worker._collect()
    worker._write()
    assert (carrier.tried, status(text)) == ([], "unconfirmed")


def test_a_late_answer_still_counts_after_the_text_lapsed(user: User, clock: Clock) -> None:
    text = write(user)
    lease = leases.take(NOW, 10)
    assert lease is not None
    (departure,) = departures.dispatch(lease, NOW)
    sweep(clock.forward(60))
    relay.settle([relay.Outcome(departure, Accepted("c-1"))], clock.now)
    assert status(text) == "sent"


def test_outcomes_that_the_database_did_not_take_are_written_by_the_next_run(
    user: User, worker: Relay, carrier: CarrierInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = write(user)
    write_facts = states.advance_all

    def fail_once(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(states, "advance_all", write_facts)
        raise OperationalError("terminating connection")

    monkeypatch.setattr(states, "advance_all", fail_once)
    with pytest.raises(OperationalError):
        worker.run()
    assert status(text) == "sending"
    worker.run()
    assert (status(text), len(carrier.taken)) == ("sent", 1)


def test_writing_outcomes_again_does_not_undo_a_release(user: User, carrier: CarrierInMemory) -> None:
    """As when the connection broke after the commit, and the worker tries again."""
    text = write(user)
    lease = leases.take(NOW, 10)
    assert lease is not None
    (departure,) = departures.dispatch(lease, NOW)
    for _ in range(2):
        relay.settle([relay.Outcome(departure, NotTaken("HTTP 503"))], NOW)
    assert status(text) == "queued"


@pytest.mark.parametrize("error", [DataError("value too long"), ValueError("a string with a NUL")])
def test_one_outcome_that_cannot_be_written_does_not_spoil_the_others(
    user: User, worker: Relay, carrier: CarrierInMemory, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    good, bad = write(user, "good", to=person(1)), write(user, "bad", to=person(2))
    write_facts = states.advance_all

    def refuse_bad(facts: Any, **options: Any) -> Any:
        if bad.pk in facts:
            raise error
        return write_facts(facts, **options)

    with monkeypatch.context() as patched:
        patched.setattr(states, "advance_all", refuse_bad)
        worker.run()
    assert (status(good), status(bad)) == ("sent", "sending")
    sweep(NOW + timedelta(minutes=2))
    assert status(bad) == "unconfirmed"


def test_a_number_that_was_forgotten_is_found_by_the_sweep(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    write(user)
    SendingNumber.objects.update(next_due_at=None)
    assert worker.run() is None
    assert sweep(NOW)
    worker.run()
    assert len(carrier.taken) == 1


def test_a_number_that_means_to_look_much_too_late_is_found_by_the_sweep(
    user: User, worker: Relay, carrier: CarrierInMemory
) -> None:
    write(user)
    SendingNumber.objects.update(next_due_at=NOW + timedelta(days=1))
    assert sweep(NOW)
    worker.run()
    assert len(carrier.taken) == 1


def test_the_sweep_has_nothing_to_do_when_all_is_well(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    write(user)
    worker.run()
    assert not sweep(NOW)


def test_a_scheduled_text_goes_when_it_is_due(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    text = MessageFactory(
        conversation=ConversationFactory(user=user, counterpart=PERSON), seq=None, status="scheduled",
        due_at=NOW + timedelta(minutes=5),
    )  # fmt: skip
    assert not sweep(NOW)
    assert sweep(clock.forward(300))
    worker.run()
    assert (status(text), fresh(text).seq) == ("sent", 1)


def test_every_state_that_the_sender_sees_is_announced(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    text = write(user, at=NOW - timedelta(minutes=1))
    worker.run()
    assert Conversation.objects.get(pk=text.conversation_id).changed_at == NOW
