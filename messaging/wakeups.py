"""Waking the relay: one task however many texts were composed, and never an error for the person who composed.

A flag in Redis says that a wake-up is under way; only who sets it sends the task. The worker clears the flag before it
looks for work, so a text committed after the look has a wake-up of its own. Whatever gets lost here (Redis down or
flushed, a flag whose task died) the beat sweep makes good within seconds; the queue itself is in the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import KombuError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = structlog.get_logger(__name__)

RELAY_TASK = "messaging.relay_due"
FLAG_SECONDS = 10
"""A flag whose task was lost holds wake-ups back no longer than this; the sweep comes before."""
PATIENCE = 0.4
"""Seconds for one answer of Redis."""
PAUSE_AFTER_FAILURE = 5.0
"""Seconds without another try, so that a silent Redis does not slow every compose down."""


def wake_relay() -> None:
    """Wake the relay once the current transaction commits (at once outside of one). Never raises, never waits long."""
    transaction.on_commit(lambda: _wake("wake", FLAG_SECONDS), robust=True)


def wake_relay_in(delay: timedelta) -> None:
    """Wake the relay after a few seconds. Of several such wishes the first stands: it has come true by then."""
    seconds = max(0.001, delay.total_seconds())
    _wake("later", seconds, countdown=seconds)


def looking() -> None:
    """The worker is about to look for work: from now on a compose sends a wake-up of its own."""
    _guarded(lambda: _redis().delete(_flag("wake")))


def _wake(flag: str, seconds: float, **options: Any) -> None:
    def flag_and_send() -> None:
        if _redis().set(_flag(flag), b"1", nx=True, px=max(1, int(seconds * 1000))):
            _send(**options)

    _guarded(flag_and_send)


def _send(**options: Any) -> None:
    current_app.send_task(RELAY_TASK, ignore_result=True, retry=False, **options)


def _flag(name: str) -> str:
    prefix = (current_app.conf.broker_transport_options or {}).get("global_keyprefix", "")
    return f"{prefix}relay:{name}"


@lru_cache(maxsize=1)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
    )


def _redis() -> redis.Redis:
    return _client(settings.REDIS_URL)


class _Silence:
    """Remembers that Redis does not answer: says so once, and spares callers the wait for a while."""

    def __init__(self) -> None:
        self.until = 0.0
        self.noted = False

    def begins(self, error: Exception) -> None:
        self.until = time.monotonic() + PAUSE_AFTER_FAILURE
        if not self.noted:
            logger.warning("relay_not_woken", error=type(error).__name__)
        self.noted = True

    def ends(self) -> None:
        if self.noted:
            logger.info("relay_woken_again")
        self.until, self.noted = 0.0, False


_silence = _Silence()


def _guarded(act: Callable[[], Any]) -> None:
    """Do it unless there is no Redis, or it was silent a moment ago; note what goes wrong, raise nothing."""
    if not settings.REDIS_URL or time.monotonic() < _silence.until:
        return
    try:
        act()
    except (RedisError, KombuError, OSError) as error:
        _silence.begins(error)
    else:
        _silence.ends()
