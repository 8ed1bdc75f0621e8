"""Texts handed in and requests of carriers are counted for Prometheus, by what they were answered."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from django.urls import reverse

from messaging import acceptance, measurements
from messaging.compose import compose
from messaging.models import Message, SendingNumber
from provisioning.models import User
from provisioning.refusals import Refusal
from tests.factories import NOW, ConversationFactory, MessageFactory
from tests.messaging.carrier_events import account_of, post, received_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    answers: list[str] = []
    monkeypatch.setattr(measurements, "count_composes", answers.append)
    return answers


def send(user: User, to: str = "+12065550122", body: str = "Hello", **options: Any) -> None:
    compose(user=user, to=to, body=body, now=NOW, **options)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({}, "accepted"),
        ({"body": " "}, "empty_body"),
        ({"to": "911"}, "emergency"),
        ({"to": "+1 876 555 0122"}, "destination_not_allowed"),
        ({"to": "+1 900 555 0122"}, "destination_not_allowed"),
        ({"to": "12345"}, "destination_not_allowed"),
        ({"to": "nobody"}, "invalid_destination"),
        ({"idempotency_key": "\x00"}, "idempotency_key_invalid"),
    ],
)
def test_each_text_handed_in_is_counted_once_by_its_answer(
    user: User, counted: list[str], asked: dict[str, str], answer: str
) -> None:
    with nullcontext() if answer == "accepted" else pytest.raises(Refusal):
        send(user, **asked)
    assert counted == [answer]


def test_a_repeated_request_and_a_conflict_are_counted_as_such(user: User, counted: list[str]) -> None:
    send(user, idempotency_key="k")
    send(user, idempotency_key="k")
    with pytest.raises(Refusal):
        send(user, body="Another", idempotency_key="k")
    assert counted == ["accepted", "repeated", "idempotency_conflict"]


def test_what_a_user_without_a_connected_number_hands_in_is_counted(user: User, counted: list[str]) -> None:
    SendingNumber.objects.all().delete()
    with pytest.raises(Refusal):
        send(user)
    assert counted == ["number_not_connected"]
    assert not Message.objects.exists()


def test_an_error_of_ours_is_an_answer_too(user: User, counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "write", lambda *_given: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):
        send(user)
    assert counted == ["error"]


def test_attachments_that_the_api_does_not_read_are_counted(user: User, counted: list[str], signed_in_as: Any) -> None:
    answer = signed_in_as(user).post("/api/v1/messages", {"to": "+12065550122", "body": "Look"})
    assert (answer.status_code, counted) == (422, ["mms_not_supported"])


def test_sending_again_what_can_not_be_is_counted_and_leaves_no_row(
    user: User, counted: list[str], signed_in_as: Any
) -> None:
    conversation = ConversationFactory(user=user)
    delivered = MessageFactory(conversation=conversation, status="delivered", accepted_at=NOW)
    with pytest.raises(Refusal) as refused:
        send(user, resend_of=delivered, conversation=conversation)
    signed_in_as(user).post(reverse("send_again", args=[conversation.pk, delivered.pk]))
    assert (refused.value.extra, counted) == ({}, ["not_resendable"] * 2)
    assert list(Message.objects.all()) == [delivered]


def test_each_request_of_a_carrier_is_counted_by_its_answer(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    account, counted = account_of(user.primary_number), list[tuple[str, str]]()
    monkeypatch.setattr(measurements, "count_webhooks", lambda *said: counted.append(said))
    post(account, received_event(user))
    post(account, received_event(user), secret="another")
    post(account, b"{")
    assert counted == [(account.name, answer) for answer in ("ok", "signature", "malformed")]
