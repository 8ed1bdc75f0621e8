"""A carrier that lives in the test: it answers as told, and counts what it truly took."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from messaging import carriers
from messaging.carriers.base import Accepted, Event, OutboundText, WebhookRequest
from messaging.carriers.wire import Wire

Answer = Callable[[OutboundText], Accepted]


class CarrierInMemory:
    """Takes every text, unless `answer` (called with the text, before it is taken) raises."""

    def __init__(self) -> None:
        self.taken: list[OutboundText] = []
        self.tried: list[OutboundText] = []
        self.answer: Answer | None = None

    def __call__(self, base_url: str, credentials: Any) -> CarrierInMemory:
        """Stands in the registry as the maker of itself."""
        return self

    async def send(self, text: OutboundText, wire: Wire) -> Accepted:
        await asyncio.sleep(0)
        self.tried.append(text)
        accepted = self.answer(text) if self.answer else Accepted(f"c-{text.message_id}")
        self.taken.append(text)
        return accepted

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        raise NotImplementedError

    def parse(self, request: WebhookRequest) -> list[Event]:
        raise NotImplementedError

    @property
    def bodies(self) -> list[str]:
        """What was taken, in order."""
        return [text.body for text in self.taken]

    @property
    def twice(self) -> list[str]:
        """Ids of texts that were taken more than once."""
        return [reference for reference, times in Counter(t.message_id for t in self.taken).items() if times > 1]


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> CarrierInMemory:
    """Every account's carrier is this one."""
    in_memory = CarrierInMemory()
    monkeypatch.setitem(carriers.ADAPTERS, "simulator", in_memory)
    return in_memory
