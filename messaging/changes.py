"""One signal per conversation that changed, sent after commit; the live stream (texting_hub) passes the ids on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.dispatch import Signal

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
