"""The relay with a carrier in memory: outcomes and order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from messaging import departures, leases, relay, states
from messaging.carriers.base import Accepted, NotTaken, OutboundText, Refused, Unconfirmed
from messaging.models import CarrierAccount, CarrierBatch, Message, Receipt, SendingNumber
from messaging.models.messages import Status
from messaging.relay import Relay
from messaging.sweep import sweep
from provisioning.models import User
from tests.factories import NOW
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.relay_stage import PERSON, Clock, clock, fresh, person, raising, status, worker, write

__all__ = ["carrier", "clock", "worker"]


# Outcomes


def test_a_composed_text_is_handed_to_its_carrier(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    text = write(user, "Your sample kit is ready.")
    assert worker.run() is None
    row, account = fresh(text), CarrierAccount.objects.get()
    assert (row.status, row.sent_at, row.sending_at, row.attempts) == ("sent", NOW, NOW, 1)
    assert (row.carrier_message_id, row.carrier_account_id) == (f"c-{text.pk}", account.pk)
    assert carrier.taken == [
        OutboundText(
            message_id=str(text.pk),
            own_e164=user.primary_number.e164,
            counterpart=PERSON,
            body="Your sample kit is ready.",
            callback_url=f"http://127.0.0.1:8000/webhooks/{account.pk}/",
        )
    ]


def test_how_the_carrier_answered_is_kept_for_its_health(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    write(user)
    worker.run()
    batch = CarrierBatch.objects.get()
    assert (batch.carrier_account_id, batch.taken) == (CarrierAccount.objects.get().pk, 1)


def test_nothing_goes_twice_however_often_the_relay_runs(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    write(user)
    for _ in range(3):
        worker.run()
        sweep(NOW)
    assert len(carrier.taken) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Refused("invalid_destination", code="4720"), ("failed", "invalid_destination", "4720", "")),
        (Refused("spam_blocked", code="4770", blocked_by="carrier"), ("blocked", "spam_blocked", "4770", "carrier")),
        (Unconfirmed("ReadTimeout"), ("unconfirmed", "", "", "")),
        (RuntimeError("a bug in an adapter"), ("unconfirmed", "", "", "")),
    ],
)
def test_what_the_carrier_answers_becomes_the_status(
    user: User, worker: Relay, carrier: CarrierInMemory, answer: Exception, expected: tuple[str, ...]
) -> None:
    carrier.answer = raising(answer)
    text = write(user)
    worker.run()
    row = fresh(text)
    assert (row.status, row.reason, row.carrier_code, row.blocked_by) == expected
    worker.run()
    assert len(carrier.tried) == 1


def test_what_was_not_taken_is_tried_again_with_growing_patience(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    carrier.answer = raising(NotTaken("ConnectError"))
    text, waits = write(user), []
    for _ in range(9):
        due = worker.run()
        assert due == fresh(text).retry_at
        waits.append((due - clock.now).total_seconds())
        clock.forward(waits[-1] - 0.001)
        tried = len(carrier.tried)
        worker.run()
        assert len(carrier.tried) == tried
        clock.forward(0.001)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    carrier.answer = None
    worker.run()
    assert (status(text), fresh(text).attempts, len(carrier.taken)) == ("sent", 10, 1)


@pytest.mark.parametrize(("asked", "waited"), [(30.0, 30), (0.5, 1), (86_400.0, 3600), (1e300, 3600)])
def test_the_carriers_retry_after_is_honoured_up_to_an_hour(
    user: User, worker: Relay, carrier: CarrierInMemory, asked: float, waited: int
) -> None:
    carrier.answer = raising(NotTaken("HTTP 429", retry_after=asked))
    write(user)
    assert worker.run() == NOW + timedelta(seconds=waited)


def test_a_text_with_a_receipt_is_never_put_back(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    carrier.answer = raising(NotTaken("HTTP 503"))
    text = write(user)
    Receipt.objects.create(
        carrier_account=CarrierAccount.objects.get(), message=text, claim="unknown", event_at=NOW, received_at=NOW,
        fingerprint="f", raw="{}",
    )  # fmt: skip
    worker.run()
    assert status(text) == "unconfirmed"


def test_a_receipt_that_came_before_our_commit_stays(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    """The receipt is written while the answer is under way."""
    text = write(user)
    lease = leases.take(NOW, 10)
    assert lease is not None
    (departure,) = departures.dispatch(lease, NOW)
    states.advance(text.pk, states.Fact(Status.DELIVERED, NOW, receipt_id=text.pk), now=NOW)
    relay.settle([relay.Outcome(departure, Accepted("c-1"))], NOW)
    row = fresh(text)
    assert (row.status, row.sent_at, row.carrier_message_id) == ("delivered", NOW, "c-1")


# Order


def test_texts_of_a_conversation_go_in_the_order_they_were_written(
    user: User, worker: Relay, carrier: CarrierInMemory
) -> None:
    for place in range(5):
        write(user, f"{place}")
    worker.run()
    assert carrier.bodies == ["0", "1", "2", "3", "4"]


def test_a_text_waits_until_the_one_before_it_is_answered(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    first, second = write(user, "first"), write(user, "second")
    lease = leases.take(NOW, 10)
    assert lease is not None
    assert lease.message_ids == [first.pk]
    assert leased_again() == []
    departures.dispatch(lease, NOW)
    assert leased_again() == []
    states.advance(first.pk, states.Fact(Status.SENT, NOW), now=NOW)
    assert leased_again() == [second.pk]


def leased_again() -> list[Any]:
    """What another look at every number finds."""
    SendingNumber.objects.update(next_due_at=NOW)
    lease = leases.take(NOW, 10)
    assert lease is not None
    return lease.message_ids


def test_a_text_that_is_put_off_holds_up_its_conversation_and_no_other(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    carrier.answer = not_taken_if_first
    first, second, other = write(user, "first"), write(user, "second"), write(user, "other", to=person(1))
    worker.run()
    assert [status(text) for text in (first, second, other)] == ["queued", "queued", "sent"]
    carrier.answer = None
    clock.forward(1)
    worker.run()
    assert carrier.bodies == ["other", "first", "second"]


def not_taken_if_first(text: OutboundText) -> Accepted:
    if text.body == "first":
        raise NotTaken("HTTP 503")
    return Accepted("c")


def test_a_refused_text_does_not_hold_up_the_next(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    def answer(text: OutboundText) -> Accepted:
        if text.body == "first":
            raise Refused("spam_blocked", blocked_by="carrier")
        return Accepted("c")

    carrier.answer = answer
    write(user, "first")
    second = write(user, "second")
    worker.run()
    assert status(second) == "sent"


def test_texts_that_are_held_or_put_off_do_not_hide_those_behind_them(user: User, carrier: CarrierInMemory) -> None:
    """With one token there is one place to look at; it must not be spent on what may not go."""
    leased, put_off, free = (write(user, to=person(place)) for place in range(3))
    later = NOW + timedelta(seconds=30)
    Message.objects.filter(pk=leased.pk).update(lease_token=leased.pk, leased_until=later)
    Message.objects.filter(pk=put_off.pk).update(retry_at=later)
    SendingNumber.objects.update(tokens=1, tokens_at=NOW)
    lease = leases.take(NOW, 10)
    assert lease is not None
    assert lease.message_ids == [free.pk]
    assert SendingNumber.objects.get().next_due_at == later
