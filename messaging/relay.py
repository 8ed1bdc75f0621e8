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

What is leased, a moment's worth more than there is room for, is still queued: a lease that is never used runs out.
No transaction is open while a carrier is talked to. The wire has a thread of its own (transit.py); everything that
touches the database happens in the relay's thread, so that a batch is written while the next one is on the wire.
As many texts again as there are connections are dispatched ahead, or each connection would wait for a commit after each
answer. They leave within the time of one answer; killed in between, they are `unconfirmed` although no byte left. What
is dispatched and not written yet is never more than three times as many texts as there are connections.
"""

from __future__ import annotations

import math
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
from messaging.leases import Lease
from messaging.models.messages import Status
from messaging.statements import distinct
from messaging.states import Fact
from messaging.transit import Answer, Outcome, Transit
from provisioning.planned import plan_anew

logger = structlog.get_logger(__name__)

CONNECTIONS: Final = 100
"""Texts on the wire at once, a worker."""
SHIFT_SECONDS: Final = 3.0
"""How long a run keeps taking texts. A worker that is told to stop ends within this and the carrier's timeout."""
FIRST_RETRY: Final = timedelta(seconds=1)
LONGEST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
AHEAD_SECONDS: Final = 0.1
"""So much is leased beyond what there is room for: what will find room within this time, going by the last answers."""
NOTED_TOGETHER: Final = 50
"""So many exchanges are written to the log at once; fewer when there is nothing more to do."""
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
        self._most, self._most_unsettled = 2 * connections, 3 * connections
        self._transit = Transit(connections=connections, timeout=settings.CARRIER_TIMEOUT_SECONDS)
        self._unwritten: list[Outcome] = []
        self._shown: set[uuid.UUID] = set()
        self._plans_end = 0.0
        self._unnoted: list[Outcome] = []
        self._ahead: Lease | None = None
        self._answered_since = (0, 0.0)

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
            # The room that answers left is filled before they are written, so that the wire has work meanwhile.
            began = self._begin(may_lease=time.monotonic() < shift_ends)
            wrote = self._write()
            if not (self._transit.in_flight or began or wrote):
                self._note()
                return leases.next_due_at()
            self._collect()

    def _begin(self, *, may_lease: bool = True) -> bool:
        """Dispatch and start what there is room for. False: nothing is due, or there is no room."""
        room = self._room
        if room <= 0:
            return False
        # Read before the database's time is: however long the commits take, no byte leaves after the lease ran out.
        latest = time.monotonic() + settings.RELAY_LEASE_SECONDS - 2 * settings.CARRIER_TIMEOUT_SECONDS
        now = self._now()
        lease = self._ahead or (self._lease(now, room) if may_lease else None)
        if lease is None:
            return False
        portion, rest = lease.split(room)
        self._ahead = rest if rest.message_ids else None
        going = departures.dispatch(portion, now) if portion.message_ids else []
        if going:
            self._transit.hand_over(going, latest)
            for account, texts in Counter(departure.account.name for departure in going).items():
                measurements.observe_batch(account, texts)
        return True

    @property
    def _room(self) -> int:
        """How many texts may be dispatched now: what the wire needs, as long as not too much would be left unknown."""
        in_flight = self._transit.in_flight
        return min(self._most - in_flight, self._most_unsettled - in_flight - len(self._unwritten))

    def _lease(self, now: datetime, room: int) -> Lease | None:
        """A lease for the room that there is, and for what finds room in a moment."""
        asked, self._answered_since = room + self._soon(), (0, time.monotonic())
        lease = leases.take(now, asked) if leases.is_any_due(now) else None
        if lease is not None and len(lease.message_ids) == asked:
            self._much_to_do()
        return lease

    def _much_to_do(self) -> None:
        """Let another worker come and help, once a run. Let Postgres plan anew, once a shift: the queue has grown."""
        if self._call and not self._called:
            self._called = True
            self._call()
        if time.monotonic() >= self._plans_end:
            plan_anew()
            self._plans_end = time.monotonic() + SHIFT_SECONDS

    def _soon(self) -> int:
        """How many texts will find room in a moment, if answers come as they did since the last lease."""
        answered, since = self._answered_since
        return math.floor(AHEAD_SECONDS * answered / max(time.monotonic() - since, AHEAD_SECONDS / 10))

    def _collect(self) -> None:
        """Wait for the next answers."""
        if self._transit.in_flight:
            answered = self._transit.collect(SHOWN_AFTER_SECONDS)
            self._answered_since = (self._answered_since[0] + len(answered), self._answered_since[1])
            self._unwritten += answered
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

    def _write(self) -> bool:
        """Write the outcomes; False: there are none. If the database fails they are kept for the next run, and the
        error goes up."""
        if not self._unwritten:
            return False
        settle(self._unwritten, self._now())
        self._unnoted += self._unwritten
        self._unwritten = []
        if len(self._unnoted) >= NOTED_TOGETHER:
            self._note()
        return True

    def _note(self) -> None:
        """Put what was said to carriers into the exchange log."""
        if self._unnoted:
            noted, self._unnoted = self._unnoted, []
            exchange_log.note(noted, self._now())


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
