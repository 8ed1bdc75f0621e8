"""Whose turn it is: who has one text to send does not wait for who has many, and a reply goes before a campaign."""

from __future__ import annotations

import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import destinations, leases, relay, transit
from messaging.carriers import exchanges
from messaging.carriers.base import Accepted, OutboundText
from messaging.models import CarrierAccount, CarrierBatch, Conversation, Exchange, Message, SendingNumber
from messaging.relay import Relay, run
from provisioning.models import User
from tests.factories import NOW, texting_user
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.relay_stage import Clock, clock, person, raising, status, unpaced, write

__all__ = ["carrier", "clock"]

pytestmark = pytest.mark.django_db


def taken(room: int) -> list[uuid.UUID]:
    lease = leases.take(NOW, room)
    return lease.message_ids if lease else []


def test_another_organizations_one_text_goes_before_what_is_left_of_many(user: User, stranger: User) -> None:
    crowd = [user, *(texting_user(user.organization) for _ in range(5))]
    unpaced()
    for each in crowd:
        for place in range(20):
            write(each, to=person(place))
    assert len(taken(6)) == 6
    assert SendingNumber.objects.filter(backlog=True).count() >= 4
    one = write(stranger, "one")
    assert one.pk in taken(4)


def test_one_organizations_many_numbers_do_not_stand_before_anothers_one_text(user: User, stranger: User) -> None:
    """Each of them has its first turn to come, and all of them wait longer."""
    crowd = [user, *(texting_user(user.organization) for _ in range(29))]
    for each in crowd:
        write(each, to=person(1))
    one = write(stranger, "one", at=NOW + timedelta(seconds=1))
    lease = leases.take(NOW + timedelta(seconds=1), 8)
    assert lease is not None
    assert (len(lease.message_ids), one.pk in lease.message_ids) == (6, True)  # Two places are for backlogs.


def test_to_look_past_a_crowd_takes_a_tenth_of_the_time_at_most(
    user: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = [user, *(texting_user(user.organization) for _ in range(29))]
    for each in crowd:
        write(each, to=person(1))
    one = write(stranger, "one", at=NOW + timedelta(seconds=1))
    beyond, moment = leases.Beyond(), [1000.0]
    monkeypatch.setattr(leases, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    account, other = SendingNumber.objects.get(number__user=user).carrier_account_id, uuid.uuid4()
    beyond.took(account, 2.0)
    assert (beyond.is_time(account), beyond.is_time(other)) == (False, True)
    moment[0] += 17.9
    lease = leases.take(NOW + timedelta(seconds=1), 4, beyond=beyond)
    assert lease is not None
    assert one.pk not in lease.message_ids
    moment[0] += 0.2
    lease = leases.take(NOW + timedelta(seconds=1), 4, beyond=beyond)
    assert lease is not None
    assert one.pk in lease.message_ids


def test_numbers_with_a_backlog_are_never_quite_without_a_turn(user: User) -> None:
    crowd = [user, *(texting_user(user.organization) for _ in range(9))]
    unpaced()
    busy = crowd[0]
    for place in range(5):
        write(busy, "busy", to=person(place))
    SendingNumber.objects.filter(number__user=busy).update(backlog=True)
    for each in crowd[1:]:
        write(each, "one")
    bodies = Message.objects.in_bulk(taken(4)).values()
    assert sorted(text.body for text in bodies) == ["busy", "one", "one", "one"]


def test_a_number_that_sent_everything_stands_in_front_again(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    for place in range(8):
        write(user, to=person(place))
    run(clock)
    assert SendingNumber.objects.get().backlog
    clock.forward(60)
    run(clock)
    assert not SendingNumber.objects.get().backlog


def test_a_reply_goes_before_what_was_written_earlier_from_the_same_number(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    SendingNumber.objects.update(burst=1, tokens=1)
    for place in range(3):
        write(user, f"campaign {place}", to=person(place))
    reply = write(user, "reply", to=person(40), at=NOW + timedelta(seconds=1))
    Message.objects.filter(pk=reply.pk).update(prompt=True)
    clock.forward(2)
    run(clock)
    assert carrier.bodies == ["reply"]


def test_texts_accepted_after_an_account_began_to_drain_wait_and_earlier_ones_go(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    before = write(user, "before", to=person(1))
    CarrierAccount.objects.update(draining_since=NOW + timedelta(seconds=1))
    after = write(user, "after", to=person(2), at=NOW + timedelta(seconds=1))
    clock.forward(1)
    run(clock)
    assert (status(before), status(after), carrier.bodies) == ("sent", "queued", ["before"])
    CarrierAccount.objects.update(draining_since=None)
    clock.forward(60)
    run(clock)
    assert status(after) == "sent"


def test_a_text_whose_number_moved_to_another_account_goes_by_that_one(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    text = write(user)
    other = CarrierAccount.objects.create(name="Other", carrier="simulator", base_url="http://127.0.0.1:9")
    SendingNumber.objects.update(carrier_account=other)
    run(clock)
    assert Message.objects.get(pk=text.pk).carrier_account_id == other.pk


def test_a_text_that_is_not_answered_for_a_second_is_shown_as_sending(
    user: User, carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = write(user, at=NOW - timedelta(minutes=1))
    with Relay(clock) as worker:
        assert worker._begin()
        assert Conversation.objects.get(pk=text.conversation_id).changed_at == NOW - timedelta(minutes=1)
        monkeypatch.setattr(relay, "SHOWN_AFTER_SECONDS", 0.0)
        worker._show_slow_ones()
        assert Conversation.objects.get(pk=text.conversation_id).changed_at == NOW
        assert worker._shown == {text.pk}
        worker.run()
    assert status(text) == "sent"


def test_every_attempt_leaves_an_entry_for_support_and_a_sum_for_health(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    carrier.answer = raising(transit.NotTaken("HTTP 503"))
    text = write(user)
    run(clock)
    carrier.answer = None
    clock.forward(1)
    run(clock)
    entries = Exchange.objects.order_by("attempt").values_list("message_id", "attempt", "outcome", "response")
    assert list(entries) == [(text.pk, 1, "not_taken", "HTTP 503"), (text.pk, 2, "taken", "")]
    first, second = CarrierBatch.objects.order_by("pk")
    assert (first.not_taken, first.milliseconds, second.taken) == (1, 0, 1)


@pytest.mark.parametrize(("http_status", "not_let_in"), [(401, 1), (403, 1), (404, 1), (429, 0)])
def test_answers_to_credentials_that_a_carrier_does_not_know_are_counted_apart(
    user: User, carrier: CarrierInMemory, clock: Clock, http_status: int, not_let_in: int
) -> None:
    def answer(text: OutboundText) -> Accepted:
        exchanges.note(exchanges.Exchange("POST", "/v1/texts", http_status, 4, ""))
        raise transit.NotTaken(f"HTTP {http_status}")

    carrier.answer = answer
    write(user)
    run(clock)
    counted = CarrierBatch.objects.get()
    assert (counted.not_taken, counted.not_let_in) == (1, not_let_in)


def test_a_slow_conversation_does_not_keep_others_from_the_wire(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    order: list[str] = []

    def answer(text: OutboundText) -> Accepted:
        order.append(text.body)
        return Accepted(text.message_id)

    carrier.answer = answer
    unpaced()
    for place in range(3):
        write(user, f"long {place}", to=person(1))
    write(user, "short", to=person(2))
    run(clock)
    assert order.index("short") < order.index("long 2")


@given(st.integers(200, 999), st.integers(200, 999), st.integers(0, 9999))
def test_of_north_american_numbers_the_exchange_decides_whether_they_may_be_texted(
    area: int, exchange: int, line: int
) -> None:
    e164 = f"+1{area}{exchange}{line:04d}"
    assert destinations.is_allowed(e164) == destinations._is_destination(e164)


def test_every_area_code_is_judged_by_its_exchanges_as_number_by_number() -> None:
    for area in range(200, 1000):
        for exchange in (200, 211, 310, 411, 555, 911, 976, 999):
            for line in (0, 100, 1234, 9999):
                e164 = f"+1{area}{exchange}{line:04d}"
                assert destinations.is_allowed(e164) == destinations._is_destination(e164), e164


def test_of_many_numbers_few_texts_each_are_looked_at(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred numbers with a thousand tokens each are not asked for two hundred texts each."""
    asked: list[int] = []
    look = leases.heads_of

    def noted(*numbers: Any, people: int, **rest: Any) -> Any:
        asked.append(people)
        return look(*numbers, people=people, **rest)

    monkeypatch.setattr(leases, "heads_of", noted)
    unpaced()
    for each in [user, *(texting_user(user.organization) for _ in range(9))]:
        for place in range(6):
            write(each, to=person(place))
    assert len(taken(16)) == 16
    assert asked == [2 * 2 + 1]  # Of a room of 16, 12 places for numbers without a backlog: all ten of them.
