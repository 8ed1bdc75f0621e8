"""A thread as it is shown: each text with what became of it, and whether a person may send it again."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from messaging.labels import Label, label
from messaging.models import Message
from messaging.models.messages import Direction, Kind, Status
from messaging.policy import RESENDABLE, may_resend
from messaging.reasons import OF_THE_NUMBER
from provisioning.models import User


@dataclass(frozen=True, slots=True)
class SendAgain:
    """The offer to send a text again: under which idempotency key, whether to ask first, and until when to wait.

    An unconfirmed text waits until nobody can still be sending it: its lease, then the carrier's timeout.
    """

    key: str
    confirm: bool
    wait_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text of a thread. `sent_again` is the text that a person sent in its place."""

    message: Message
    label: Label
    send_again: SendAgain | None
    sent_again: Message | None

    @property
    def is_own(self) -> bool:
        return self.message.direction == Direction.OUTBOUND


def bubbles(messages: Sequence[Message], user: User, now: datetime) -> list[Bubble]:
    """The texts with their labels; one query for what was sent again."""
    resends = _resends(messages, user)
    return [_bubble(message, resends[message.pk], now) for message in messages]


def bubble(message: Message, user: User, now: datetime) -> Bubble:
    """One text, for a decision about it."""
    return bubbles([message], user, now)[0]


def _resends(messages: Sequence[Message], user: User) -> dict[uuid.UUID | None, list[Message]]:
    unsent = [message.pk for message in messages if message.status in RESENDABLE]
    found: dict[uuid.UUID | None, list[Message]] = defaultdict(list)
    if unsent:
        for resend in Message.objects.visible_to(user).filter(resend_of__in=unsent).order_by("accepted_at", "id"):
            found[resend.resend_of_id].append(resend)
    return found


def _bubble(message: Message, resends: list[Message], now: datetime) -> Bubble:
    accepted = [resend for resend in resends if resend.status != Status.BLOCKED]
    helps = message.status in RESENDABLE and message.reason not in OF_THE_NUMBER
    offered = helps and message.kind == Kind.PERSON and not accepted
    return Bubble(
        message=message,
        label=label(message, now),
        send_again=_offer(message, len(resends), now) if offered else None,
        sent_again=accepted[-1] if accepted else None,
    )


def _offer(message: Message, tries: int, now: datetime) -> SendAgain:
    """The key is the same for everyone who presses now: two presses are one text. A refused try is no text."""
    key = f"again-{message.pk}-{tries}"
    if may_resend(message, now):
        return SendAgain(key, confirm=message.status == Status.UNCONFIRMED)
    lease_ends = message.leased_until or now
    return SendAgain(key, confirm=True, wait_until=lease_ends + timedelta(seconds=settings.CARRIER_TIMEOUT_SECONDS))
