"""Accepting a text: what `compose` accepts is a row before anyone is told so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from messaging.models import Conversation, Message
from provisioning.models import User


@dataclass(frozen=True, slots=True)
class Composed:
    """The text; `replayed` when an earlier request with the same key had already made it."""

    message: Message
    replayed: bool


def compose(
    *,
    user: User,
    to: str,
    body: str,
    idempotency_key: str = "",
    resend_of: Message | None = None,
    conversation: Conversation | None = None,
    now: datetime | None = None,
) -> Composed:
    """Accept a text of a user to a number as typed, or refuse it (Refusal).

    `conversation` binds it to one of the user's conversations: refused as `number_gone` once its number moved away.
    `resend_of` links it to the text it repeats. `now` is the database's clock unless given.
    """
    raise NotImplementedError
