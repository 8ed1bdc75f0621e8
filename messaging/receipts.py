"""Receipts: stored as they came, matched to their text, and applied as facts.

What must never happen:
1. A receipt is lost. It is inserted before anything is concluded from it; one without a text (yet) is kept as an
   orphan and matched again for 48 hours. A repeated receipt is stored once (`receipt_once`).
2. A receipt moves a text that another carrier account sent: matching never leaves the account, so nobody who holds
   one account's secret can tell us anything of another's texts.
3. A receipt says more than it may: sent, delivered or undelivered. Anything else is stored and logged, and moves
   nothing. Which fact wins is decided in messaging/states.py alone.

One transaction a receipt: the insert, then the fact (message, conversation: the order of messaging/states.py).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q

from messaging import states
from messaging.carriers.base import ReceiptEvent
from messaging.compose import storable
from messaging.models import CarrierAccount, Message, Receipt
from messaging.models.messages import Direction, Status
from messaging.reasons import Reason
from messaging.states import Fact

logger = structlog.get_logger(__name__)

CLAIMS: Final = {claim.value: claim for claim in (Status.SENT, Status.DELIVERED, Status.UNDELIVERED)}
UNKNOWN: Final = "unknown"
ORPHANS_ARE_MATCHED_FOR: Final = timedelta(hours=48)
BATCH: Final = 500


def accept_receipt(account: CarrierAccount, event: ReceiptEvent, now: datetime) -> Receipt | None:
    """Store a receipt and apply it to its text. None: it was stored before."""
    receipt = _receipt(account, event, now)
    _log_unknown(receipt)
    text = _text_of(receipt)
    try:
        with transaction.atomic():
            _bind(receipt, text)
            receipt.save(force_insert=True)
            _apply(receipt, now)
    except IntegrityError:
        if not Receipt.objects.filter(carrier_account=account, fingerprint=receipt.fingerprint).exists():
            raise
        return None
    return receipt


def _receipt(account: CarrierAccount, event: ReceiptEvent, now: datetime) -> Receipt:
    claim = event.claim if event.claim in CLAIMS else UNKNOWN
    reason = (event.reason or Reason.CARRIER_REJECTED) if claim == Status.UNDELIVERED else ""
    return Receipt(
        carrier_account=account,
        our_reference=storable(event.our_reference)[:64],
        carrier_message_id=storable(event.carrier_message_id)[:128],
        claim=claim,
        carrier_code=storable(event.code)[:32],
        reason=reason,
        event_at=event.at,
        received_at=now,
        fingerprint=fingerprint(event),
        raw=storable(event.raw),
    )


def fingerprint(event: ReceiptEvent) -> str:
    """The same for a receipt that is sent again. Of one that we do not understand, every byte counts."""
    at = event.at.isoformat() if event.timed else ""
    said = [event.our_reference, event.carrier_message_id, event.claim, event.code, at]
    if event.claim not in CLAIMS:
        said.append(event.raw)
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _log_unknown(receipt: Receipt) -> None:
    if receipt.claim == UNKNOWN:
        logger.warning("receipt_not_understood", account=str(receipt.carrier_account_id), code=receipt.carrier_code)
    elif receipt.reason == Reason.CARRIER_REJECTED:
        logger.warning("unknown_receipt_code", account=str(receipt.carrier_account_id), code=receipt.carrier_code)


def _text_of(receipt: Receipt) -> Message | None:
    """The text a receipt speaks of: by our reference, else by the carrier's id; of the same account only."""
    texts = Message.objects.filter(direction=Direction.OUTBOUND, carrier_account_id=receipt.carrier_account_id)
    texts = texts.only("id", "organization_id")
    ours = _as_id(receipt.our_reference)
    if ours is not None:
        found = texts.filter(pk=ours).first()
        if found is not None:
            return found
    if not receipt.carrier_message_id:
        return None
    return texts.filter(carrier_message_id=receipt.carrier_message_id).order_by("pk").first()


def _as_id(reference: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(reference)
    except ValueError:
        return None


def _bind(receipt: Receipt, text: Message | None) -> None:
    if text is not None:
        receipt.message_id, receipt.organization_id = text.pk, text.organization_id


def _apply(receipt: Receipt, now: datetime) -> None:
    """Tell the state machine, when the receipt has a text and says something."""
    if receipt.message_id is None or receipt.claim == UNKNOWN:
        return
    fact = Fact(
        CLAIMS[receipt.claim],
        receipt.event_at,
        reason=receipt.reason,
        carrier_code=receipt.carrier_code,
        receipt_id=receipt.pk,
        carrier_message_id=receipt.carrier_message_id,
    )
    states.advance(receipt.message_id, fact, now=now)


def match_orphans(now: datetime) -> int:
    """Match the orphans of the last 48 hours again, oldest first; how many found their text."""
    return sum(_adopt(receipt, now) for receipt in _orphans(now))


def _orphans(now: datetime) -> Iterator[Receipt]:
    """In pages by (received_at, id): those that stay orphans never stand in the way of later ones."""
    recent = Receipt.objects.filter(message__isnull=True, received_at__gte=now - ORPHANS_ARE_MATCHED_FOR)
    recent = recent.order_by("received_at", "pk")
    page = list(recent[:BATCH])
    while page:
        yield from page
        last = page[-1]
        after = Q(received_at=last.received_at, pk__gt=last.pk) | Q(received_at__gt=last.received_at)
        page = list(recent.filter(after)[:BATCH])


def _adopt(receipt: Receipt, now: datetime) -> bool:
    text = _text_of(receipt)
    if text is None:
        return False
    with transaction.atomic():
        _bind(receipt, text)
        unmatched = Receipt.objects.filter(pk=receipt.pk, message__isnull=True)
        if unmatched.update(message_id=text.pk, organization_id=text.organization_id):
            _apply(receipt, now)
    return True
