"""What carriers answered: an entry for each attempt, which support can open, and the sums that health is measured by.

Written by the relay after the outcomes are, in a transaction of its own: a measurement, not a record of the text.
Losing it loses no text. Nothing in it is a body or a whole number (carriers/exchanges.py); it is purged with its text.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import transaction

from messaging import lateness, measurements, receipt_alerts
from messaging.carriers.base import Accepted, NotTaken, Refused, Unconfirmed
from messaging.carriers.exchanges import Exchange
from messaging.models import CarrierBatch, Message
from messaging.statements import Statement
from messaging.transit import TOO_LATE, Answer, Outcome

ANSWERED: Final[dict[type[Answer], str]] = {
    Accepted: "taken", Refused: "refused", NotTaken: "not_taken", Unconfirmed: "unknown",
}  # fmt: skip
NOT_LET_IN: Final = (401, 403, 404)
"""What carriers answer to credentials that they do not know, or to an account that is not there."""
CAME: Final = (Accepted, Refused)
"""An answer came, so it took a time. Whoever waited in vain (`unknown`) knows how long it waited, and no more."""
LONGEST_REQUEST, LONGEST_RESPONSE = 200, 500

_INSERT: Final = Statement(
    """
    INSERT INTO messaging_exchange
        (message_id, carrier_account_id, attempt, at, milliseconds, outcome, http_status, request, response)
    SELECT given.message_id, given.account_id, given.attempt, %(now)s, given.milliseconds, given.outcome, given.status,
        given.request, given.response
    FROM {given} JOIN messaging_message kept ON kept.id = given.message_id
    """,
    given={
        "message_id": "uuid", "account_id": "uuid", "attempt": "int", "milliseconds": "int", "outcome": "text",
        "status": "int", "request": "text", "response": "text",
    },
)  # fmt: skip

Entry = tuple[uuid.UUID, uuid.UUID, int, int | None, str, int | None, str, str]


def note(outcomes: Iterable[Outcome], now: datetime) -> None:
    """Keep how these attempts went. Two statements; a text that was purged meanwhile is left out."""
    ended = list(outcomes)
    _measure(ended)
    with transaction.atomic():
        _INSERT.write([entry for outcome in ended for entry in _entries(outcome)], now=now)
        CarrierBatch.objects.bulk_create(_sums([outcome for outcome in ended if not _is_late(outcome)], now))
        if any(map(_is_late, ended)):
            lateness.note(now)
        if unknown := _unknown(ended):
            receipt_alerts.note_unknown_answers(unknown, now)


def _is_late(outcome: Outcome) -> bool:
    return isinstance(outcome.answer, NotTaken) and outcome.answer.detail == TOO_LATE


def _is_not_let_in(outcome: Outcome) -> bool:
    """A refusal of the text itself, which may come with the same number, is a `Refused`."""
    last = outcome.exchanges[-1].status if outcome.exchanges else None
    return isinstance(outcome.answer, NotTaken) and last in NOT_LET_IN


def note_question(text: Message, exchanges: Iterable[Exchange], now: datetime) -> None:
    """Keep what was said when the carrier was asked about a text; no attempt to send, so it counts for no health."""
    assert text.carrier_account_id is not None
    account_id = text.carrier_account_id
    entries = [_said(text.pk, account_id, text.attempts, "asked", exchange) for exchange in exchanges]
    if entries:
        _INSERT.write(entries, now=now)


def _unknown(outcomes: Iterable[Outcome]) -> dict[uuid.UUID, set[str]]:
    """Codes of refusals that are in no table, by account."""
    found: defaultdict[uuid.UUID, set[str]] = defaultdict(set)
    for outcome in outcomes:
        if isinstance(outcome.answer, Refused) and not outcome.answer.known:
            found[outcome.departure.account.id].add(outcome.answer.code)
    return found


def _measure(outcomes: Iterable[Outcome]) -> None:
    """For Prometheus: how texts fared, and how long carriers took to answer."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    fared: Counter[tuple[str, str, str]] = Counter()
    for outcome in outcomes:
        account, answer = outcome.departure.account.name, outcome.answer
        fared[account, "too_late" if _is_late(outcome) else ANSWERED[type(answer)], getattr(answer, "reason", "")] += 1
        if isinstance(answer, CAME):
            seconds[account].append(outcome.seconds)
    measurements.count_outcomes(fared)
    for account, took in seconds.items():
        measurements.observe_carrier_seconds(account, took)


def _entries(outcome: Outcome) -> list[Entry]:
    """One for each exchange; one without a request where nothing was sent."""
    if outcome.exchanges:
        return [_entry(outcome, exchange) for exchange in outcome.exchanges]
    departure = outcome.departure
    detail = getattr(outcome.answer, "detail", "")
    answered = ANSWERED[type(outcome.answer)]
    return [
        (
            departure.message_id,
            departure.account.id,
            departure.attempts,
            None,
            answered,
            None,
            "",
            detail[:LONGEST_RESPONSE],
        )
    ]


def _entry(outcome: Outcome, exchange: Exchange) -> Entry:
    departure, answered = outcome.departure, ANSWERED[type(outcome.answer)]
    return _said(departure.message_id, departure.account.id, departure.attempts, answered, exchange)


def _said(message_id: uuid.UUID, account_id: uuid.UUID, attempt: int, outcome: str, exchange: Exchange) -> Entry:
    return (
        message_id,
        account_id,
        attempt,
        exchange.milliseconds,
        outcome,
        exchange.status or None,
        f"{exchange.method} {exchange.target}"[:LONGEST_REQUEST],
        exchange.response[:LONGEST_RESPONSE],
    )


def _sums(outcomes: Iterable[Outcome], now: datetime) -> list[CarrierBatch]:
    batches: defaultdict[uuid.UUID, CarrierBatch] = defaultdict(CarrierBatch)
    for outcome in outcomes:
        batch, answered = batches[outcome.departure.account.id], ANSWERED[type(outcome.answer)]
        setattr(batch, answered, getattr(batch, answered) + 1)
        batch.not_let_in += _is_not_let_in(outcome)
        if isinstance(outcome.answer, CAME):
            took = round(outcome.seconds * 1000)
            batch.milliseconds += took
            batch.slowest = max(batch.slowest, took)
    for account_id, batch in batches.items():
        batch.carrier_account_id, batch.at = account_id, now
    return list(batches.values())
