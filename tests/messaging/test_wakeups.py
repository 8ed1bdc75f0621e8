"""Waking the relay: coalesced, never an error, never a long wait; against a real Valkey, and against none."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from messaging import wakeups
from texting_hub.up.testing import broker_for_tests


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with broker_for_tests() as url:
        yield url


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The tasks that were sent, with their options."""
    tasks: list[dict[str, Any]] = []
    monkeypatch.setattr(
        wakeups.current_app, "send_task", lambda name, **options: tasks.append({"name": name, **options})
    )
    return tasks


@pytest.fixture(autouse=True)
def not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "_silence", wakeups._Silence())


@pytest.fixture
def redis_up(settings: Any, broker: str) -> None:
    settings.REDIS_URL = broker
    wakeups._redis().flushdb()


pytestmark = pytest.mark.django_db(transaction=True)


def test_a_thousand_composes_make_one_task(redis_up: None, sent: list[dict[str, Any]]) -> None:
    for _ in range(1000):
        wakeups.wake_relay()
    assert [task["name"] for task in sent] == ["messaging.relay_due"]


def test_what_comes_after_the_worker_began_to_look_wakes_it_again(redis_up: None, sent: list[dict[str, Any]]) -> None:
    wakeups.wake_relay()
    wakeups.looking()
    wakeups.wake_relay()
    assert len(sent) == 2


def test_the_task_is_sent_after_the_commit_and_not_after_a_rollback(redis_up: None, sent: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        wakeups.wake_relay()
        assert sent == []
    assert len(sent) == 1
    wakeups.looking()
    with transaction.atomic():
        wakeups.wake_relay()
        transaction.set_rollback(True)
    assert len(sent) == 1


def test_a_flag_whose_task_was_lost_does_not_last(redis_up: None, sent: list[dict[str, Any]]) -> None:
    wakeups.wake_relay()
    assert 0 < wakeups._redis().pttl(wakeups._flag("wake")) <= wakeups.FLAG_SECONDS * 1000


def test_a_later_wake_up_is_one_task_with_a_countdown(redis_up: None, sent: list[dict[str, Any]]) -> None:
    for seconds in (4, 2, 1):
        wakeups.wake_relay_in(timedelta(seconds=seconds))
    assert [task["countdown"] for task in sent] == [4]
    assert wakeups._redis().pttl(wakeups._flag("later")) <= 4000


def test_a_later_wake_up_does_not_hold_back_one_for_now(redis_up: None, sent: list[dict[str, Any]]) -> None:
    wakeups.wake_relay_in(timedelta(seconds=4))
    wakeups.wake_relay()
    assert ["countdown" in task for task in sent] == [True, False]


def test_a_wake_up_that_is_overdue_comes_at_once(redis_up: None, sent: list[dict[str, Any]]) -> None:
    wakeups.wake_relay_in(timedelta(seconds=-30))
    assert 0 < sent[0]["countdown"] < 0.1


def test_two_copies_on_one_redis_keep_apart(
    redis_up: None, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for prefix in ("one:", "two:"):
        monkeypatch.setitem(wakeups.current_app.conf.broker_transport_options, "global_keyprefix", prefix)
        wakeups.wake_relay()
    assert len(sent) == 2


def test_without_a_redis_nothing_happens(settings: Any, sent: list[dict[str, Any]]) -> None:
    settings.REDIS_URL = ""
    wakeups.wake_relay()
    wakeups.looking()
    assert sent == []


@pytest.mark.parametrize("url", ["unix:///tmp/nobody-listens-here.sock", "redis://127.0.0.1:1"])
def test_a_redis_that_is_down_is_no_error_and_is_said_once(
    settings: Any, sent: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, url: str, monkeypatch: Any
) -> None:
    settings.REDIS_URL = url
    for _ in range(3):
        monkeypatch.setattr(wakeups._silence, "until", 0.0)
        wakeups.wake_relay()
        wakeups.looking()
    assert sent == []
    assert sum("relay_not_woken" in record.getMessage() for record in caplog.records) == 1


def test_a_redis_that_is_silent_costs_one_short_wait(settings: Any, sent: list[dict[str, Any]]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        for _ in range(10):
            wakeups.wake_relay()
        assert time.monotonic() - began < 1.0


def test_a_broker_that_refuses_the_task_is_no_error(redis_up: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(wakeups.current_app, "send_task", refuse)
    wakeups.wake_relay()
    assert wakeups._silence.noted


def test_it_is_said_when_redis_answers_again(
    redis_up: None, sent: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    wakeups._silence.begins(OSError())
    wakeups._silence.until = 0.0
    wakeups.looking()
    wakeups.looking()
    assert sum("relay_woken_again" in record.getMessage() for record in caplog.records) == 1
