"""Texts of a given age, and their receipts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import factory
from factory.django import DjangoModelFactory

from messaging.models import Conversation, Message, Receipt
from messaging.models.messages import Status
from provisioning.models import PhoneNumber, User
from tests import factories
from tests.factories import NOW

CUTOFF = NOW - timedelta(hours=24 * 400)
INSTANT = timedelta(microseconds=1)


class ReceiptFactory(DjangoModelFactory):
    """A receipt that says delivered, stored the moment it was made out."""

    class Meta:
        model = Receipt

    message = None
    organization = factory.LazyAttribute(lambda receipt: receipt.message and receipt.message.organization)
    carrier_account = factory.SubFactory(factories.CarrierAccountFactory)
    claim = "delivered"
    event_at = NOW
    received_at = factory.SelfAttribute("event_at")
    fingerprint = factory.Sequence(lambda n: f"{n:064d}")
    raw = "{}"


def conversation_of(user: User, **fields: Any) -> Conversation:
    """A new conversation of a user who can text."""
    number = PhoneNumber.objects.get(user=user)
    return factories.ConversationFactory(user=user, number=number, own_e164=number.e164, **fields)


def text(conversation: Conversation, accepted_at: datetime, **fields: Any) -> Message:
    """The conversation's next text: delivered at once, and its snippet from now on."""
    conversation.last_seq += 1
    fields = {"delivered_at": accepted_at} | fields if fields.get("status", "delivered") == "delivered" else fields
    if fields.get("direction") == "in":
        fields |= {"status": Status.RECEIVED, "delivered_at": None}
    message = factories.MessageFactory(
        conversation=conversation, accepted_at=accepted_at, seq=conversation.last_seq, **fields
    )
    conversation.last_message = message
    conversation.save(update_fields=["last_seq", "last_message"])
    return message


def texts(conversation: Conversation, count: int, first_at: datetime, **fields: Any) -> list[Message]:
    """Many texts a second apart, in two statements."""
    made = [
        factories.MessageFactory.build(
            conversation=conversation,
            seq=conversation.last_seq + place,
            accepted_at=first_at + timedelta(seconds=place),
            **fields,
        )
        for place in range(1, count + 1)
    ]
    Message.objects.bulk_create(made, batch_size=500)
    conversation.last_seq += count
    conversation.last_message = made[-1]
    conversation.save(update_fields=["last_seq", "last_message"])
    return made


def export_of(officer: User, **fields: Any) -> Any:
    """An export that waits, asked for now."""
    from compliance.models import Export

    users = fields.pop("users", [])
    export = Export.objects.create(**{
        "organization": officer.organization, "requested_by": officer, "name": "Glove recall", "created_at": NOW,
        "held_until": NOW + timedelta(hours=24), **fields,
    })  # fmt: skip
    export.users.set(users)
    return export
