"""What the tests of the relay share: a clock that stands still, a worker, and texts to write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from messaging.carriers.base import Accepted, OutboundText
from messaging.compose import compose
from messaging.models import Message, SendingNumber
from messaging.relay import Relay
from provisioning.models import User
from tests.factories import NOW
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier

__all__ = ["carrier"]

PERSON = "+12065550122"


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(clock: Clock, carrier: CarrierInMemory) -> Iterator[Relay]:
    with Relay(clock) as worker:
        yield worker


def person(number: int) -> str:
    return f"+1206555{number:04d}"


def write(user: User, body: str = "Hello", to: str = PERSON, at: datetime = NOW) -> Message:
    return compose(user=user, to=to, body=body, now=at).message


def fresh(text: Message) -> Message:
    return Message.objects.get(pk=text.pk)


def status(text: Message) -> str:
    return fresh(text).status


def raising(error: Exception) -> Any:
    def answer(text: OutboundText) -> Accepted:
        raise error

    return answer


def unpaced() -> None:
    """As fast as numbers can: what is measured is not their pace."""
    SendingNumber.objects.update(texts_a_minute=1_000_000, burst=1000)
