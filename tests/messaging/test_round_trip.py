"""The main job over real sockets: a user texts, the carrier does its worst, the person answers, STOP and START."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.compose import compose
from messaging.models import Conversation, Message, OptOut
from messaging.models.messages import Kind
from provisioning.models import Organization, PhoneNumber, User
from provisioning.refusals import Refusal
from tests.messaging.carrier_events import PERSON
from tests.messaging.stage import Stage
from tests.simulator.process import until

pytestmark = pytest.mark.slow


@pytest.fixture
def sender(stage: Stage) -> User:
    return User.objects.order_by("pk")[0]


def send(user: User, body: str = "Hello") -> Message:
    return compose(user=user, to=PERSON, body=body).message


def test_a_text_and_its_answer(stage: Stage, sender: User) -> None:
    message = send(sender, "Your crowns are ready 👋")
    stage.settle()
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("delivered", 1)
    assert stage.on_the_phone() == ["Your crowns are ready 👋"]
    stage.write("On my way", sender.primary_number.e164)
    stage.settle()
    conversation = Conversation.objects.get()
    assert conversation.unread_count == 1
    assert conversation.last_message is not None
    assert conversation.last_message.body == "On my way"


@pytest.mark.parametrize(
    ("behaviour", "status", "reason", "attempts"),
    [
        ("undelivered", "undelivered", "invalid_destination", 1),
        ("no_receipt", "sent", "", 1),
        ("not_taken", "delivered", "", 2),
        ("throttled", "delivered", "", 2),
        ("refused", "failed", "invalid_destination", 1),
        ("error_after_taking", "delivered", "", 1),
        ("dropped_after_taking", "delivered", "", 1),
        ("timeout_after_taking", "delivered", "", 1),
        ("timeout", "unconfirmed", "", 1),
        ("dies", "unconfirmed", "", 1),
        ("out_of_order", "delivered", "", 1),
        ("duplicates", "delivered", "", 1),
    ],
)
def test_whatever_the_carrier_does_the_text_ends_as_what_is_known_of_it(
    stage: Stage,
    sender: User,
    settings: Any,
    behaviour: str,
    status: str,
    reason: str,
    attempts: int,
) -> None:
    settings.CARRIER_TIMEOUT_SECONDS = 0.5
    stage.simulator.control("mode", {"behaviour": behaviour, "next": 1})
    message = send(sender)
    stage.settle()
    message.refresh_from_db()
    assert (message.status, message.reason, message.attempts) == (status, reason, attempts)
    assert stage.simulator.taken(str(message.pk)) == (0 if behaviour in ("refused", "timeout", "dies") else 1)


def test_stop_start_and_help_on_the_phone(stage: Stage, sender: User) -> None:
    number = sender.primary_number.e164
    stage.write("STOP", number)
    stage.settle()
    with pytest.raises(Refusal) as refused:
        send(sender)
    assert refused.value.code == "opted_out"
    stage.write("HELP", number)
    stage.settle()
    stage.write("START", number)
    stage.settle()
    assert not OptOut.objects.filter(lifted_at__isnull=True).exists()
    send(sender, "Welcome back")
    stage.settle()
    stop, help_, start, last = stage.on_the_phone()
    assert "opted out" in stop
    assert number[-4:] in help_
    assert "opted in" in start
    assert last == "Welcome back"
    assert set(Message.objects.filter(kind=Kind.AUTOMATIC).values_list("status", flat=True)) == {"delivered"}


def test_pictures_and_texts_to_nobody_are_answered_outside_of_any_conversation(
    stage: Stage,
    sender: User,
) -> None:
    Organization.objects.update(unanswered_reply="Nobody reads this number. Call us.")
    spare = PhoneNumber.objects.get(pk=User.objects.order_by("pk")[1].primary_number.pk)
    PhoneNumber.objects.filter(pk=spare.pk).update(user=None)
    stage.write("look", sender.primary_number.e164, pictures=1)
    stage.write("anyone?", spare.e164, sender="+14155550123")
    until(lambda: Message.objects.filter(kind=Kind.AUTOMATIC).count() == 2)
    stage.settle()
    assert sorted(body.rpartition(": ")[2] for body in stage.on_the_phone()) == [
        "Nobody reads this number. Call us.",
        "This number receives text only. Your picture or attachment was not delivered.",
    ]
    assert not Conversation.objects.exists()
