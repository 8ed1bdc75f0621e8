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

No transaction is open while a carrier is talked to. Database work and the wire take turns in one thread: while one
batch is being written, answers to the others wait in their sockets.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError

from messaging import clock, departures, health, leases, states
from messaging.carriers.base import Accepted, NotTaken, Refused, Unconfirmed
from messaging.carriers.wire import Wire
from messaging.departures import Departure
from messaging.models.messages import Status
from messaging.states import Fact

logger = structlog.get_logger(__name__)

CONNECTIONS: Final = 100
"""Texts on the wire at once, a worker."""
SHIFT_SECONDS: Final = 3.0
"""How long a run keeps taking texts. A worker that is told to stop ends within this and the carrier's timeout."""
FIRST_RETRY: Final = timedelta(seconds=1)
LONGEST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY_AFTER: Final = timedelta(hours=1)

Clock = Callable[[], datetime]
Answer = Accepted | NotTaken | Refused | Unconfirmed
_ANSWERED: Final[dict[type, str]] = {
    Accepted: "taken", Refused: "refused", NotTaken: "not_taken", Unconfirmed: "unknown",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one departure ended."""

    departure: Departure
    answer: Answer


def run(now: Clock = clock.database_now) -> datetime | None:
    """Send everything that is due; when the next text is. For tests and commands; workers keep a Relay."""
    with Relay(now) as relay:
        return relay.run()


class Relay:
    """One worker: its connections, its event loop, and what it has on the wire. Belongs to one thread."""

    def __init__(self, now: Clock = clock.database_now, *, connections: int = CONNECTIONS) -> None:
        self._now = now
        self._connections = connections
        self._runner = asyncio.Runner()
        self._wire = Wire(timeout=settings.CARRIER_TIMEOUT_SECONDS)
        self._on_the_wire: set[asyncio.Task[Outcome]] = set()
        self._unwritten: list[Outcome] = []

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back. What is still on the wire is cancelled, and lapses to `unconfirmed`."""
        self._runner.run(self._wire.aclose())
        self._runner.close()

    def run(self) -> datetime | None:
        """Work until nothing is due or the shift is over, and everything on the wire is answered; the next due time."""
        shift_ends = time.monotonic() + SHIFT_SECONDS
        self._write()
        while True:
            began = time.monotonic() < shift_ends and self._begin()
            if not self._on_the_wire and not began:
                return leases.next_due_at()
            self._collect()
            self._write()

    def _begin(self) -> bool:
        """Lease, dispatch and start what there is room for. False: nothing is due, or there is no room."""
        room, now = self._connections - len(self._on_the_wire), self._now()
        lease = leases.take(now, room) if room and leases.is_any_due(now) else None
        if lease is None:
            return False
        if lease.message_ids:
            latest = time.monotonic() + settings.RELAY_LEASE_SECONDS - 2 * settings.CARRIER_TIMEOUT_SECONDS
            loop = self._runner.get_loop()
            for departure in departures.dispatch(lease, self._now()):
                self._on_the_wire.add(loop.create_task(_send(departure, self._wire, latest)))
        return True

    def _collect(self) -> None:
        """Wait for the next answer, and take all that have come."""
        if self._on_the_wire:
            done = self._runner.run(_first(self._on_the_wire))
            self._on_the_wire -= done
            self._unwritten += [task.result() for task in done]

    def _write(self) -> None:
        """Write the outcomes. If the database fails they are kept for the next run, and the error goes up."""
        if self._unwritten:
            now = self._now()
            settle(self._unwritten, now)
            answered = [(outcome.departure.account_id, _ANSWERED[type(outcome.answer)]) for outcome in self._unwritten]
            self._unwritten = []
            health.note(answered, now)


async def _first(tasks: Iterable[asyncio.Task[Outcome]]) -> set[asyncio.Task[Outcome]]:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done


async def _send(departure: Departure, wire: Wire, latest: float) -> Outcome:
    """Hand one text to its carrier. Whatever an adapter raises beyond its contract may have come after the bytes."""
    log = logger.bind(message=str(departure.message_id), attempt=departure.attempts)
    if time.monotonic() > latest:
        return Outcome(departure, NotTaken("TooLate"))
    try:
        answer: Answer = await departure.carrier.send(departure.text, wire)
    except (NotTaken, Refused, Unconfirmed) as error:
        answer = error
    except Exception as error:
        log.exception("carrier_adapter_failed")
        answer = Unconfirmed(type(error).__name__)
    if isinstance(answer, NotTaken | Unconfirmed):
        log.warning("text_not_answered", outcome=type(answer).__name__, detail=answer.detail)
    return Outcome(departure, answer)


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
