"""Texts that a relay held for too long go back unsent: counted apart from carriers' answers, told when it goes on."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from messaging import lateness, measurements
from messaging.compose import compose
from messaging.models import CarrierBatch, Exchange, Message
from messaging.relay import run
from provisioning.models import Alert, User
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.relay_stage import Clock, clock

__all__ = ["carrier", "clock"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def slow(settings: Any) -> None:
    """A relay that always gets to its texts after their time: two timeouts fit into no lease."""
    settings.RELAY_LEASE_SECONDS, settings.CARRIER_TIMEOUT_SECONDS = 10, 10


def is_told() -> bool:
    return Alert.objects.filter(code=lateness.CODE, cleared_at__isnull=True, organization=None).exists()


def test_a_late_text_goes_back_and_is_no_answer_of_the_carrier(
    user: User, carrier: CarrierInMemory, clock: Clock, slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Counter[tuple[str, str, str]]] = []
    monkeypatch.setattr(measurements, "count_outcomes", counted.append)
    text = compose(user=user, to="+12065550122", body="Hello", now=clock.now).message
    run(clock)
    text.refresh_from_db()
    assert (carrier.tried, text.status) == ([], "queued")
    (counts,) = counted
    assert [(outcome, texts) for (_account, outcome, _reason), texts in counts.items()] == [("too_late", 1)]
    assert not CarrierBatch.objects.exists()
    assert Exchange.objects.get().response == "TooLate"
    assert not is_told()


def test_it_is_told_when_it_happens_again_and_no_longer_when_it_does_not(
    user: User, carrier: CarrierInMemory, clock: Clock, slow: None
) -> None:
    for place in range(2):
        compose(user=user, to=f"+1206555012{place}", body="Hello", now=clock.now)
    run(clock)
    clock.forward(61)
    run(clock)
    assert is_told()
    alert = Alert.objects.get(code=lateness.CODE)
    assert alert.facts == {"last": f"{clock.now:%Y-%m-%d %H:%M} UTC"}
    lateness.clear_old(clock.forward(14 * 60))
    assert is_told()
    lateness.clear_old(clock.forward(2 * 60))
    assert not is_told()
    assert Message.objects.filter(status="queued").count() == 2


@pytest.mark.parametrize(("seconds", "told"), [(9, False), (10, True), (15 * 60, True), (15 * 60 + 1, False)])
def test_what_comes_within_one_lease_is_once_and_a_quarter_of_an_hour_later_it_is_forgotten(
    db: Any, clock: Clock, slow: None, seconds: int, told: bool
) -> None:
    lateness.note(clock.now)
    lateness.note(clock.now + timedelta(seconds=seconds))
    assert is_told() is told
