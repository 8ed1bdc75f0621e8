"""A text as it was known at a moment."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.as_of import Known, as_of
from messaging import states
from messaging.models import Message, Receipt
from messaging.models.messages import Status
from messaging.states import Fact, learned
from provisioning.ids import new_id
from tests.factories import NOW


def second(n):
    return NOW + timedelta(seconds=n)


def message(**columns):
    return Message(**{"direction": "out", "status": "queued", "accepted_at": NOW, "due_at": NOW, **columns})


def receipt(claim, event, received=None, **columns):
    return Receipt(
        claim=claim, event_at=second(event), received_at=second(event if received is None else received), **columns
    )


def test_a_delivery_after_the_snapshot_is_not_shown():
    row = message(status="delivered", sending_at=second(1), sent_at=second(2), delivered_at=second(5))
    receipts = [receipt("delivered", 5)]
    assert as_of(row, receipts, second(4)).status == Status.SENT
    assert as_of(row, receipts, second(4)).delivered_at is None
    assert as_of(row, receipts, second(5)).status == Status.DELIVERED
    assert as_of(row, receipts, second(5)).delivered_at == second(5)


def test_a_receipt_that_came_in_late_was_not_known_whatever_its_time_says():
    row = message(status="delivered", sending_at=second(1), sent_at=second(2), delivered_at=second(3))
    receipts = [receipt("delivered", 3, received=60)]
    assert as_of(row, receipts, second(59)).status == Status.SENT
    assert as_of(row, receipts, second(60)).status == Status.DELIVERED


def test_a_receipt_whose_clock_runs_ahead_was_known_when_it_came_in():
    row = message(status="delivered", sent_at=second(2), delivered_at=second(90))
    assert as_of(row, [receipt("delivered", 90, received=3)], second(3)).status == Status.DELIVERED


def test_every_step_of_a_text_shows_at_its_time():
    row = message(status="undelivered", sending_at=second(1), sent_at=second(3), delivered_at=second(5),
                  undelivered_at=second(7), reason="unreachable")  # fmt: skip
    receipts = [receipt("delivered", 5), receipt("undelivered", 7, reason="unreachable", carrier_code="30003")]
    seen = [as_of(row, receipts, second(n)).status for n in range(9)]
    assert seen == [
        "queued", "sending", "sending", "sent", "sent", "delivered", "delivered", "undelivered", "undelivered",
    ]  # fmt: skip
    assert as_of(row, receipts, second(7)).reason == "unreachable"
    assert as_of(row, receipts, second(6)).reason == ""


def test_the_reason_of_a_failure_is_shown_while_it_stands_and_not_before():
    row = message(status="failed", failed_at=second(4), reason="too_old")
    assert as_of(row, [], second(3)) == Known(status="queued")
    known = as_of(row, [], second(4))
    assert (known.status, known.reason, known.failed_at) == ("failed", "too_old", second(4))


def test_a_block_says_who_blocked_it():
    row = message(status="blocked", blocked_at=second(0), reason="opted_out", blocked_by="platform")
    assert as_of(row, [], second(0)).blocked_by == "platform"


def test_a_carriers_block_that_came_as_a_receipt_says_so():
    row = message(status="undelivered", undelivered_at=second(1), reason="spam_blocked", blocked_by="carrier")
    told = receipt("undelivered", 1, reason="spam_blocked", carrier_code="30007")
    assert as_of(row, [told], second(1)).blocked_by == "carrier"


def test_a_failure_that_a_receipt_outranked_later_was_a_failure_at_the_time():
    row = message(status="delivered", failed_at=second(4), delivered_at=second(9))
    receipts = [receipt("delivered", 9)]
    assert as_of(row, receipts, second(5)).status == Status.FAILED
    assert as_of(row, receipts, second(9)).status == Status.DELIVERED


@pytest.mark.parametrize("status", ["queued", "scheduled"])
def test_a_text_that_waits_is_shown_waiting(status):
    assert as_of(message(status=status), [], second(9)).status == status


def test_a_text_brought_over_without_receipts_or_times_is_shown_as_it_is():
    assert as_of(message(status="delivered"), [], second(0)).status == Status.DELIVERED
    moved = message(status="delivered", delivered_at=second(5))
    assert as_of(moved, [], second(4)).status == Status.QUEUED
    assert as_of(moved, [], second(5)).status == Status.DELIVERED


def test_an_inbound_text_is_received():
    assert as_of(message(direction="in", status="received"), [], second(0)).status == Status.RECEIVED


def test_a_receipt_we_do_not_understand_says_nothing():
    row = message(status="sent", sent_at=second(1))
    assert as_of(row, [receipt("unknown", 2)], second(3)).status == Status.SENT


def test_the_carriers_id_shows_once_the_carrier_had_it():
    row = message(status="sent", sending_at=second(1), sent_at=second(2), carrier_message_id="SM1")
    assert as_of(row, [], second(1)).carrier_message_id == ""
    assert as_of(row, [], second(2)).carrier_message_id == "SM1"


FACTS = st.lists(
    st.tuples(st.sampled_from(["unconfirmed", "failed", "blocked", "sent"]), st.integers(1, 9)), max_size=2,
    unique_by=lambda fact: fact[0],
)  # fmt: skip
RECEIPTS = st.lists(
    st.tuples(st.sampled_from(["sent", "delivered", "undelivered"]), st.integers(1, 9), st.integers(0, 5)), max_size=3
)


@given(facts=FACTS, told=RECEIPTS, moment=st.integers(0, 20))
def test_the_status_is_what_the_rule_makes_of_the_facts_known_by_then(facts, told, moment):
    """An oracle that keeps the whole history, where the row keeps only its end."""
    receipts = [
        receipt(claim, at, received=at + late, id=new_id(), reason="unreachable" if claim == "undelivered" else "")
        for claim, at, late in told
    ]
    row = Known(status="queued")
    every = [Fact(Status(status), second(at)) for status, at in facts]
    every += [Fact(Status(r.claim), r.event_at, reason=r.reason, receipt_id=r.pk) for r in receipts]
    for fact in every:
        for name, value in learned(row, fact).items():
            setattr(row, name, value)
    kept = message(**{name: getattr(row, name) for name in Known.__dataclass_fields__})

    then = Known(status="queued")
    for fact, known_at in itertools.chain(
        ((fact, fact.at) for fact in every[: len(facts)]),
        ((fact, r.received_at) for fact, r in zip(every[len(facts) :], receipts, strict=True)),
    ):
        if known_at <= second(moment):
            for name, value in learned(then, fact).items():
                setattr(then, name, value)
    # The one thing a row can't tell: that we found out ourselves that it was sent, after the carrier's earlier time.
    blurred = any(r.claim == "sent" and r.received_at > second(moment) >= r.event_at for r in receipts)
    seen = as_of(kept, receipts, second(moment))
    if not blurred:
        assert seen.status == then.status
        assert (seen.delivered_at, seen.undelivered_at) == (then.delivered_at, then.undelivered_at)
    assert states.RANKS[Status(seen.status)] >= states.RANKS[Status(then.status)]
