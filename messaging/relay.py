"""The relay: takes texts from the queue (the database) to the carriers.

    lease ──commit──▶ dispatch ──commit──▶ the wire ──▶ settle ──commit
    leases.py         departures.py        carriers/    here

What must never happen, and what prevents it:
1. A text is sent twice. Bytes go only after `sending` was committed by a compare-and-set on the lease (dispatch), so
   of two workers one loses and sends nothing; a worker that was asleep for longer than its lease allows sends nothing
   either (transit.TOO_LATE). Nothing retries below us (carriers/wire.py). After the bytes may have left, a text goes
   back into the queue only if the carrier cannot have taken it (NotTaken) and no receipt says otherwise
   (states.release). Everything else that is not an answer is `unconfirmed`: never resent by itself.
2. A text is lost. Every step is a commit. Killed after the lease: the lease runs out and the text is free. Killed
   after `sending`: the sweep makes it `unconfirmed`, which the sender sees. Killed after the carrier's answer: the
   same, and its receipt still finds it by our id. An outcome that the database does not take at once is kept and
   written later; one that it never takes is given up by itself, and lapses.
3. Texts of a conversation overtake each other. Only a conversation's head can be leased, and a text that is put off
   stays the head. A slow answer holds up its own conversation and one connection of its account, nothing else.
4. A person is texted after a STOP committed. Dispatch locks first and reads opt-outs in a second statement.

What is leased, a moment's worth more than there is room for, is still queued: a lease that is never used runs out.
No transaction is open while a carrier is talked to. The wire has a thread of its own (transit.py); everything that
touches the database happens in the relay's thread, so that a batch is written while the next one is on the wire.
Each carrier account has room of its own. What its connections take within a moment, going by its last answers, is
dispatched ahead (at most as many texts as it has connections), or each connection would wait for a commit after each
answer. Killed in between, those are `unconfirmed` although no byte left. What is dispatched and not written yet is
never more than three times as many texts as an account has connections.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from messaging import clock, departures, exchange_log, leases, measurements, states
from messaging.carriers.base import Accepted, NotTaken, Refused, Unconfirmed
from messaging.changes import touch
from messaging.departures import Departure
from messaging.leases import Beyond, Lease
from messaging.models.messages import Status
from messaging.statements import distinct
from messaging.states import Fact
from messaging.transit import RECALLED, Answer, Outcome, Transit
from provisioning.planned import plan_anew

logger = structlog.get_logger(__name__)

CONNECTIONS: Final = 100
"""Texts on the wire at once, a worker and account."""
SHIFT_SECONDS: Final = 3.0
"""How long a run keeps taking texts before it lets others have their turn in this process."""
PATIENCE_SECONDS: Final = 0.2
"""How long the end of a shift waits for what is on the wire. Then another shift begins in the same run: a carrier that
takes its time with one text must not keep all others waiting."""
FIRST_RETRY: Final = timedelta(seconds=1)
LONGEST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
AHEAD_SECONDS: Final = 0.1
"""So much is leased, and dispatched, beyond what there are connections for: what will find one within this time, going
by the last answers."""
NOTED_TOGETHER: Final = 50
"""So many exchanges are written to the log at once; fewer when there is nothing more to do."""
ELSEWHERE_SECONDS: Final = 0.1
"""How often one looks for other texts while those on the wire are not answered."""
SHOWN_AFTER_SECONDS: Final = 1.0
"""A text that is not answered by then is shown as Sending; before, nobody could read the word."""

Clock = Callable[[], datetime]


def run(now: Clock = clock.database_now) -> datetime | None:
    """Send everything that is due; when the next text is. For tests and commands; workers keep a Relay."""
    with Relay(now) as relay:
        return relay.run()


@dataclass(slots=True)
class Recent:
    """How many answers came within the last moment; what is older fades."""

    answers: float = 0.0
    at: float = field(default_factory=time.monotonic)

    def note(self, answers: int) -> None:
        self.answers = self._faded() + answers
        self.at = time.monotonic()

    @property
    def soon(self) -> int:
        """So many texts will find a connection within a moment, if answers go on as they came."""
        return math.floor(self._faded())

    def _faded(self) -> float:
        return self.answers * math.exp((self.at - time.monotonic()) / AHEAD_SECONDS)


class Relay:
    """One worker: its wire, and what it has on it. Belongs to one thread.

    `call` is called once a shift that has more to do than one worker can: another one may come and help. `between` is
    called between the shifts of one run, `is_stopping` says that nothing more is to be begun.
    """

    def __init__(
        self,
        now: Clock = clock.database_now,
        *,
        connections: int = CONNECTIONS,
        call: Callable[[], None] | None = None,
        between: Callable[[], None] | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._now = now
        self._call, self._called = call, False
        self._between, self._is_stopping = between, is_stopping
        self._connections = connections
        self._transit = Transit(connections=connections, timeout=settings.CARRIER_TIMEOUT_SECONDS)
        self._unwritten: list[Outcome] = []
        self._shown: set[uuid.UUID] = set()
        self._plans_end = 0.0
        self._unnoted: list[Outcome] = []
        self._ahead: list[Lease] = []
        self._looked = 0.0
        self._recent: defaultdict[uuid.UUID, Recent] = defaultdict(Recent)
        self._beyond = Beyond()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back. What is still on the wire lapses to `unconfirmed`."""
        self._transit.close()

    def run(self) -> datetime | None:
        """Work until nothing is due or the shift is over, and everything on the wire is answered; the next due time.

        What is still on the wire a moment after the shift is over holds nobody up: the next shift begins.
        """
        self._write()
        shift_ends = self._new_shift()
        while True:
            stopping = self._is_stopping()
            if stopping:
                self._take_back()
            # The room that answers left is filled before they are written, so that the wire has work meanwhile.
            began = not stopping and self._begin(may_lease=time.monotonic() < shift_ends)
            wrote = self._write()
            if not (self._transit.in_flight or began or wrote):
                self._note()
                return leases.next_due_at()
            self._collect()
            if self._transit.in_flight and time.monotonic() >= shift_ends + PATIENCE_SECONDS:
                shift_ends = self._another_shift()

    def _new_shift(self) -> float:
        """When it ends."""
        self._called = False
        return time.monotonic() + SHIFT_SECONDS

    def _another_shift(self) -> float:
        self._note()
        if self._between:
            self._between()
        return self._new_shift()

    def _take_back(self) -> None:
        """What has not begun to leave goes back into the queue."""
        self._transit.recall()
        while self._ahead:
            leases.give_back(self._ahead.pop(), self._now())

    def _begin(self, *, may_lease: bool = True) -> bool:
        """Dispatch and start what there is room for. False: nothing is due, or there is no room."""
        if not (self._ahead or (may_lease and self._may_find_room())):
            return False
        # Read before the database's time is: however long the commits take, no byte leaves after the lease ran out.
        latest = clock.elapsed() + settings.RELAY_LEASE_SECONDS - 2 * settings.CARRIER_TIMEOUT_SECONDS
        now = self._now()
        if self._dispatch_ahead(now, latest):
            return True
        if may_lease and self._may_find_room() and self._lease(now):
            self._dispatch_ahead(now, latest)
            return True
        return False

    def _dispatch_ahead(self, now: datetime, latest: float) -> bool:
        """Start what was leased, as far as there is room; False: there is none, or nothing was leased."""
        began, kept = False, []
        for lease in self._ahead:
            portion, rest = lease.split(self._connections, self._rooms())
            if portion.message_ids:
                began = True
                self._start(departures.dispatch(portion, now), latest)
            if rest.message_ids and rest.until > now:
                kept.append(rest)
        self._ahead = kept
        return began

    def _start(self, going: list[Departure], latest: float) -> None:
        if going:
            for account in {departure.account.id for departure in going}:
                self._recent[account]  # From now on its room is what is counted, not what anybody has at first.
            self._transit.hand_over(going, latest)
            for name, texts in Counter(departure.account.name for departure in going).items():
                measurements.observe_batch(name, texts)

    def _rooms(self) -> dict[uuid.UUID, int]:
        """How many texts of each account may be dispatched now: what its connections need, as long as not too much
        would be left unknown. Accounts that were not asked yet have room for as many as there are connections."""
        unwritten = Counter(outcome.departure.account.id for outcome in self._unwritten)
        rooms = {}
        for account, recent in self._recent.items():
            in_flight = self._transit.in_flight_of(account)
            needed = self._connections + min(self._connections, recent.soon) - in_flight
            rooms[account] = min(needed, 3 * self._connections - in_flight - unwritten[account])
        return rooms

    def _may_find_room(self) -> bool:
        """Whether an account on the wire has room; now and then also when none has, for what others have to send."""
        busy = [room for account, room in self._rooms().items() if self._transit.in_flight_of(account)]
        return not busy or max(busy) > 0 or time.monotonic() >= self._looked + ELSEWHERE_SECONDS

    def _lease(self, now: datetime) -> bool:
        """Lease for the room that there is, and for what finds room in a moment. False: nothing is due."""
        self._looked = time.monotonic()
        rooms = self._rooms().items()
        asked = {account: room + self._recent[account].soon if room > 0 else 0 for account, room in rooms}
        lease = leases.take(now, self._connections, asked, self._beyond)
        if lease is None:
            return False
        self._ahead.append(lease)
        leased = Counter(lease.accounts[message_id] for message_id in lease.message_ids)
        if any(texts >= asked.get(account, self._connections) for account, texts in leased.items()):
            self._much_to_do()
        return True

    def _much_to_do(self) -> None:
        """Let another worker come and help, once a shift. Let Postgres plan anew, as often: the queue has grown."""
        if self._call and not self._called:
            self._called = True
            self._call()
        if time.monotonic() >= self._plans_end:
            plan_anew()
            self._plans_end = time.monotonic() + SHIFT_SECONDS

    def _collect(self) -> None:
        """Wait for the next answers."""
        if self._transit.in_flight:
            answered = self._transit.collect(ELSEWHERE_SECONDS)
            for account, answers in Counter(outcome.departure.account.id for outcome in answered).items():
                self._recent[account].note(answers)
            self._unwritten += answered
            self._show_slow_ones()

    def _show_slow_ones(self) -> None:
        """Let open inboxes show Sending where an answer takes its time; once a text."""
        slow = self._transit.longer_than(SHOWN_AFTER_SECONDS)
        new = [one for one in slow if one.message_id not in self._shown]
        if new:
            with transaction.atomic():
                touch(distinct(one.conversation_id for one in new), self._now())
        self._shown = {one.message_id for one in slow}

    def _write(self) -> bool:
        """Write the outcomes; False: there are none. If the database fails they are kept for the next run, and the
        error goes up."""
        if not self._unwritten:
            return False
        settle(self._unwritten, self._now())
        self._unnoted += [outcome for outcome in self._unwritten if not _is_recalled(outcome)]
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

    If one of them cannot be written, each is tried by itself; the bad one stays `sending` and lapses. Only what the
    database says of itself (OperationalError, InterfaceError) goes up: then nothing is lost by trying again.
    """
    facts = {outcome.departure.message_id: fact for outcome in outcomes if (fact := _fact(outcome.answer, now))}
    try:
        states.advance_all(facts, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        _one_by_one({pk: partial(states.advance, pk, fact, now=now) for pk, fact in facts.items()})
    _one_by_one(
        {
            outcome.departure.message_id: partial(_put_back, outcome.departure, outcome.answer, now)
            for outcome in outcomes
            if isinstance(outcome.answer, NotTaken)
        }
    )


def _one_by_one(writes: Mapping[uuid.UUID, Callable[[], object]]) -> None:
    for message_id, write in writes.items():
        try:
            write()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # By name only: a database's error text may quote the row.
            logger.error("outcome_not_written", message=str(message_id), error=type(error).__name__)  # noqa: TRY400


def _is_recalled(outcome: Outcome) -> bool:
    """Nothing that an exchange log or a carrier's health is about."""
    return isinstance(outcome.answer, NotTaken) and outcome.answer.detail == RECALLED


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
