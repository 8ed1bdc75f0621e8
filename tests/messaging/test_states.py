"""What is known of a text does not depend on the order in which it became known; and the few moves that are ours."""

from __future__ import annotations

import itertools
import uuid
from collections import defaultdict
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from messaging import states
from messaging.changes import conversation_changed
from messaging.models import Conversation, Message, Receipt, SendingNumber
from messaging.models.messages import Kind, Status
from messaging.states import Fact
from tests.factories import NOW, ConversationFactory, MessageFactory, texting_user


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def receipt(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)


FACTS = {
    "timeout": Fact(Status.UNCONFIRMED, after(10)),
    "lapsed": Fact(Status.UNCONFIRMED, after(60)),
    "failed": Fact(Status.FAILED, after(3), reason="carrier_error", carrier_code="4900"),
    "blocked": Fact(Status.BLOCKED, after(2), reason="spam_blocked", carrier_code="4770", blocked_by="carrier"),
    "taken": Fact(Status.SENT, after(1), carrier_message_id="c-1"),
    "sent": Fact(Status.SENT, after(0), receipt_id=receipt(7), carrier_message_id="c-1"),
    "delivered": Fact(Status.DELIVERED, after(5), receipt_id=receipt(2), carrier_message_id="c-0"),
    "delivered at once": Fact(Status.DELIVERED, after(5), receipt_id=receipt(1), carrier_code="d"),
    "unreachable": Fact(Status.UNDELIVERED, after(4), reason="unreachable", receipt_id=receipt(4)),
    "no such number": Fact(Status.UNDELIVERED, after(6), reason="invalid_destination", receipt_id=receipt(3)),
}
BLANK = {
    "reason": "", "carrier_code": "", "blocked_by": "", "carrier_message_id": "", "status_event_at": NOW,
    "status_receipt_id": None, **dict.fromkeys(states.TIME_OF.values()),
}  # fmt: skip
SHOWN = ("status", *BLANK)


def played(names: tuple[str, ...], begins: Status = Status.SENDING) -> tuple[Any, ...]:
    """The row after these facts, in memory."""
    row = SimpleNamespace(status=begins, **BLANK)
    for name in names:
        for column, value in states.learned(row, FACTS[name]).items():
            setattr(row, column, value)
    return tuple(getattr(row, column) for column in SHOWN)


def expected(names: frozenset[str]) -> dict[str, Any]:
    """What the row must say, by another way: sort all facts at once."""
    order = list(states.RANKS)
    facts = sorted((FACTS[name] for name in names), key=lambda f: (f.at, f.receipt_id or receipt(0)))
    decides = max(facts, key=lambda f: order.index(f.status))
    row = dict(BLANK, status=decides.status, reason=decides.reason, carrier_code=decides.carrier_code)
    row |= {"blocked_by": decides.blocked_by, "status_event_at": decides.at, "status_receipt_id": decides.receipt_id}
    row["carrier_message_id"] = min((f.carrier_message_id for f in facts if f.carrier_message_id), default="")
    return row | {states.TIME_OF[f.status]: f.at for f in reversed(facts)}


@pytest.mark.parametrize("begins", [Status.SENDING, Status.QUEUED])
def test_every_order_and_duplication_of_up_to_five_facts_ends_in_one_row(begins: Status) -> None:
    ends: dict[frozenset[str], set[tuple[Any, ...]]] = defaultdict(set)
    sequences = itertools.chain.from_iterable(itertools.product(FACTS, repeat=length) for length in range(1, 6))
    for names in sequences:
        ends[frozenset(names)].add(played(names, begins))
    assert len(ends) == sum(len(list(itertools.combinations(FACTS, size))) for size in range(1, 6))
    for names, rows in ends.items():
        assert [dict(zip(SHOWN, row, strict=True)) for row in rows] == [expected(names)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "five",
    [
        ("timeout", "taken", "sent", "delivered", "no such number"),
        ("delivered", "delivered at once", "unreachable", "no such number", "taken"),
        ("failed", "blocked", "timeout", "lapsed", "sent"),
        ("lapsed", "failed", "blocked", "delivered at once", "delivered"),
    ],
)
def test_the_database_ends_in_the_same_row_for_every_order(five: tuple[str, ...]) -> None:
    orders = list(itertools.permutations(five)) + [order[:3] + order[:2] for order in itertools.permutations(five, 3)]
    conversation = ConversationFactory()
    texts = [sending(conversation, seq=place + 1) for place in range(len(orders))]
    for step in range(5):
        facts = {text.pk: FACTS[order[step]] for text, order in zip(texts, orders, strict=True)}
        if step % 2:
            states.advance_all(facts, now=after(100))
        else:
            for text_id, fact in facts.items():
                states.advance(text_id, fact, now=after(100))
    for order, row in zip(orders, Message.objects.order_by("seq").values_list(*SHOWN), strict=True):
        assert row == played(order)


def sending(conversation: Conversation, **fields: Any) -> Message:
    """A text on the wire."""
    return MessageFactory(
        conversation=conversation, status="sending", status_event_at=NOW, sending_at=NOW,
        lease_token=receipt(99), leased_until=after(60), **fields,
    )  # fmt: skip


@pytest.fixture
def conversation(db: Any) -> Conversation:
    return ConversationFactory()


def test_advance_says_whether_it_moved_the_status(conversation: Conversation) -> None:
    text = sending(conversation)
    assert states.advance(text.pk, FACTS["delivered"])
    assert not states.advance(text.pk, FACTS["sent"])
    assert not states.advance(text.pk, FACTS["delivered"])
    text.refresh_from_db()
    assert (text.status, text.sent_at, text.delivered_at) == ("delivered", after(0), after(5))


def test_a_failure_after_a_delivery_wins(conversation: Conversation) -> None:
    text = sending(conversation)
    states.advance(text.pk, FACTS["delivered"])
    assert states.advance(text.pk, FACTS["no such number"])
    text.refresh_from_db()
    assert (text.status, text.reason, text.delivered_at) == ("undelivered", "invalid_destination", after(5))


def test_a_receipt_that_names_an_inbound_text_changes_nothing(conversation: Conversation) -> None:
    text = MessageFactory(conversation=conversation, direction="in", status="received")
    assert not states.advance(text.pk, FACTS["delivered"])
    text.refresh_from_db()
    assert text.status == "received"


def test_a_fact_of_a_text_that_does_not_exist_changes_nothing(db: Any) -> None:
    assert not states.advance(uuid.uuid4(), FACTS["delivered"])


def test_a_visible_change_touches_and_announces_the_conversation_once(
    conversation: Conversation, django_capture_on_commit_callbacks: Any
) -> None:
    text = sending(conversation)
    heard: list[Any] = []
    conversation_changed.connect(listener := lambda changes, **_: heard.extend(changes))
    try:
        with django_capture_on_commit_callbacks(execute=True):
            states.advance(text.pk, FACTS["delivered"], now=after(50))
        with django_capture_on_commit_callbacks(execute=True):
            states.advance(text.pk, FACTS["delivered"], now=after(70))
    finally:
        conversation_changed.disconnect(listener)
    conversation.refresh_from_db()
    assert conversation.changed_at == after(50)
    assert [(c.user_id, c.conversation_id) for c in heard] == [(conversation.user_id, conversation.pk)]


def test_changed_at_never_goes_back(conversation: Conversation) -> None:
    text = sending(conversation)
    states.advance(text.pk, FACTS["sent"], now=after(50))
    states.advance(text.pk, FACTS["delivered"], now=after(40))
    conversation.refresh_from_db()
    assert conversation.changed_at == after(50)


def test_a_text_that_leaves_the_line_lets_its_number_look_again(conversation: Conversation) -> None:
    first, _second = sending(conversation, seq=1), MessageFactory(conversation=conversation, seq=2, status="queued")
    states.advance(first.pk, FACTS["taken"], now=after(1))
    assert SendingNumber.objects.get(number=conversation.number).next_due_at == after(1)


def test_a_number_with_nothing_behind_is_left_alone(conversation: Conversation) -> None:
    states.advance(sending(conversation).pk, FACTS["taken"], now=after(1))
    assert SendingNumber.objects.get(number=conversation.number).next_due_at is None


@pytest.mark.parametrize(
    "change",
    [
        {"lease_token": receipt(98)},
        {"lease_token": None},
        {"leased_until": after(1)},
        {"status": "blocked"},
        {"status": "sending"},
    ],
)
def test_sending_begins_only_under_the_lease(conversation: Conversation, change: dict[str, Any]) -> None:
    mine = {"conversation": conversation, "status": "queued", "lease_token": receipt(99), "leased_until": after(60)}
    account = SendingNumber.objects.get(number=conversation.number).carrier_account_id
    good, bad = MessageFactory(**mine), MessageFactory(**mine | change)
    with pytest.raises(states.Overtaken), transaction.atomic():
        states.begin_sending([good, bad], receipt(99), account_id=account, at=after(1), until=after(61))
    assert Message.objects.get(pk=good.pk).status == "queued"
    states.begin_sending([good], receipt(99), account_id=account, at=after(1), until=after(61))
    good.refresh_from_db()
    assert (good.status, good.attempts, good.sending_at, good.leased_until) == ("sending", 1, after(1), after(61))


def test_release_puts_a_text_back_that_was_not_taken(conversation: Conversation) -> None:
    text = sending(conversation, attempts=1)
    assert states.release(text.pk, receipt(99), after(2), now=after(1))
    text.refresh_from_db()
    assert (text.status, text.retry_at, text.lease_token, text.sending_at) == ("queued", after(2), None, None)
    assert SendingNumber.objects.get(number=conversation.number).next_due_at == after(2)


def test_release_needs_the_lease_that_sent_it(conversation: Conversation) -> None:
    text = sending(conversation)
    assert not states.release(text.pk, receipt(98), after(2), now=after(1))
    text.refresh_from_db()
    assert text.status == "sending"


@pytest.mark.parametrize("status", ["queued", "unconfirmed", "failed", "blocked", "sent", "delivered", "undelivered"])
def test_release_takes_nothing_back_but_sending(conversation: Conversation, status: str) -> None:
    text = MessageFactory(conversation=conversation, status=status, lease_token=receipt(99))
    assert not states.release(text.pk, receipt(99), after(2), now=after(1))
    text.refresh_from_db()
    assert text.status == status


def test_a_text_with_a_receipt_is_not_put_back_but_given_up(conversation: Conversation) -> None:
    text = sending(conversation)
    Receipt.objects.create(
        carrier_account=SendingNumber.objects.get(number=conversation.number).carrier_account,
        message=text, claim="unknown", event_at=NOW, received_at=NOW, fingerprint="f", raw="{}",
    )  # fmt: skip
    assert not states.release(text.pk, receipt(99), after(2), now=after(1))
    states.give_up(text.pk, receipt(99), now=after(1))
    text.refresh_from_db()
    assert text.status == "unconfirmed"


def test_giving_up_leaves_a_text_alone_that_is_queued_again(conversation: Conversation) -> None:
    text = sending(conversation)
    states.release(text.pk, receipt(99), after(2), now=after(1))
    states.give_up(text.pk, receipt(99), now=after(1))
    text.refresh_from_db()
    assert text.status == "queued"


def test_a_sending_text_lapses_when_its_lease_ran_out(conversation: Conversation) -> None:
    text = sending(conversation)
    assert not states.lapse(after(59))
    assert states.lapse(after(60)) == {text.pk}
    text.refresh_from_db()
    assert (text.status, text.unconfirmed_at) == ("unconfirmed", after(60))


@pytest.mark.parametrize(("hours", "status"), [(24, "queued"), (24.001, "failed")])
def test_a_text_is_too_old_24_hours_after_it_was_due(conversation: Conversation, hours: float, status: str) -> None:
    text = MessageFactory(conversation=conversation, status="queued", due_at=NOW)
    states.expire(after(hours * 3600))
    text.refresh_from_db()
    assert text.status == status
    assert text.reason == ("too_old" if status == "failed" else "")


def test_a_leased_text_is_not_failed_under_its_worker(conversation: Conversation) -> None:
    day = 24 * 3600
    MessageFactory(
        conversation=conversation, status="queued", due_at=NOW, lease_token=receipt(1), leased_until=after(day + 30)
    )
    assert not states.expire(after(day + 20))
    assert states.expire(after(day + 31))


@pytest.mark.parametrize("status", ["scheduled", "queued"])
def test_a_waiting_text_can_be_cancelled_once(conversation: Conversation, status: str) -> None:
    text = MessageFactory(conversation=conversation, status=status)
    assert states.cancel(text.pk, now=after(1))
    assert not states.cancel(text.pk, now=after(2))
    text.refresh_from_db()
    assert (text.status, text.cancelled_at) == ("cancelled", after(1))


def test_a_text_that_was_tried_cannot_be_cancelled(conversation: Conversation) -> None:
    assert not states.cancel(MessageFactory(conversation=conversation, status="queued", attempts=1).pk, now=NOW)
    assert not states.cancel(sending(conversation).pk, now=NOW)


def test_a_stop_blocks_what_waits_and_nothing_else(db: Any) -> None:
    user = texting_user()
    conversation = ConversationFactory(user=user, counterpart="+12065550122")
    waits = [MessageFactory(conversation=conversation, status=status) for status in ("queued", "scheduled")]
    leased = MessageFactory(conversation=conversation, status="queued", lease_token=receipt(1), leased_until=after(9))
    on_the_wire = sending(conversation)
    confirmation = MessageFactory(conversation=conversation, status="queued", kind=Kind.AUTOMATIC)
    to_another = MessageFactory(conversation=ConversationFactory(user=user), status="queued")
    elsewhere = MessageFactory(conversation=ConversationFactory(counterpart="+12065550122"), status="queued")
    blocked = states.block_waiting(user.organization_id, "+12065550122", at=after(1))
    assert blocked == {text.pk: text.number_id for text in (*waits, leased)}
    kept = Message.objects.filter(pk__in=[on_the_wire.pk, confirmation.pk, to_another.pk, elsewhere.pk])
    assert not kept.filter(status="blocked").exists()
    row = Message.objects.get(pk=leased.pk)
    assert (row.status, row.reason, row.blocked_by, row.blocked_at) == ("blocked", "opted_out", "platform", after(1))


def test_a_stop_to_one_number_leaves_the_others_texts(db: Any) -> None:
    user = texting_user()
    colleague = texting_user(user.organization)
    mine = ConversationFactory(user=user, counterpart="+12065550122")
    theirs = ConversationFactory(user=colleague, counterpart="+12065550122")
    blocked, kept = (MessageFactory(conversation=each, status="queued") for each in (mine, theirs))
    moved = states.block_waiting(user.organization_id, "+12065550122", number_id=mine.number_id, at=NOW)
    assert moved == {blocked.pk: mine.number_id}
    kept.refresh_from_db()
    assert kept.status == "queued"


def test_scheduled_texts_get_their_places_when_they_are_due(conversation: Conversation) -> None:
    conversation.last_seq = 4
    conversation.save()
    second, first, later = (
        MessageFactory(conversation=conversation, status="scheduled", seq=None, due_at=after(seconds))
        for seconds in (20, 10, 60)
    )
    assert states.enqueue_scheduled(after(30)) == 2
    places = dict(Message.objects.values_list("pk", "seq"))
    assert (places[first.pk], places[second.pk], places[later.pk]) == (5, 6, None)
    assert Message.objects.get(pk=later.pk).status == "scheduled"
    conversation.refresh_from_db()
    assert conversation.last_seq == 6
    assert SendingNumber.objects.get(number=conversation.number).next_due_at == after(30)


def test_every_status_of_an_outbound_text_has_a_rank() -> None:
    assert set(states.RANKS) == set(Status) - {Status.RECEIVED}
