"""The relay: takes texts from the queue (the database) to the carriers.

    lease ──commit──▶ dispatch ──commit──▶ the wire ──▶ settle ──commit
    leases.py         departures.py        carriers/    here

What must never happen, and what prevents it:
1. A text is sent twice. Bytes go only after `sending` was committed by a compare-and-set on the lease (dispatch), so
   of two workers one loses and sends nothing; a worker that was asleep for longer than its lease allows sends nothing
   either (`_too_late`). Nothing retries below us (carriers/wire.py). After the bytes may have left, a text goes back
   into the queue only if the carrier cannot have taken it (NotTaken) and no receipt says otherwise
   (states.release). Everything else that is not an answer is `unconfirmed`: never resent by itself.
2. A text is lost. Every step is a commit. Killed after the lease: the lease runs out and the text is free. Killed
   after `sending`: the sweep makes it `unconfirmed`, which the sender sees. Killed after the carrier's answer: the
   same, and its receipt still finds it by our id. An outcome that the database does not take at once is kept and
   written later.
3. Texts of a conversation overtake each other. Only a conversation's head can be leased, and a text that is put off
   stays the head. A slow answer holds up its own conversation and one connection, nothing else.
4. A person is texted after a STOP committed. Dispatch locks first and reads opt-outs in a second statement.

No transaction is open while a carrier is talked to. The wire has a thread of its own (transit.py); everything that
touches the database happens in the relay's thread, so that a batch is written while the next one is on the wire.
As many texts again as there are connections are dispatched ahead, or each connection would wait for a commit after each
answer. They leave within the time of one answer; killed in between, they are `unconfirmed` although no byte left.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from messaging import clock, departures, exchange_log, leases, measurements, states
from messaging.carriers.base import Accepted, NotTaken, Refused, Unconfirmed
from messaging.changes import touch
from messaging.departures import Departure
from messaging.models.messages import Status
from messaging.statements import distinct
from messaging.states import Fact
from messaging.transit import Answer, Outcome, Transit

logger = structlog.get_logger(__name__)

CONNECTIONS: Final = 100
"""Texts on the wire at once, a worker."""
SHIFT_SECONDS: Final = 3.0
"""How long a run keeps taking texts. A worker that is told to stop ends within this and the carrier's timeout."""
FIRST_RETRY: Final = timedelta(seconds=1)
LONGEST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
SHOWN_AFTER_SECONDS: Final = 1.0
"""A text that is not answered by then is shown as Sending; before, nobody could read the word."""

Clock = Callable[[], datetime]


def run(now: Clock = clock.database_now) -> datetime | None:
    """Send everything that is due; when the next text is. For tests and commands; workers keep a Relay."""
    with Relay(now) as relay:
        return relay.run()


class Relay:
    """One worker: its wire, and what it has on it. Belongs to one thread.

    `call` is called once a run that has more to do than one worker can: another one may come and help.
    """

    def __init__(
        self, now: Clock = clock.database_now, *, connections: int = CONNECTIONS, call: Callable[[], None] | None = None
    ) -> None:
        self._now = now
        self._call, self._called = call, False
        self._most = 2 * connections
        self._transit = Transit(connections=connections, timeout=settings.CARRIER_TIMEOUT_SECONDS)
        self._unwritten: list[Outcome] = []
        self._shown: set[uuid.UUID] = set()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back. What is still on the wire lapses to `unconfirmed`."""
        self._transit.close()

    def run(self) -> datetime | None:
        """Work until nothing is due or the shift is over, and everything on the wire is answered; the next due time."""
        shift_ends = time.monotonic() + SHIFT_SECONDS
        self._called = False
        self._write()
        while True:
            began = time.monotonic() < shift_ends and self._begin()
            if not self._transit.in_flight and not began:
                return leases.next_due_at()
            self._collect()
            self._write()

    def _begin(self) -> bool:
        """Lease, dispatch and start what there is room for. False: nothing is due, or there is no room."""
        room = self._most - self._transit.in_flight
        # Read before the lease is: however long both commits take, no byte leaves after it ran out.
        latest = time.monotonic() + settings.RELAY_LEASE_SECONDS - 2 * settings.CARRIER_TIMEOUT_SECONDS
        now = self._now()
        lease = leases.take(now, room) if room and leases.is_any_due(now) else None
        if lease is None:
            return False
        if len(lease.message_ids) == room and self._call and not self._called:
            self._called = True
            self._call()
        going = departures.dispatch(lease, now) if lease.message_ids else []
        if going:
            self._transit.hand_over(going, latest)
            for account, texts in Counter(departure.account.name for departure in going).items():
                measurements.observe_batch(account, texts)
        return True

    def _collect(self) -> None:
        """Wait for the next answers."""
        if self._transit.in_flight:
            self._unwritten += self._transit.collect(SHOWN_AFTER_SECONDS)
            self._show_slow_ones()

    def _show_slow_ones(self) -> None:
        """Let open inboxes show Sending where an answer takes its time; once a text."""
        slow = [one for one in self._transit.longer_than(SHOWN_AFTER_SECONDS) if one.message_id not in self._shown]
        if slow:
            with transaction.atomic():
                touch(distinct(one.conversation_id for one in slow), self._now())
            self._shown |= {one.message_id for one in slow}
        elif not self._transit.in_flight:
            self._shown.clear()

    def _write(self) -> None:
        """Write the outcomes. If the database fails they are kept for the next run, and the error goes up."""
        if self._unwritten:
            ended, now = self._unwritten, self._now()
            settle(ended, now)
            self._unwritten = []
            exchange_log.note(ended, now)


def settle(outcomes: list[Outcome], now: datetime) -> None:
    """Write outcomes: all facts in one transaction, then the texts that go back into the queue, one by one.

    If one of them cannot be written, each is tried by itself; the bad one stays `sending` and lapses.
    """
    facts = {outcome.departure.message_id: fact for outcome in outcomes if (fact := _fact(outcome.answer, now))}
    try:
        states.advance_all(facts, now=now)
    except (DataError, IntegrityError):
        _one_by_one(facts, now)
    for outcome in outcomes:
        if isinstance(outcome.answer, NotTaken):
            _put_back(outcome.departure, outcome.answer, now)


def _one_by_one(facts: dict[uuid.UUID, Fact], now: datetime) -> None:
    for message_id, fact in facts.items():
        try:
            states.advance(message_id, fact, now=now)
        except (DataError, IntegrityError):
            logger.exception("outcome_not_written", message=str(message_id), status=fact.status)


def _fact(answer: Answer, now: datetime) -> Fact | None:
    """What an answer says of its text; None when it goes back into the queue."""
    match answer:
        case Accepted():
            return Fact(Status.SENT, now, carrier_message_id=answer.carrier_message_id)
        case Refused():
            status = Status.BLOCKED if answer.blocked_by else Status.FAILED
            return Fact(status, now, reason=answer.reason, carrier_code=answer.code, blocked_by=answer.blocked_by)
        case Unconfirmed():
            return Fact(Status.UNCONFIRMED, now)
        case NotTaken():
            return None


def _put_back(departure: Departure, answer: NotTaken, now: datetime) -> None:
    """Back into the queue, unless a receipt says that the carrier has it, or the lease is not ours any more."""
    retry_at = now + _wait(departure.attempts, answer.retry_after)
    if not states.release(departure.message_id, departure.lease_token, retry_at, now=now):
        states.give_up(departure.message_id, departure.lease_token, now=now)


def _wait(attempts: int, retry_after: float | None) -> timedelta:
    """Doubling from a second to a minute; longer when the carrier asks for it, up to an hour."""
    doubled = min(FIRST_RETRY * (1 << min(attempts - 1, 10)), LONGEST_RETRY)
    asked = min(timedelta(seconds=min(retry_after or 0.0, 86_400.0)), LONGEST_RETRY_AFTER)
    return max(doubled, asked)
