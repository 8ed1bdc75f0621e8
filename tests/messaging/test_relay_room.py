"""Pacing, and the room of the wire: how much is leased, dispatched and unsettled at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from messaging import departures, leases, optouts, relay
from messaging.models import CarrierAccount, CarrierBatch, Exchange, Message, SendingNumber
from messaging.models.messages import Kind
from messaging.relay import Relay
from provisioning.models import User
from tests.factories import NOW, ConversationFactory, MessageFactory, texting_user
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.relay_stage import Clock, clock, person, status, unpaced, worker, write

__all__ = ["carrier", "clock", "worker"]


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
    unpaced()
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
    unpaced()
    for place in range(12):
        write(user, to=person(place))
    with Relay(clock, connections=2) as worker:
        assert worker._begin()
        assert Message.objects.filter(status="sending").count() == 2  # Nothing was answered yet, so none stands behind.
        assert not worker._begin()
        worker.run()
    assert len(carrier.taken) == 12
    assert carrier.most_at_once == 2


@pytest.fixture
def busy(user: User, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Twelve texts to twelve people. How many were asked for, lease by lease."""
    unpaced()
    for place in range(12):
        write(user, to=person(place))
    asked, take = list[int](), leases.take

    def noted(now: datetime, room: int, rooms: dict[Any, int], beyond: Any) -> leases.Lease | None:
        asked.append(next(iter(rooms.values()), room))
        return take(now, room, rooms, beyond)

    monkeypatch.setattr(leases, "take", noted)
    return asked


def answers_come_fast(monkeypatch: pytest.MonkeyPatch, worker: Relay, soon: int) -> None:
    """By its last answers an account that was asked before finds room for so many texts in a moment."""
    worker._recent[CarrierAccount.objects.get().pk].note(1)
    monkeypatch.setattr(relay.Recent, "soon", property(lambda _self: soon))


def test_what_finds_room_in_a_moment_is_leased_ahead_and_dispatched_in_portions(
    busy: list[int], carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(clock, connections=2) as worker:
        assert worker._begin()
        worker._collect()
        worker._write()
        assert busy == [2]  # Nothing had been answered yet.
        answered = Message.objects.filter(status="sent").count()
        answers_come_fast(monkeypatch, worker, 8)
        assert worker._begin()
        assert busy[1] == 2 + answered + 8
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
        answers_come_fast(monkeypatch, worker, 5)
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
        answers_come_fast(monkeypatch, worker, 8)
        assert worker._begin()
        ahead = Message.objects.filter(status="queued", leased_until__isnull=False)[0]
        optouts.opt_out(user.primary_number, ahead.counterpart, "stop", NOW)
        worker.run()
    assert (status(ahead), len(carrier.taken)) == ("blocked", 11)


def test_the_room_that_answers_left_is_filled_before_they_are_written(
    user: User, carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpaced()
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
    unpaced()
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
    unpaced()
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
    unpaced()
    with Relay(clock, connections=2) as worker:
        write(user)
        worker.run()
        assert given_up == []
        for _run in range(2):
            for place in range(12):
                write(user, to=person(place))
            worker.run()
        assert given_up == [True]
