"""The tasks: what they clear, in which order, what they wake, and that the queues they go to exist."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from messaging import clock, states, tasks, wakeups
from messaging.compose import compose
from messaging.models import Message, SendingNumber
from messaging.relay import Relay
from provisioning import heartbeats
from provisioning.models import User
from tests.factories import NOW
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from texting_hub.celery import BEAT, QUEUES, app

__all__ = ["carrier"]


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch, carrier: CarrierInMemory) -> list[Any]:
    """What the task did, in order: looking, running, and the delay of the wake-up it asked for."""
    events: list[Any] = []

    class Watched(Relay):
        def run(self) -> datetime | None:
            events.append("run")
            return super().run()

    monkeypatch.setattr(clock, "database_now", lambda: NOW)
    monkeypatch.setattr(tasks, "_relay", lambda: Watched(lambda: NOW))
    monkeypatch.setattr(wakeups, "looking", lambda: events.append("looking"))
    monkeypatch.setattr(wakeups, "wake_relay_in", events.append)
    return events


def test_the_flag_is_cleared_before_the_worker_looks(user: User, happened: list[Any]) -> None:
    compose(user=user, to="+12065550122", body="Hello", now=NOW)
    tasks.relay_due()
    assert happened == ["looking", "run"]
    assert Message.objects.get().status == "sent"


@pytest.mark.parametrize(("due", "delay"), [(0, 0), (5, 5), (-60, -60), (5.001, None), (3600, None)])
def test_what_is_due_within_five_seconds_has_a_wake_up_of_its_own(
    user: User, happened: list[Any], monkeypatch: pytest.MonkeyPatch, due: float, delay: float | None
) -> None:
    monkeypatch.setattr(Relay, "run", lambda self: NOW + timedelta(seconds=due))
    monkeypatch.setattr(tasks, "_relay", lambda: Relay(lambda: NOW))
    tasks.relay_due()
    assert happened == ["looking", *([timedelta(seconds=delay)] if delay is not None else [])]


def test_the_sweep_sends_what_a_lost_wake_up_left(user: User, happened: list[Any]) -> None:
    compose(user=user, to="+12065550122", body="Hello", now=NOW)
    SendingNumber.objects.update(next_due_at=None)
    tasks.relay_sweep()
    assert happened == ["looking", "run"]
    assert Message.objects.get().status == "sent"


def test_a_sweep_that_finds_nothing_wakes_nobody(user: User, happened: list[Any]) -> None:
    tasks.relay_sweep()
    assert happened == []


def test_the_sweep_lets_a_run_that_failed_write_what_it_learned(
    user: User, happened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is due any more, so nobody else would wake it: the text would stay `sending`, and lapse. What it learned
    is written first, be its lease long over."""
    text = compose(user=user, to="+12065550122", body="Hello", now=NOW).message
    worker, write = tasks._relay(), states.advance_all
    monkeypatch.setattr(tasks, "_relay", lambda: worker)

    def fail_once(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(states, "advance_all", write)
        raise OperationalError("terminating connection")

    monkeypatch.setattr(states, "advance_all", fail_once)
    with pytest.raises(OperationalError):
        tasks.relay_due()
    assert Message.objects.get(pk=text.pk).status == "sending"
    monkeypatch.setattr(clock, "database_now", lambda: NOW + timedelta(seconds=61))
    for _ in range(2):
        tasks.relay_sweep()
    assert happened == ["looking", "run"] * 2
    text.refresh_from_db()
    assert (text.status, text.unconfirmed_at) == ("sent", None)


def test_every_task_of_the_relay_goes_to_a_queue_that_a_worker_consumes() -> None:
    router = app.amqp.router
    queues = {name: router.route({}, name)["queue"].name for name in app.tasks if name.startswith("messaging.")}
    assert queues["messaging.relay_due"] == queues["messaging.relay_sweep"] == "relay"
    assert set(queues.values()) <= set(QUEUES)


def test_every_beat_entry_names_a_task_that_exists() -> None:
    named = {entry["task"] for entry in BEAT.values() if entry["task"].startswith("messaging.")}
    assert named <= set(app.tasks)


def test_a_sweep_says_that_the_relay_lives_four_times_a_minute(monkeypatch: pytest.MonkeyPatch, db: Any) -> None:
    for seconds, beat_at in ((0, 0), (5, 0), (14, 0), (15, 15), (29, 15), (31, 31)):
        now = NOW + timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "database_now", lambda now=now: now)
        tasks.relay_sweep()
        assert heartbeats.last(heartbeats.RELAY) == NOW + timedelta(seconds=beat_at)
