"""A carrier that lives in the test: it answers as told, and counts what it truly took."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from messaging import carriers
from messaging.carriers.base import (
    PLAIN_ANSWER,
    Accepted,
    CannotBeAsked,
    CapabilityAnswer,
    Event,
    OutboundText,
    ReceiptEvent,
    WebhookRequest,
)
from messaging.carriers.wire import Wire

Answer = Callable[[OutboundText], Accepted]


class CarrierInMemory:
    """Takes every text, unless `answer` (called with the text, before it is taken) raises; after `seconds` of it."""

    label, default_base_url, credentials, webhook_answer = "In memory", "", (), PLAIN_ANSWER
    answers_questions = False

    def __init__(self) -> None:
        self.taken: list[OutboundText] = []
        self.tried: list[OutboundText] = []
        self.answer: Answer | None = None
        self.seconds: Callable[[OutboundText], float] = lambda text: 0
        self.at_once, self.most_at_once = 0, 0
        self.asked: list[list[str]] = []
        self.says: Callable[[str], CapabilityAnswer | None] = lambda e164: CapabilityAnswer(e164, "capable")

    def __call__(self, base_url: str, credentials: Any) -> CarrierInMemory:
        """Stands in the registry as the maker of itself."""
        return self

    async def send(self, text: OutboundText, wire: Wire) -> Accepted:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.tried.append(text)
        await asyncio.sleep(self.seconds(text))
        self.at_once -= 1
        accepted = self.answer(text) if self.answer else Accepted(f"c-{text.message_id}")
        self.taken.append(text)
        return accepted

    async def capability(self, numbers: Sequence[str], wire: Wire) -> list[CapabilityAnswer]:
        """What `says` answers, number by number; it may raise."""
        await asyncio.sleep(0)
        self.asked.append(list(numbers))
        return [answer for e164 in numbers if (answer := self.says(e164)) is not None]

    async def lookup(self, message_id: str, carrier_message_id: str, wire: Wire) -> ReceiptEvent | None:
        raise CannotBeAsked

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
