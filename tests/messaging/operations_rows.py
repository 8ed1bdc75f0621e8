"""Rows for the operators' pages: a text with everything said about it, and batches of answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from messaging.models import CarrierAccount, CarrierBatch, Conversation, Exchange, Message, Receipt, SendingNumber
from messaging.models.messages import Status
from provisioning.models import User
from tests import factories

MARKER = "the biopsy result"
PERSON = "+14155550122"


def text_of(user: User, now: Any, status: str = Status.SENT, **fields: Any) -> Message:
    """A text whose words must not show, from the user's number."""
    mine = Conversation.objects.filter(user=user, counterpart=PERSON).first()
    conversation = mine or factories.ConversationFactory(user=user, counterpart=PERSON)
    fields = {"accepted_at": now, "due_at": now, "body": MARKER, "search_text": MARKER, **fields}
    return factories.MessageFactory(conversation=conversation, status=status, **fields)


def with_log(text: Message, account: CarrierAccount, now: Any) -> Message:
    """One attempt and one receipt, whose raw form quotes the text."""
    Exchange.objects.create(
        message=text, carrier_account=account, attempt=1, at=now, milliseconds=41, outcome="taken", http_status=201,
        request="POST /v1/texts to …22", response='{"id": "SM123"}',
    )  # fmt: skip
    Receipt.objects.create(
        organization=text.organization, carrier_account=account, message=text, claim="delivered", carrier_code="30000",
        event_at=now, received_at=now, fingerprint="f", raw=MARKER,
    )  # fmt: skip
    return text


def batch(account: CarrierAccount, now: Any, **answers: int) -> CarrierBatch:
    return CarrierBatch.objects.create(carrier_account=account, at=now - timedelta(seconds=1), **answers)


def sending_of(user: User) -> SendingNumber:
    return SendingNumber.objects.get(number=user.primary_number)
