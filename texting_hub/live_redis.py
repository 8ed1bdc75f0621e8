"""Redis, both ends of the live stream: `publish()` for whoever writes, `Exchange` for the process that streams.

Pub/sub only shortens the wait. Nothing is lost with it: streams read the database again whenever the subscription
was away, so publishing may fail quietly and must never slow down the write that caused it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import orjson
import redis
import redis.asyncio
import structlog
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = structlog.get_logger(__name__)

News = tuple[str, str, Mapping[str, str]]
"""A channel, an event, and the ids it is about."""

PREFIX = "live:"
CONVERSATION = "conversation"
STANDING = "standing"

PUBLISH_TIMEOUT_SECONDS = 0.5
SILENCE_AFTER_FAILURE_SECONDS = 5.0
"""After a failure nobody tries for this long: a hanging Redis costs one write half a second, not every write."""

RECONNECT_SECONDS = 2.0
PING_SECONDS = 15.0


def user_channel(user_id: uuid.UUID | str) -> str:
    """What concerns one user."""
    return f"{PREFIX}{user_id}"


def organization_channel(organization_id: uuid.UUID | str) -> str:
    """What concerns everyone of an organization."""
    return f"{PREFIX}org:{organization_id}"


class Publisher:
    """Tells streams of any process that something changed. Never raises."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_connect_timeout=PUBLISH_TIMEOUT_SECONDS,
            socket_timeout=PUBLISH_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._silent_until = 0.0

    def publish(self, channel: str, event: str, **ids: str) -> None:
        """Ids only: a body never travels here."""
        self.publish_all([(channel, event, ids)])

    def publish_all(self, news: Sequence[News]) -> None:
        """All of it in one exchange."""
        if time.monotonic() < self._silent_until:
            return
        try:
            if len(news) == 1:
                self._redis.publish(*_told(*news[0]))
                return
            with self._redis.pipeline(transaction=False) as pipeline:
                for one in news:
                    pipeline.publish(*_told(*one))
                pipeline.execute()
        except (RedisError, OSError) as error:
            self._silent_until = time.monotonic() + SILENCE_AFTER_FAILURE_SECONDS
            logger.warning("live_publish_failed", error=type(error).__name__)


def _told(channel: str, event: str, ids: Mapping[str, str]) -> tuple[str, bytes]:
    return channel, orjson.dumps({"event": event, **ids})


@cache
def _publisher(url: str) -> Publisher:
    return Publisher(url)


def publish(channel: str, event: str, **ids: str) -> None:
    """`Publisher.publish` through this process's one publisher; nothing without Redis."""
    publish_all([(channel, event, ids)])


def publish_all(news: Sequence[News]) -> None:
    """`Publisher.publish_all` through this process's one publisher; nothing without Redis."""
    if settings.REDIS_URL and news:
        _publisher(settings.REDIS_URL).publish_all(news)


class Mailbox:
    """What one stream has not looked at yet. It holds each conversation once, so a slow reader never piles up."""

    def __init__(self) -> None:
        self.conversations: dict[str, str] = {}
        self.standing = False
        self.missed = False
        self._woken = asyncio.Event()

    def put(self, message: dict[str, Any]) -> None:
        if message.get("event") == CONVERSATION:
            self.conversations[str(message["id"])] = str(message["changed_at"])
        else:
            self.standing = True
        self._woken.set()

    def miss(self) -> None:
        """The subscription was away: only the database knows what happened."""
        self.missed = True
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Until something arrives, or the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    def take(self) -> tuple[dict[str, str], bool, bool]:
        """Everything since the last look: conversations with their times, standing, missed."""
        taken = (self.conversations, self.standing, self.missed)
        self.conversations, self.standing, self.missed = {}, False, False
        self._woken.clear()
        return taken


class Exchange:
    """One Redis subscription a process, shared by all its streams; it lives while there is a stream.

    It subscribes to every channel by pattern and sorts in memory: one connection, however many people look on.
    """

    def __init__(self, url: str) -> None:
        self.connected = False
        self._url = url
        self._mailboxes: defaultdict[str, set[Mailbox]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None

    def count(self, channel: str) -> int:
        """How many streams listen to a channel."""
        return len(self._mailboxes.get(channel, ()))

    @contextlib.contextmanager
    def mailbox(self, *channels: str) -> Iterator[Mailbox]:
        """A mailbox for these channels, for as long as the block runs."""
        mailbox = Mailbox()
        for channel in channels:
            self._mailboxes[channel].add(mailbox)
        if self._reader is None and self._url:
            self._reader = asyncio.create_task(self._read())
        try:
            yield mailbox
        finally:
            self._leave(mailbox, channels)

    def _leave(self, mailbox: Mailbox, channels: tuple[str, ...]) -> None:
        for channel in channels:
            self._mailboxes[channel].discard(mailbox)
            if not self._mailboxes[channel]:
                del self._mailboxes[channel]
        if not self._mailboxes and self._reader is not None:
            self._reader.cancel()
            self._reader = None
            self.connected = False

    async def _read(self) -> None:
        """Subscribe, pass on, and after every failure try again."""
        while True:
            try:
                await self._pass_on()
            except (RedisError, OSError) as error:
                logger.warning("live_subscription_lost", error=type(error).__name__)
            self._switch(connected=False)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _pass_on(self) -> None:
        client = redis.asyncio.Redis.from_url(
            self._url, socket_connect_timeout=2, socket_timeout=5, retry=AsyncRetry(NoBackoff(), 0)
        )
        async with client, client.pubsub() as subscription:
            await subscription.psubscribe(f"{PREFIX}*")
            pinged = False
            while True:
                message = await subscription.get_message(timeout=PING_SECONDS)
                if message is None and pinged:
                    raise redis.exceptions.TimeoutError  # a link that is cut without a word is noticed by its silence
                pinged = message is None
                if message is None:
                    await subscription.ping()
                elif message["type"] == "psubscribe":
                    self._switch(connected=True)
                elif message["type"] == "pmessage":
                    self._deliver(message["channel"].decode(), message["data"])

    def _deliver(self, channel: str, payload: bytes) -> None:
        mailboxes = self._mailboxes.get(channel)
        if mailboxes:
            message = orjson.loads(payload)
            for mailbox in mailboxes:
                mailbox.put(message)

    def _switch(self, *, connected: bool) -> None:
        """Either way something may have been missed, and streams have to know how to wait from now on."""
        if self.connected == connected:
            return
        self.connected = connected
        for mailboxes in self._mailboxes.values():
            for mailbox in mailboxes:
                mailbox.miss()


_exchanges: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Exchange]] = WeakKeyDictionary()


def exchange() -> Exchange:
    """This process's exchange (one for each event loop)."""
    of_loop = _exchanges.setdefault(asyncio.get_running_loop(), {})
    return of_loop.setdefault(settings.REDIS_URL, Exchange(settings.REDIS_URL))
