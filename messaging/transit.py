"""Texts on the wire: an event loop in a thread of its own, so that answers are read while outcomes are written.

The relay hands departures over and collects how they ended; nothing in here touches the database. Each carrier account
has a lane of its own: departures are taken in the order in which they came, by as many senders as an account has
connections, so one that never answers holds up nobody else's texts. What was handed over and is not collected yet is
`in_flight`: on the wire, or about to be within the time of one answer. `recall` takes back what no sender has begun.
Who goes away closes it: what is in flight then lapses to `unconfirmed`, whether its bytes left or not.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from messaging import clock
from messaging.carriers.base import Accepted, NotTaken, Refused, Unconfirmed
from messaging.carriers.exchanges import Exchange, recording
from messaging.carriers.wire import Wire
from messaging.departures import Departure

logger = structlog.get_logger(__name__)

Answer = Accepted | NotTaken | Refused | Unconfirmed

GATHER_SECONDS: Final = 0.003
"""How long a first answer waits for company while many are on the wire: outcomes are written in batches."""
TOO_LATE: Final = "TooLate"
"""Of a text whose lease was too old when its turn came: its carrier was never asked."""
RECALLED: Final = "Recalled"
"""Of a text that still waited for a connection when its worker was told to stop: nor was its carrier."""
A_FEW: Final = 8
"""So few in flight are not worth waiting for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one departure ended, after how many seconds, and what was said meanwhile."""

    departure: Departure
    answer: Answer
    seconds: float = 0.0
    exchanges: tuple[Exchange, ...] = ()


class Transit:
    """The wire of one relay. Everything but the sending itself happens in the relay's own thread."""

    def __init__(self, *, connections: int, timeout: float) -> None:
        self._connections, self._timeout = connections, timeout
        self._answers: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._since: dict[uuid.UUID, tuple[float, Departure]] = {}
        self._of_account: Counter[uuid.UUID] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lanes: dict[uuid.UUID, asyncio.Queue[tuple[Departure, float]]] = {}
        self._senders: list[asyncio.Task[None]] = []
        self._wire: Wire

    @property
    def in_flight(self) -> int:
        """Texts handed over whose end was not collected."""
        return len(self._since)

    def in_flight_of(self, account_id: uuid.UUID) -> int:
        """The same, of one account."""
        return self._of_account[account_id]

    def hand_over(self, departures: Iterable[Departure], latest: float) -> None:
        """Send these. One that finds no connection until `latest` (clock.elapsed) is not sent: its lease is too old."""
        now = time.monotonic()
        batch = list(departures)
        self._since.update((departure.message_id, (now, departure)) for departure in batch)
        self._of_account.update(departure.account.id for departure in batch)
        loop = self._loop or self._start()
        loop.call_soon_threadsafe(self._queue, batch, latest)

    def collect(self, patience: float) -> list[Outcome]:
        """Everything that ended: at least one, unless `patience` seconds pass before."""
        found = []
        try:
            found.append(self._answers.get(timeout=patience))
        except queue.Empty:
            return []
        if self.in_flight > A_FEW and self._answers.qsize() < self.in_flight // 2:
            time.sleep(GATHER_SECONDS)
        while not self._answers.empty():
            found.append(self._answers.get())
        for outcome in found:
            if self._since.pop(outcome.departure.message_id, None):
                self._of_account[outcome.departure.account.id] -= 1
        return found

    def recall(self) -> None:
        """What no sender has begun ends as not taken."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._recall)

    def longer_than(self, seconds: float) -> list[Departure]:
        """What is in flight for longer than this, the oldest first."""
        before, found = time.monotonic() - seconds, []
        for since, departure in self._since.values():
            if since > before:
                break
            found.append(departure)
        return found

    def close(self) -> None:
        """Give the connections back; what is in flight is forgotten."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop = self._thread = None
        self._since.clear()
        self._of_account.clear()
        self._lanes.clear()

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="wire", daemon=True)
        self._thread.start()
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        self._wire, self._senders = Wire(timeout=self._timeout), []
        try:
            loop.run_forever()
        finally:
            for sender in self._senders:
                sender.cancel()
            loop.run_until_complete(asyncio.gather(*self._senders, return_exceptions=True))
            loop.run_until_complete(self._wire.aclose())
            loop.close()

    def _queue(self, departures: list[Departure], latest: float) -> None:
        for departure in departures:
            self._lane(departure.account.id).put_nowait((departure, latest))

    def _lane(self, account_id: uuid.UUID) -> asyncio.Queue[tuple[Departure, float]]:
        if account_id not in self._lanes:
            lane = self._lanes[account_id] = asyncio.Queue()
            loop = asyncio.get_running_loop()
            self._senders += [loop.create_task(self._sender(lane)) for _ in range(self._connections)]
        return self._lanes[account_id]

    def _recall(self) -> None:
        for lane in self._lanes.values():
            while not lane.empty():
                self._answers.put(Outcome(lane.get_nowait()[0], NotTaken(RECALLED)))

    async def _sender(self, lane: asyncio.Queue[tuple[Departure, float]]) -> None:
        while True:
            departure, latest = await lane.get()
            began = time.monotonic()
            answer: Answer = Unconfirmed("Ended")  # What a sender that is ended meanwhile leaves.
            with recording() as exchanges:
                try:
                    answer = await sent(departure, self._wire, latest)
                finally:
                    self._answers.put(Outcome(departure, answer, time.monotonic() - began, tuple(exchanges)))


async def sent(departure: Departure, wire: Wire, latest: float) -> Answer:
    """Hand one text to its carrier. Whatever an adapter raises beyond its contract may have come after the bytes."""
    if clock.elapsed() > latest:
        answer: Answer = NotTaken(TOO_LATE)
    else:
        try:
            return await departure.carrier.send(departure.text, wire)
        except (NotTaken, Refused, Unconfirmed) as error:
            answer = error
        except Exception as error:
            logger.exception("carrier_adapter_failed", message=str(departure.message_id))
            answer = Unconfirmed(type(error).__name__)
    if isinstance(answer, NotTaken | Unconfirmed):
        logger.warning(
            "text_not_answered",
            message=str(departure.message_id),
            attempt=departure.attempts,
            outcome=type(answer).__name__,
            detail=answer.detail,
        )
    return answer
