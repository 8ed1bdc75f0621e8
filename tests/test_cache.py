"""What rate limits count by: one exchange with Redis, a counter that ends, and no refusal without Redis."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
import redis
import time_machine

from texting_hub.cache import ForgivingRedisCache, LocalCache


@pytest.fixture(params=["redis", "local"])
def cache(request: pytest.FixtureRequest, valkey: str) -> Any:
    if request.param == "local":
        own = LocalCache("counts", {})
        own.clear()
        return own
    return ForgivingRedisCache(valkey, {})


def test_it_counts_from_one_by_key(cache: Any) -> None:
    assert [cache.count("a", 60), cache.count("a", 60), cache.count("b", 60)] == [1, 2, 1]


def test_a_counter_of_this_process_ends() -> None:
    cache = LocalCache("ends", {})
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert [cache.count("a", 60), cache.count("a", 60)] == [1, 2]
        clock.shift(61)
        assert cache.count("a", 60) == 1


def test_redis_is_asked_once_and_once_more_for_the_first(valkey: str) -> None:
    cache = ForgivingRedisCache(valkey, {})
    with mock.patch.object(
        redis.Redis, "execute_command", autospec=True, side_effect=redis.Redis.execute_command
    ) as asked:
        cache.count("a", 60)
        assert asked.call_count == 2
        cache.count("a", 60)
        assert asked.call_count == 3
    with redis.Redis.from_url(valkey) as client:
        assert 0 < client.ttl(":1:a") <= 60


def test_without_redis_nobody_is_refused() -> None:
    assert [ForgivingRedisCache("redis://127.0.0.1:1", {}).count("a", 60) for _ in range(3)] == [1, 1, 1]
