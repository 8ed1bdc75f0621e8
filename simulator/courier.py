"""Posts receipts and texts to the hub, signed, until the hub took them: a 5xx or no answer is tried again.

Everything owed is a Delivery row before it is due, so a restart goes on where it stopped. Events that are due at the
same time for the same address travel together as a JSON array, as carriers under load send them.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import defaultdict
from datetime import timedelta

import httpx
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from simulator import signing
from simulator.ledger import Ledger
from simulator.log import Log
from simulator.models import Delivery

TOGETHER = 20
AT_ONCE = 4
LONGEST_WAIT = 60.0
GIVE_UP_AFTER = timedelta(hours=24)
TIMEOUT = 30.0


class Courier:
    """One loop that wakes when something is due, and a few posts at a time."""

    def __init__(self, ledger: Ledger, log: Log) -> None:
        self._ledger, self._log = ledger, log
        self._owed: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._news = asyncio.Event()
        self._free = asyncio.Semaphore(AT_ONCE)
        self._posts: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)

    def owe(self, deliveries: list[Delivery]) -> None:
        """Take over committed deliveries; each is posted when it is due."""
        for delivery in deliveries:
            heapq.heappush(self._owed, (delivery.due_at.timestamp(), next(self._order), delivery))
        self._news.set()

    async def run(self) -> None:
        """Post for ever; cancel to stop."""
        while True:
            self._news.clear()
            for batch in self._due():
                await self._free.acquire()
                task = asyncio.create_task(self._post(batch))
                self._posts.add(task)
                task.add_done_callback(self._posts.discard)
            await self._pause()

    async def close(self) -> None:
        """Leave what is under way; it stays owed and is posted again after a restart."""
        for task in self._posts:
            task.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        await self._client.aclose()

    def forget(self) -> None:
        """Drop everything owed (a test starts afresh)."""
        self._owed.clear()

    async def _pause(self) -> None:
        wait = max(self._owed[0][0] - time.time(), 0.0) if self._owed else None
        try:
            async with asyncio.timeout(wait):
                await self._news.wait()
        except TimeoutError:
            return

    def _due(self) -> list[list[Delivery]]:
        by_url: dict[str, list[Delivery]] = defaultdict(list)
        now = time.time()
        while self._owed and self._owed[0][0] <= now:
            delivery = heapq.heappop(self._owed)[2]
            by_url[delivery.url].append(delivery)
        return [list(batch) for owed in by_url.values() for batch in _chunks(owed)]

    async def _post(self, batch: list[Delivery]) -> None:
        try:
            answer = await self._answer(batch)
            if _again(answer) and timezone.now() - batch[0].due_at < GIVE_UP_AFTER:
                await self._postpone(batch, answer)
            else:
                await self._finish(batch, answer)
        finally:
            self._free.release()

    async def _answer(self, batch: list[Delivery]) -> str:
        events = [delivery.event for delivery in batch]
        body = (events[0] if len(events) == 1 else f"[{','.join(events)}]").encode()
        headers = _signed(batch[0], body, int(time.time()))
        try:
            response = await self._client.post(batch[0].url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        return str(response.status_code)

    async def _finish(self, batch: list[Delivery], answer: str) -> None:
        keys = [delivery.pk for delivery in batch]
        now = timezone.now()
        await self._ledger.change(lambda: Delivery.objects.filter(pk__in=keys).update(done_at=now, answer=answer[:60]))
        for delivery in batch:
            self._log.add(format_html(_("{}, webhook {}"), delivery.label, answer))

    async def _postpone(self, batch: list[Delivery], answer: str) -> None:
        for delivery in batch:
            wait = min(2.0**delivery.attempts, LONGEST_WAIT) * settings.PACE
            delivery.attempts += 1
            delivery.due_at = timezone.now() + timedelta(seconds=wait)
            self._log.add(format_html(_("{}, webhook {}, again in {} s"), delivery.label, answer, round(wait, 1)))
        self.owe(batch)


def _signed(delivery: Delivery, body: bytes, timestamp: int) -> dict[str, str]:
    """Everything for one address is signed by one sender."""
    if delivery.signer == Delivery.REGISTRY:
        return signing.registry_headers(settings.REGISTRY_SECRET, delivery.url, body, timestamp)
    return signing.headers(settings.WEBHOOK_SECRET, body, timestamp)


def _again(answer: str) -> bool:
    """Carriers repeat on silence and on 5xx, 408 and 429; any other 4xx is the hub's last word."""
    return not answer.isdigit() or answer.startswith("5") or answer in ("408", "429")


def _chunks(owed: list[Delivery]) -> list[list[Delivery]]:
    return [owed[start : start + TOGETHER] for start in range(0, len(owed), TOGETHER)]
