"""One signal per conversation that changed, sent after commit; the live stream (texting_hub) passes the ids on."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.dispatch import Signal

from messaging.models import Conversation

conversation_changed = Signal()
"""Sent with `change=ConversationChange(...)`, after the transaction committed."""


@dataclass(frozen=True, slots=True)
class ConversationChange:
    """Ids only: whoever shows the conversation reads it again, with its permissions checked again."""

    user_id: uuid.UUID
    conversation_id: uuid.UUID
    changed_at: datetime


def announce(change: ConversationChange) -> None:
    """Tell listeners once the current transaction commits. A listener's failure never undoes the write."""
    transaction.on_commit(
        lambda: conversation_changed.send_robust(sender=ConversationChange, change=change), robust=True
    )


def touch(conversation_ids: Collection[uuid.UUID], now: datetime) -> None:
    """Say that these conversations look different from now on: `changed_at`, and an announcement on commit.

    Inside the caller's transaction; locks the rows in order of id.
    """
    if not conversation_ids:
        return
    conversations = Conversation.objects.filter(pk__in=conversation_ids)
    locked = conversations.select_for_update(no_key=True).order_by("pk").values_list("pk", "user_id")
    changes = [ConversationChange(user_id, pk, now) for pk, user_id in locked]
    conversations.update(changed_at=Greatest(F("changed_at"), Value(now)))
    for change in changes:
        announce(change)
