"""Asking a carrier what became of one text, when an operator wants to know.

What must never happen:
1. An answer moves a text otherwise than a receipt would: what the carrier says is taken as a receipt, with all its
   rules (receipts.py). That it does not know a text is no proof that it never had it, and moves nothing.
2. A transaction waits for the carrier: the question is asked outside of any.
3. A question leaves no trace: it is in the organization's audit log, and its exchange in the text's log.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from enum import StrEnum
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from messaging import exchange_log, receipts
from messaging.carriers import ADAPTERS, UnknownCarrier, adapter_for
from messaging.carriers.base import CannotBeAsked, Carrier, ReceiptEvent, SendError
from messaging.carriers.exchanges import Exchange, recording
from messaging.carriers.wire import Wire
from messaging.models import Message
from messaging.models.messages import Direction
from provisioning.changes import Actor, record_target
from provisioning.vault import Unreadable

logger = structlog.get_logger(__name__)


class Answer(StrEnum):
    """How a question ended."""

    NEWS = "news"
    NOTHING_NEW = "nothing_new"
    NOT_KNOWN = "not_known"
    CANNOT_BE_ASKED = "cannot_be_asked"
    NO_ANSWER = "no_answer"


SENTENCES: Final[dict[Answer, Promise]] = {
    Answer.NEWS: gettext_lazy("The carrier answered. What it says is in the text’s receipts."),
    Answer.NOTHING_NEW: gettext_lazy("The carrier says what it said before."),
    Answer.NOT_KNOWN: gettext_lazy(
        "The carrier doesn’t know this text, as of now. That is no proof that it never had it, so nothing changes."
    ),
    Answer.CANNOT_BE_ASKED: gettext_lazy("The carrier can’t be asked about this text."),
    Answer.NO_ANSWER: gettext_lazy("The carrier gave no usable answer. Try again in a minute."),
}


INBOUND: Final = gettext_lazy("Nobody is asked about a text that was received: the carrier brought it.")
NOT_HANDED_OVER: Final = gettext_lazy("Nobody can be asked about this text: it was never handed to a carrier.")
NO_QUESTIONS: Final = gettext_lazy(
    "The carrier can’t be asked about this text: %(carrier)s answers no such questions. Only a receipt can tell more."
)
NO_ID: Final = gettext_lazy(
    "The carrier can’t be asked about this text: its id of the text isn’t known. A receipt may bring it. Until then "
    "look for the text in the carrier’s own log."
)


def why_not(text: Message) -> str:
    """Why the carrier can't be asked about this text; empty where it can."""
    account = text.carrier_account
    if text.direction != Direction.OUTBOUND:
        return str(INBOUND)
    if account is None or not text.attempts:
        return str(NOT_HANDED_OVER)
    adapter = ADAPTERS.get(account.carrier)
    if adapter is None or not adapter.answers_questions:
        return str(NO_QUESTIONS) % {"carrier": adapter.label if adapter else account.carrier}
    return "" if text.carrier_message_id else str(NO_ID)


def ask(text: Message, actor: Actor, now: datetime) -> Answer:
    """Ask the text's carrier about it, and take over what it says; call it in no transaction.

    Where nobody can be asked (`why_not`), that is the answer at once, and leaves no trace.
    """
    if why_not(text):
        return Answer.CANNOT_BE_ASKED
    answer, event, exchanges = _asked(text)
    with transaction.atomic():
        if event is not None and text.carrier_account is not None:
            fresh = receipts.accept_receipt(text.carrier_account, event, now)
            answer = Answer.NEWS if fresh is not None else Answer.NOTHING_NEW
        exchange_log.note_question(text, exchanges, now)
        record_target(
            "text.carrier_asked", actor, text, organization_id=text.organization_id, after={"answer": answer.value}
        )
    return answer


def _asked(text: Message) -> tuple[Answer, ReceiptEvent | None, list[Exchange]]:
    assert text.carrier_account is not None
    with recording() as exchanges:
        try:
            carrier = adapter_for(text.carrier_account)
            event = asyncio.run(_lookup(carrier, str(text.pk), text.carrier_message_id))
        except CannotBeAsked:
            return Answer.CANNOT_BE_ASKED, None, exchanges
        except (SendError, UnknownCarrier, Unreadable):
            return Answer.NO_ANSWER, None, exchanges
        except Exception:  # An adapter that can't read an answer: the question is still told.
            logger.exception("carrier_adapter_failed", message=str(text.pk))
            return Answer.NO_ANSWER, None, exchanges
    return (Answer.NEWS if event is not None else Answer.NOT_KNOWN), event, exchanges


async def _lookup(carrier: Carrier, message_id: str, carrier_message_id: str) -> ReceiptEvent | None:
    wire = Wire(timeout=settings.CARRIER_TIMEOUT_SECONDS)
    try:
        return await carrier.lookup(message_id, carrier_message_id, wire)
    finally:
        await wire.aclose()
