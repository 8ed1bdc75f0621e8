"""The relay with a carrier in memory: outcomes, order, pacing, the second look, and what a crash leaves behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DataError, OperationalError

from messaging import departures, leases, optouts, relay, states, transit
from messaging.carriers.base import Accepted, NotTaken, OutboundText, Refused, Unconfirmed
from messaging.compose import compose
from messaging.models import CarrierAccount, CarrierBatch, Conversation, Exchange, Message, Receipt, SendingNumber
from messaging.models.messages import Kind, Status
from messaging.relay import Relay
from messaging.sweep import sweep
from provisioning.models import Campaign, PhoneNumber, User
from tests.factories import NOW, ConversationFactory, MessageFactory, PhoneNumberFactory, UserFactory, texting_user
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier

__all__ = ["carrier"]

PERSON = "+12065550122"


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(clock: Clock, carrier: CarrierInMemory) -> Iterator[Relay]:
    with Relay(clock) as worker:
        yield worker


def person(number: int) -> str:
    return f"+1206555{number:04d}"


def write(user: User, body: str = "Hello", to: str = PERSON, at: datetime = NOW) -> Message:
    return compose(user=user, to=to, body=body, now=at).message


def fresh(text: Message) -> Message:
    return Message.objects.get(pk=text.pk)


def status(text: Message) -> str:
    return fresh(text).status


def raising(error: Exception) -> Any:
    def answer(text: OutboundText) -> Accepted:
        raise error

    return answer


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


# Pacing


def test_a_number_sends_six_a_minute_after_a_burst_of_six(
    user: User, worker: Relay, carrier: CarrierInMemory, clock: Clock
) -> None:
    for place in range(10):
        write(user, f"{place}", to=person(place))
    assert worker.run() == NOW + timedelta(seconds=10)
    assert len(carrier.taken) == 6
    clock.forward(9.999)
    worker.run()
    assert len(carrier.taken) == 6
    clock.forward(0.001)
    assert worker.run() == NOW + timedelta(seconds=20)
    assert len(carrier.taken) == 7
    clock.forward(600)
    assert worker.run() is None
    assert carrier.bodies == [f"{place}" for place in range(10)]


def test_pacing_survives_a_restart_of_the_worker(user: User, carrier: CarrierInMemory, clock: Clock) -> None:
    for place in range(8):
        write(user, to=person(place))
    for _ in range(3):
        relay.run(clock)
    assert len(carrier.taken) == 6


def test_an_automatic_reply_goes_past_pacing(user: User, worker: Relay, carrier: CarrierInMemory) -> None:
    for place in range(8):
        write(user, "paced", to=person(place))
    worker.run()
    conversation = ConversationFactory(user=user, counterpart=person(50))
    MessageFactory(conversation=conversation, status="queued", kind=Kind.AUTOMATIC, body="confirmation")
    MessageFactory(
        conversation=None, organization=user.organization, user=None, number=user.primary_number, seq=None,
        own_e164=user.primary_number.e164, counterpart=person(51), status="queued", kind=Kind.AUTOMATIC, body="reply",
    )  # fmt: skip
    SendingNumber.objects.update(next_due_at=NOW)
    assert worker.run() == NOW + timedelta(seconds=10)
    assert sorted(carrier.bodies[6:]) == ["confirmation", "reply"]


def test_one_busy_number_does_not_hold_up_another(user: User, carrier: CarrierInMemory, clock: Clock) -> None:
    SendingNumber.objects.update(texts_a_minute=100_000, burst=1000)
    for place in range(30):
        write(user, "many", to=person(place))
    write(texting_user(user.organization), "one", at=NOW)
    with Relay(clock, connections=4) as worker:
        worker.run()
    assert "one" in carrier.bodies[:4]
    assert len(carrier.taken) == 31


def test_no_more_texts_are_on_the_wire_than_there_are_connections(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    SendingNumber.objects.update(texts_a_minute=100_000, burst=1000)
    for place in range(12):
        write(user, to=person(place))
    with Relay(clock, connections=2) as worker:
        assert worker._begin()
        assert Message.objects.filter(status="sending").count() == 4  # One on each connection, and one behind it.
        assert not worker._begin()
        worker.run()
    assert len(carrier.taken) == 12
    assert carrier.most_at_once == 2


@pytest.fixture
def busy(user: User, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Twelve texts to twelve people; by the last answers all of them find room in a moment. How many were asked for."""
    SendingNumber.objects.update(texts_a_minute=100_000, burst=1000)
    for place in range(12):
        write(user, to=person(place))
    asked, take = list[int](), leases.take

    def noted(now: datetime, room: int) -> leases.Lease | None:
        asked.append(room)
        return take(now, room)

    monkeypatch.setattr(leases, "take", noted)
    monkeypatch.setattr(relay, "AHEAD_SECONDS", 1000.0)
    return asked


def test_what_finds_room_in_a_moment_is_leased_ahead_and_dispatched_in_portions(
    busy: list[int], carrier: CarrierInMemory, clock: Clock
) -> None:
    with Relay(clock, connections=2) as worker:
        assert worker._begin()
        worker._collect()
        worker._write()
        assert busy == [4]  # Nothing had been answered yet.
        answered = Message.objects.filter(status="sent").count()
        assert worker._begin()
        assert busy[1] > 8
        in_line = Message.objects.filter(leased_until__isnull=False)
        assert in_line.filter(status="sending").count() == 4
        assert in_line.filter(status="queued").count() == 12 - 4 - answered
        worker.run()
    assert len(carrier.taken) == len(set(carrier.taken)) == 12
    assert carrier.most_at_once == 2


def test_what_was_leased_ahead_goes_out_although_the_shift_is_over(
    busy: list[int], carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(clock, connections=2) as worker:
        monkeypatch.setattr(worker, "_soon", lambda: 5)
        assert worker._begin()
        monkeypatch.setattr(relay, "SHIFT_SECONDS", -1.0)
        worker.run()
    assert busy == [9]
    assert len(carrier.taken) == 9
    assert Message.objects.filter(status="queued", leased_until__isnull=True).count() == 3


def test_a_stop_after_the_lease_ahead_wins(
    user: User, busy: list[int], carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(clock, connections=2) as worker:
        monkeypatch.setattr(worker, "_soon", lambda: 8)
        assert worker._begin()
        ahead = Message.objects.filter(status="queued", leased_until__isnull=False)[0]
        optouts.opt_out(user.primary_number, ahead.counterpart, "stop", NOW)
        worker.run()
    assert (status(ahead), len(carrier.taken)) == ("blocked", 11)


def test_the_room_that_answers_left_is_filled_before_they_are_written(
    user: User, carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    SendingNumber.objects.update(texts_a_minute=100_000, burst=1000)
    for place in range(6):
        write(user, to=person(place))
    seen, dispatch, settle = list[str](), departures.dispatch, relay.settle
    monkeypatch.setattr(departures, "dispatch", lambda *given: seen.append("dispatch") or dispatch(*given))
    monkeypatch.setattr(relay, "settle", lambda *given: seen.append("settle") or settle(*given))
    with Relay(clock, connections=1) as worker:
        worker.run()
    assert seen[:3] == ["dispatch", "dispatch", "settle"]
    assert len(carrier.taken) == Message.objects.filter(status="sent").count() == 6


def test_what_a_kill_would_leave_unknown_is_bounded(
    user: User, carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the wire, waiting for it, and answered but not written: three times as many texts as connections."""
    SendingNumber.objects.update(texts_a_minute=100_000, burst=1000)
    for place in range(24):
        write(user, to=person(place))
    unknown, settle = list[int](), relay.settle

    def noted(*given: Any) -> None:
        unknown.append(Message.objects.filter(status="sending").count())
        settle(*given)

    monkeypatch.setattr(relay, "settle", noted)
    with Relay(clock, connections=2) as worker:
        worker.run()
    assert 4 < max(unknown) <= 6
    assert len(carrier.taken) == 24


def test_exchanges_are_noted_together_and_all_of_them(user: User, carrier: CarrierInMemory, clock: Clock) -> None:
    SendingNumber.objects.update(texts_a_minute=100_000, burst=1000)
    for place in range(12):
        write(user, to=person(place))
    with Relay(clock, connections=2) as worker:
        worker.run()
    batch = CarrierBatch.objects.get()
    assert batch.taken == Exchange.objects.count() == 12


def test_plans_are_given_up_when_there_is_much_to_do_but_once_a_shift(
    user: User, carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = list[bool]()
    monkeypatch.setattr(relay, "plan_anew", lambda: given_up.append(True))
    SendingNumber.objects.update(texts_a_minute=100_000, burst=1000)
    with Relay(clock, connections=2) as worker:
        write(user)
        worker.run()
        assert given_up == []
        for _run in range(2):
            for place in range(12):
                write(user, to=person(place))
            worker.run()
        assert given_up == [True]


# The second look


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


# What a crash leaves behind


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
    text, much_later = write(user), time.monotonic() + 61
    monkeypatch.setattr(transit, "time", SimpleNamespace(monotonic=lambda: much_later))
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


def test_one_outcome_that_cannot_be_written_does_not_spoil_the_others(
    user: User, worker: Relay, carrier: CarrierInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = write(user, "good", to=person(1)), write(user, "bad", to=person(2))
    write_facts = states.advance_all

    def refuse_bad(facts: Any, **options: Any) -> Any:
        if bad.pk in facts:
            raise DataError("value too long")
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
