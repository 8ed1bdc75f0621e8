"""Receipts: stored as they came, matched to their text, and applied as facts.

What must never happen:
1. A receipt is lost. It is inserted before anything is concluded from it; one without a text (yet) is kept as an
   orphan and matched again for 48 hours, and so is one whose text could not take it. A repeated receipt is stored once
   (`receipt_once`).
2. A receipt moves a text that another carrier account sent: matching never leaves the account, so nobody who holds
   one account's secret can tell us anything of another's texts.
3. A receipt says more than it may: sent, delivered or undelivered. Anything else is stored and logged, and moves
   nothing. Which fact wins is decided in messaging/states.py alone.

One transaction for all receipts of a request: the insert, then the facts (messages, conversations: the order of
messaging/states.py). If that fails, webhooks.py tries each by itself, and then in two transactions: the insert, as an
orphan, is committed whatever becomes of the facts. A database that does not answer is another thing: it is raised, and
the carrier is told to send again.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from messaging import measurements, receipt_alerts, states
from messaging.carriers.base import InboundText, ReceiptEvent
from messaging.compose import storable
from messaging.models import CarrierAccount, Receipt
from messaging.models.messages import Status
from messaging.reasons import Reason, blocked_by
from messaging.statements import Statement
from messaging.states import Fact

logger = structlog.get_logger(__name__)

CLAIMS: Final = {claim.value: claim for claim in (Status.SENT, Status.DELIVERED, Status.UNDELIVERED)}
UNKNOWN: Final = "unknown"
NUMBER_OF_NOBODY: Final = "number_of_nobody"
ORPHANS_ARE_MATCHED_FOR: Final = timedelta(hours=48)
BATCH: Final = 500

_STORED: Final = {
    "id": "uuid", "organization_id": "uuid", "carrier_account_id": "uuid", "message_id": "uuid",
    "our_reference": "text", "carrier_message_id": "text", "claim": "text", "carrier_code": "text", "reason": "text",
    "event_at": "time", "received_at": "time", "fingerprint": "text", "raw": "text",
}  # fmt: skip
_INSERT: Final = Statement(
    f"INSERT INTO messaging_receipt ({', '.join(_STORED)}) SELECT {', '.join(_STORED)} FROM {{given}} WHERE 1 = 1 "  # noqa: S608  (names of ours)
    "ON CONFLICT (carrier_account_id, fingerprint) DO NOTHING",
    given=_STORED,
)
_OURS: Final = Statement(
    """
    SELECT kept.id FROM {given} JOIN messaging_receipt kept
    ON kept.carrier_account_id = %(account)s AND kept.fingerprint = given.fingerprint
    """,
    given={"fingerprint": "text"},
    answers={"id": "uuid"},
)


class _Text(NamedTuple):
    """What is known of a text that a receipt speaks of."""

    id: uuid.UUID
    organization_id: uuid.UUID
    sent_at: datetime | None
    carrier_message_id: str


_TEXT: Final = {"id": "uuid", "organization_id": "uuid", "sent_at": "time", "carrier_message_id": "text"}
_BY_REFERENCE: Final = Statement(
    f"SELECT {', '.join(_TEXT)} FROM messaging_message "  # noqa: S608  (names of ours)
    "WHERE id {in ids} AND direction = 'out' AND carrier_account_id = %(account)s",
    answers=_TEXT,
)
_BY_CARRIER_ID: Final = Statement(
    """
    SELECT text.id, text.organization_id, text.sent_at, text.carrier_message_id
    FROM {given} JOIN messaging_message text {by messages_by_carrier_id}
    ON text.carrier_account_id = %(account)s AND text.carrier_message_id = given.carrier_message_id
    AND NOT (text.carrier_message_id = '') AND text.direction = 'out'
    ORDER BY text.id
    """,
    given={"carrier_message_id": "text"},
    answers=_TEXT,
)


def accept_receipts(account: CarrierAccount, events: Sequence[ReceiptEvent], now: datetime) -> list[Receipt]:
    """Store the receipts of one request and apply them to their texts, in one transaction; those that were new.

    As many statements for two hundred as for one. Each is stored before anything is concluded from any.
    """
    said = sorted(
        ((_receipt(account, event, now), event.known) for event in events), key=lambda one: one[0].fingerprint
    )
    receipts = [receipt for receipt, _known in said]
    texts = _texts_of(account, receipts)
    for receipt in receipts:
        _bind(receipt, texts)
    with transaction.atomic():
        fresh = _stored(account, receipts)
        _apply(fresh, now)
        _note_unknown(account, fresh, {receipt.pk: known for receipt, known in said}, now)
    _measure(fresh, texts)
    return fresh


def accept_receipt(account: CarrierAccount, event: ReceiptEvent, now: datetime) -> Receipt | None:
    """One receipt by itself. None: it was stored before."""
    fresh = accept_receipts(account, [event], now)
    return fresh[0] if fresh else None


def keep_receipt(account: CarrierAccount, event: ReceiptEvent, now: datetime) -> None:
    """One receipt, for good, although something about it or its text may fail.

    It is stored as an orphan first. What then can't be applied stays one, to be tried again. Raises what kept it from
    being stored.
    """
    receipt = _receipt(account, event, now)
    with transaction.atomic():
        fresh = _stored(account, [receipt])
    _note_unknown(account, fresh, {receipt.pk: event.known}, now)
    _adopt(fresh, now)


def keep_stray(account: CarrierAccount, text: InboundText, now: datetime) -> None:
    """That a person's text came to a number of no organization: as an orphan, so once, and purged with them.

    Nobody may read it, so its words are not kept, and of the numbers the last digits.
    """
    said = {"to": f"…{text.to[-4:]}", "from": f"…{text.from_[-2:]}", "media_count": text.media_count}
    event = ReceiptEvent(
        "", text.carrier_message_id, UNKNOWN, NUMBER_OF_NOBODY, at=text.at, raw=json.dumps(said), timed=False
    )
    with transaction.atomic():
        if _stored(account, [_receipt(account, event, now)]):
            receipt_alerts.note_stray(account, text.to, now)


def _receipt(account: CarrierAccount, event: ReceiptEvent, now: datetime) -> Receipt:
    claim = event.claim if event.claim in CLAIMS else UNKNOWN
    reason = (event.reason or Reason.CARRIER_REJECTED) if claim == Status.UNDELIVERED else ""
    return Receipt(
        carrier_account_id=account.pk,
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


def _stored(account: CarrierAccount, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Insert them; those that were not there. In the order of fingerprints, so that two requests wait in no ring."""
    _INSERT.write([tuple(getattr(receipt, name) for name in _STORED) for receipt in receipts])
    prints = [(receipt.fingerprint,) for receipt in receipts]
    ours = {identifier for (identifier,) in _OURS.rows(given=prints, account=account.pk)}
    return [receipt for receipt in receipts if receipt.pk in ours]


def fingerprint(event: ReceiptEvent) -> str:
    """The same for a receipt that is sent again. Of one that we do not understand, every byte counts."""
    at = event.at.isoformat() if event.timed else ""
    said = [event.our_reference, event.carrier_message_id, event.claim, event.code, at]
    if event.claim not in CLAIMS:
        said.append(event.raw)
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _note_unknown(
    account: CarrierAccount, receipts: Iterable[Receipt], known: Mapping[uuid.UUID, bool], now: datetime
) -> None:
    """Log what says something that we have no words for, and tell the operator."""
    codes = set()
    for receipt in receipts:
        if receipt.claim == UNKNOWN or not known[receipt.pk]:
            said = "receipt_not_understood" if receipt.claim == UNKNOWN else "unknown_receipt_code"
            logger.warning(said, account=str(account.pk), code=receipt.carrier_code)
            codes.add(receipt.carrier_code)
    receipt_alerts.note_unknown(account, codes, now)


def _texts_of(account: CarrierAccount, receipts: Sequence[Receipt]) -> dict[str, _Text]:
    """The texts that receipts speak of, by what the receipt says: our reference, else the carrier's id.

    Of the same account only. One query; one more where a receipt does not name one of our texts.
    """
    named = {receipt.our_reference: found for receipt in receipts if (found := _as_id(receipt.our_reference))}
    rows = _BY_REFERENCE.rows(ids=named.values(), account=account.pk) if named else []
    by_id = {row[0]: _Text._make(row) for row in rows}
    texts = {reference: by_id[key] for reference, key in named.items() if key in by_id}
    loose = {
        (receipt.carrier_message_id,)
        for receipt in receipts
        if receipt.carrier_message_id and receipt.our_reference not in texts
    }
    if loose:
        for row in _BY_CARRIER_ID.rows(given=sorted(loose), account=account.pk):
            texts.setdefault(_by_carrier(row[-1]), _Text._make(row))
    return texts


def _by_carrier(carrier_message_id: str) -> str:
    """As a key beside references, which have no colon."""
    return f"carrier:{carrier_message_id}"


def _text_of(receipt: Receipt, texts: Mapping[str, _Text]) -> _Text | None:
    return texts.get(receipt.our_reference) or texts.get(_by_carrier(receipt.carrier_message_id))


def _as_id(reference: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(reference)
    except ValueError:
        return None


def _bind(receipt: Receipt, texts: Mapping[str, _Text]) -> None:
    text = _text_of(receipt, texts)
    if text is not None:
        receipt.message_id, receipt.organization_id = text.id, text.organization_id


def _apply(receipts: Iterable[Receipt], now: datetime) -> None:
    """Tell the state machine, of each receipt that has a text and says something."""
    facts: defaultdict[uuid.UUID, list[Fact]] = defaultdict(list)
    for receipt in receipts:
        if receipt.message_id is not None and receipt.claim != UNKNOWN:
            facts[receipt.message_id].append(fact_of(receipt))
    states.learn_all(facts, now=now)


def fact_of(receipt: Receipt) -> Fact:
    """What a receipt that claims something says of its text."""
    return Fact(
        CLAIMS[receipt.claim],
        receipt.event_at,
        reason=receipt.reason,
        carrier_code=receipt.carrier_code,
        blocked_by=blocked_by(receipt.reason),
        receipt_id=receipt.pk,
        carrier_message_id=receipt.carrier_message_id,
    )


def _measure(receipts: Iterable[Receipt], texts: Mapping[str, _Text]) -> None:
    """For Prometheus: how long after we knew that the carrier had the text its receipt came."""
    sent = ((receipt.received_at, text.sent_at) for receipt in receipts if (text := _text_of(receipt, texts)))
    measurements.observe_receipt_delays([(came - at).total_seconds() for came, at in sent if at is not None])


def match_orphans(now: datetime) -> int:
    """Match the orphans of the last 48 hours again, oldest first; how many found their text."""
    return sum(_adopt(page, now) for page in _orphans(now))


def _orphans(now: datetime) -> Iterator[list[Receipt]]:
    """In pages by (received_at, id): those that stay orphans never stand in the way of later ones."""
    recent = Receipt.objects.filter(message__isnull=True, received_at__gte=now - ORPHANS_ARE_MATCHED_FOR)
    recent = recent.order_by("received_at", "pk")
    page = list(recent[:BATCH])
    while page:
        yield page
        last = page[-1]
        after = Q(received_at=last.received_at, pk__gt=last.pk) | Q(received_at__gt=last.received_at)
        page = list(recent.filter(after)[:BATCH])


def _adopt(page: Sequence[Receipt], now: datetime) -> int:
    """Those of a page whose text is there by now; each in a transaction of its own, which may fail by itself."""
    by_account: defaultdict[uuid.UUID, list[Receipt]] = defaultdict(list)
    for receipt in page:
        by_account[receipt.carrier_account_id].append(receipt)
    adopted = 0
    for account in CarrierAccount.objects.filter(pk__in=by_account):
        texts = _texts_of(account, by_account[account.pk])
        adopted += sum(_is_adopted(receipt, texts, now) for receipt in by_account[account.pk])
    return adopted


def _is_adopted(receipt: Receipt, texts: Mapping[str, _Text], now: datetime) -> bool:
    """One that fails stays an orphan, and in nobody's way. Only a database that does not answer ends the round."""
    try:
        return _adopted(receipt, texts, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # By name only: a database's error text may quote the row.
        logger.error("receipt_not_applied", receipt=str(receipt.pk), error=type(error).__name__)  # noqa: TRY400
        return False


def _adopted(receipt: Receipt, texts: Mapping[str, _Text], now: datetime) -> bool:
    _bind(receipt, texts)
    if receipt.message_id is None:
        return False
    with transaction.atomic():
        unmatched = Receipt.objects.filter(pk=receipt.pk, message__isnull=True)
        if unmatched.update(message_id=receipt.message_id, organization_id=receipt.organization_id):
            _apply([receipt], now)
    return True
