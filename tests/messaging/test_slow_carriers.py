"""A carrier that takes its time, or never answers, holds up what is on its connections and nothing else."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from messaging import leases, relay, transit
from messaging.models import CarrierAccount, CarrierBatch, Exchange, Message, SendingNumber
from messaging.relay import Relay
from provisioning.models import User
from tests.factories import NOW
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.relay_stage import Clock, clock, person, status, unpaced, write

__all__ = ["carrier", "clock"]

HANGING = 2.0


@pytest.fixture(autouse=True)
def slow(carrier: CarrierInMemory) -> None:
    """It takes its time for texts that say Slow."""
    carrier.seconds = lambda text: HANGING if text.body == "Slow" else 0


@pytest.fixture
def elsewhere(user: User, stranger: User) -> User:
    """Somebody whose number has another account than `user`'s."""
    other = CarrierAccount.objects.create(name="Other", carrier="simulator", base_url="http://127.0.0.1:9")
    SendingNumber.objects.filter(number__user=stranger).update(carrier_account=other)
    unpaced()
    return stranger


class RunningClock:
    """NOW when the test began."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self) -> datetime:
        return NOW + timedelta(seconds=time.monotonic() - self.began)


def due_later(text: Message, seconds: float) -> None:
    Message.objects.filter(pk=text.pk).update(due_at=NOW + timedelta(seconds=seconds))


def test_an_account_that_hangs_does_not_hold_up_another_one(
    user: User, elsewhere: User, carrier: CarrierInMemory
) -> None:
    """Not even to what comes once all of its connections wait, and more texts wait for them."""
    for place in range(4):
        write(user, "Slow", to=person(place))
    due_later(write(elsewhere, "Quick"), 0.3)
    with Relay(RunningClock(), connections=2) as worker:
        worker.run()
    assert carrier.bodies == ["Quick", *["Slow"] * 4]


def test_what_hangs_has_no_more_on_the_wire_than_its_connections(
    user: User, elsewhere: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    """Nothing is dispatched ahead of a carrier that does not answer: a kill would leave it unknown for nothing."""
    for place in range(8):
        write(user, "Slow", to=person(place))
    with Relay(clock, connections=2) as worker:
        for _turn in range(3):
            worker._begin()
            worker._collect()
        assert Message.objects.filter(status="sending").count() == 2
        write(elsewhere, "Quick")
        worker._looked = 0.0
        assert worker._begin()
        assert Message.objects.filter(status="sending", body="Quick").exists()


def test_a_run_that_waits_for_an_answer_goes_on_taking_texts(
    user: User, elsewhere: User, carrier: CarrierInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when its shift is over; between shifts it does what others could not do meanwhile."""
    monkeypatch.setattr(relay, "SHIFT_SECONDS", 0.05)
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", 0.05)
    write(user, "Slow")
    due_later(write(user, "Soon", to=person(7)), 0.4)
    between = list[float]()
    with Relay(RunningClock(), connections=2, between=lambda: between.append(time.monotonic())) as worker:
        worker.run()
    assert carrier.bodies == ["Soon", "Slow"]
    assert len(between) >= 2


def test_a_worker_that_is_told_to_stop_takes_back_what_has_not_begun_to_leave(
    user: User, elsewhere: User, carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends within the time of one answer; nothing of it is left unknown, and nothing counts against the carrier."""
    monkeypatch.setattr(relay.Recent, "soon", property(lambda _self: 2))
    texts = [write(user, "Slow", to=person(place)) for place in range(8)]
    with Relay(clock, connections=2, is_stopping=lambda: True) as worker:
        worker._recent[CarrierAccount.objects.get(sending_numbers__number__user=user).pk].note(1)
        assert worker._begin()
        assert Message.objects.filter(status="sending").count() == 4
        assert Message.objects.filter(status="queued", leased_until__isnull=False).count() == 2
        while len(carrier.tried) < 2:
            time.sleep(0.01)
        began = time.monotonic()
        worker.run()
    assert time.monotonic() - began < 1.8 * HANGING
    assert sorted(map(status, texts)) == ["queued"] * 6 + ["sent"] * 2
    assert not Message.objects.filter(status="queued", leased_until__isnull=False).exists()
    assert (CarrierBatch.objects.get().taken, CarrierBatch.objects.get().not_taken) == (2, 0)
    assert not Exchange.objects.filter(response=transit.RECALLED).exists()
    with Relay(lambda: NOW + timedelta(seconds=2), connections=8) as another:
        another.run()
    assert (set(map(status, texts)), carrier.twice) == ({"sent"}, [])


def test_a_lease_that_is_given_back_is_free_at_once(user: User) -> None:
    text = write(user)
    lease = leases.take(NOW, 10)
    assert lease is not None
    assert leases.take(NOW, 10) is None
    leases.give_back(lease, NOW)
    again = leases.take(NOW, 10)
    assert again is not None
    assert again.message_ids == [text.pk]


def test_each_account_has_room_of_its_own(user: User, elsewhere: User) -> None:
    ours = [write(user, to=person(place)).pk for place in range(4)]
    theirs = [write(elsewhere, to=person(place)).pk for place in range(4)]
    account = SendingNumber.objects.get(number__user=user).carrier_account_id
    lease = leases.take(NOW, 3, {account: 1})
    assert lease is not None
    assert (len(set(lease.message_ids) & set(ours)), len(set(lease.message_ids) & set(theirs))) == (1, 3)
    first, rest = lease.split(2, {account: 0})
    assert set(first.message_ids) <= set(theirs)
    assert (len(first.message_ids), len(rest.message_ids)) == (2, 2)
    assert leases.take(NOW, 0, {account: 0}) is None
