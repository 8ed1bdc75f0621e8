"""Conversations with texts in them, for the tests of the inbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from messaging.models import Conversation, Message
from provisioning.models import User
from provisioning.models.choices import fold
from tests import factories
from tests.factories import NOW


def said(conversation: Conversation, body: str, *, at: datetime = NOW, **fields: Any) -> Message:
    """The next text of a conversation; outbound and delivered unless told otherwise."""
    conversation.last_seq += 1
    if fields.get("direction") == "in":
        fields.setdefault("status", "received")
    fields.setdefault("status", "delivered")
    if fields["status"] not in ("received", "queued", "sending"):
        fields.setdefault(f"{fields['status']}_at", at + timedelta(seconds=5))
    message: Message = factories.MessageFactory(
        conversation=conversation,
        seq=conversation.last_seq,
        body=body,
        search_text=fold(body),
        accepted_at=at,
        **fields,
    )
    conversation.last_message = message
    conversation.changed_at = at
    conversation.unread_count += fields.get("direction") == "in"
    conversation.save()
    return message


def heard(conversation: Conversation, body: str, **fields: Any) -> Message:
    """The next inbound text, unread."""
    return said(conversation, body, direction="in", **fields)


def conversation_of(user: User, *bodies: str, at: datetime = NOW, **fields: Any) -> Conversation:
    """A conversation in which these texts came in, all of them read."""
    conversation: Conversation = factories.ConversationFactory(user=user, changed_at=at, **fields)
    for body in bodies:
        heard(conversation, body, at=at)
    conversation.unread_count = 0
    conversation.save()
    return conversation
