"""A cache that forgets rather than fails: without Redis, rate limits stand still and pages still answer."""

from __future__ import annotations

from typing import Any, cast

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)


class _KeptClients(RedisCacheClient):
    """One client a server: Django makes one for every call, which takes longer than the call."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clients: dict[int, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        base: Any = super()
        pool = base._get_connection_pool(write)
        client = self._clients.get(id(pool))
        if client is None:
            client = self._clients[id(pool)] = base.get_client(key, write=write)
        return client


class LocalCache(LocMemCache):
    """This process's own, without Redis."""

    def count(self, key: Any, seconds: int) -> int:
        """As ForgivingRedisCache.count."""
        return 1 if self.add(key, 1, seconds) else self.incr(key)


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache, with every Redis error turned into a miss."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _KeptClients

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except RedisError as error:
            logger.warning("cache_unavailable", error=type(error).__name__)
            return default

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        try:
            super().set(key, value, *args, **kwargs)
        except RedisError as error:
            logger.warning("cache_unavailable", error=type(error).__name__)

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        """True without Redis: whoever asks to be the first is."""
        try:
            return bool(super().add(key, value, *args, **kwargs))
        except RedisError as error:
            logger.warning("cache_unavailable", error=type(error).__name__)
            return True

    def delete(self, key: Any, version: int | None = None) -> bool:
        try:
            return bool(super().delete(key, version))
        except RedisError as error:
            logger.warning("cache_unavailable", error=type(error).__name__)
            return False

    def count(self, key: Any, seconds: int) -> int:
        """One more under this key, which ends so many seconds after its first; how many it is now.

        One exchange, and one more for the first. 1 without Redis, as for `incr`.
        """
        full = self.make_and_validate_key(key)
        try:
            client = cast(Any, self)._cache.get_client(full, write=True)
            counted = int(client.incr(full))
            if counted == 1:
                client.expire(full, seconds)
        except RedisError as error:
            logger.warning("cache_unavailable", error=type(error).__name__)
            return 1
        return counted

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """As if it were the first without Redis: nobody is refused for what can't be counted."""
        try:
            return int(super().incr(key, delta, version))
        except RedisError as error:
            logger.warning("cache_unavailable", error=type(error).__name__)
            return delta
