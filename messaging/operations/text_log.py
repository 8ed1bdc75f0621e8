"""What support sees of one text: who, when, what was said between us and the carrier. Never its words, nor a receipt's.

The body is not even read (`defer`); a receipt's raw form may quote it, so that is not read either. Our own number is
the customer's and is shown; of the person's only the last two digits are.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging.carriers.base import UNKNOWN
from messaging.models import CarrierAccount, Exchange, Message, Receipt
from messaging.models.messages import Direction, Status
from messaging.operations.text_words import CLAIMS, OUTCOMES, Words, cause
from messaging.reasons import title
from provisioning.changes import Actor, record_target

FOUND: Final = 20
ASKED: Final = "asked"
SHOWN: Final = 200
"""A text has few attempts and receipts; a carrier that repeats itself for ever does not fill the page."""

_FACTS: Final[tuple[tuple[str, str | Promise], ...]] = (
    ("accepted_at", _("Accepted")),
    ("due_at", _("Due")),
    ("sending_at", _("Last handed to the carrier")),
    ("unconfirmed_at", _("Outcome unknown")),
    ("failed_at", _("Failed")),
    ("blocked_at", _("Blocked")),
    ("cancelled_at", _("Cancelled")),
    ("sent_at", _("Taken by the carrier")),
    ("delivered_at", _("Delivered")),
    ("undelivered_at", _("Not delivered")),
    ("retry_at", _("Tried again at")),
    ("leased_until", _("Held by a worker until")),
)
_ONLY_WHILE: Final[dict[str, tuple[str, ...]]] = {
    "retry_at": (Status.QUEUED,),
    "leased_until": (Status.QUEUED, Status.SENDING),
}
"""What is meant for later is no fact of a text that is through."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The last attempt, where no answer to it was kept: its worker ended first, or waits for one still."""

    attempt: int
    sending_at: datetime
    awaited: bool


@dataclass(frozen=True, slots=True)
class Said:
    """One exchange with a carrier, in words; `cause`: why it brought nothing, where that is known."""

    exchange: Exchange
    words: Words
    cause: str


@dataclass(frozen=True, slots=True)
class Report:
    """One receipt, in words."""

    receipt: Receipt
    words: Words
    reason: str


@dataclass(frozen=True, slots=True)
class TextLog:
    """One text without its words. Times are in order."""

    text: Message
    counterpart: str
    reason: str
    history: list[tuple[datetime, str]]
    exchanges: list[Said]
    receipts: list[Report]
    unanswered: Unanswered | None


def masked(number: str) -> str:
    """`+14155550122` as `…22`: enough to tell two people apart in a support call, not enough to call one."""
    return f"…{number[-2:]}" if number else ""


def texts() -> QuerySet[Message]:
    """Messages without what support may not see."""
    return Message.objects.defer("body", "search_text", "idempotency_key", "request_digest")


def find(typed: str) -> list[Message]:
    """Texts of this id, or of this carrier's id in any account; at most twenty."""
    typed = typed.strip()
    try:
        return list(texts().filter(pk=uuid.UUID(typed)))
    except ValueError:
        pass
    if not typed or len(typed) > 128 or "\0" in typed:
        return []
    accounts = list(CarrierAccount.objects.values_list("pk", flat=True))
    by_carrier = Q(carrier_account_id__in=accounts, carrier_message_id=typed) & ~Q(carrier_message_id="")
    rows: list[Message] = []
    for direction in (Direction.OUTBOUND, Direction.INBOUND):  # Each has an index of its own.
        found = texts().filter(by_carrier, direction=direction).select_related("organization")
        rows.extend(found[: FOUND - len(rows)])
    return rows


def read(text: Message, actor: Actor) -> TextLog:
    """Everything about the text. The look is in its organization's audit log, or does not happen (call in atomic)."""
    record_target("text.log_read", actor, text, organization_id=text.organization_id)
    receipts = Receipt.objects.defer("raw").filter(message=text).select_related("carrier_account")
    found = Exchange.objects.filter(message=text).select_related("carrier_account")
    exchanges = list(found.order_by("pk")[:SHOWN])
    return TextLog(
        text,
        masked(text.counterpart),
        title(text.reason) if text.reason else "",
        _history(text),
        [Said(exchange, OUTCOMES[exchange.outcome], cause(exchange)) for exchange in exchanges],
        [_report(receipt) for receipt in receipts.order_by("received_at", "pk")[:SHOWN]],
        _unanswered(text, exchanges),
    )


def _unanswered(text: Message, exchanges: Sequence[Exchange]) -> Unanswered | None:
    """What stands in `sending_at` was committed just before the bytes went; questions are no attempts."""
    answered = {exchange.attempt for exchange in exchanges if exchange.outcome != ASKED}
    if text.sending_at is None or text.attempts in answered or len(exchanges) == SHOWN:
        return None
    return Unanswered(text.attempts, text.sending_at, text.status == Status.SENDING)


def _report(receipt: Receipt) -> Report:
    words = CLAIMS.get(receipt.claim, CLAIMS[UNKNOWN])
    return Report(receipt, words, title(receipt.reason) if receipt.reason else "")


def _history(text: Message) -> list[tuple[datetime, str]]:
    facts: Sequence[tuple[datetime | None, str]] = [
        (getattr(text, name), str(words))
        for name, words in _FACTS
        if text.status in _ONLY_WHILE.get(name, (text.status,))
    ]
    return sorted((at, words) for at, words in facts if at is not None)
