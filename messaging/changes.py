"""One signal for the conversations that changed, sent after commit; the live stream (texting_hub) passes the ids on."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.dispatch import Signal

from messaging.statements import Statement

conversation_changed = Signal()
"""Sent with `changes=[ConversationChange(...), ...]`, after the transaction committed."""

_LOCK: Final = Statement(
    "SELECT id, user_id FROM messaging_conversation WHERE id {in ids} ORDER BY id {lock}",
    answers={"id": "uuid", "user_id": "uuid"},
)
_TOUCH: Final = Statement(
    "UPDATE messaging_conversation SET changed_at = %(now)s WHERE id {in ids} AND changed_at < %(now)s"
)


@dataclass(frozen=True, slots=True)
class ConversationChange:
    """Ids only: whoever shows the conversation reads it again, with its permissions checked again."""

    user_id: uuid.UUID
    conversation_id: uuid.UUID
    changed_at: datetime


def announce(*changes: ConversationChange) -> None:
    """Tell listeners once the current transaction commits. A listener's failure never undoes the write."""
    transaction.on_commit(lambda: _send(changes), robust=True)


def _send(changes: Sequence[ConversationChange]) -> None:
    conversation_changed.send_robust(sender=ConversationChange, changes=changes)


def lock(conversation_ids: Collection[uuid.UUID]) -> None:
    """Lock all conversations that a transaction is going to change one by one, in order of id."""
    if conversation_ids:
        _LOCK.rows(ids=conversation_ids)


def touch(conversation_ids: Collection[uuid.UUID], now: datetime) -> None:
    """Say that these conversations look different from now on: `changed_at`, and an announcement on commit.

    Inside the caller's transaction; locks the rows in order of id.
    """
    if not conversation_ids:
        return
    locked = _LOCK.rows(ids=conversation_ids)
    _TOUCH.run(ids=[pk for pk, _user_id in locked], now=now)
    announce(*(ConversationChange(user_id, pk, now) for pk, user_id in locked))
