"""One uvicorn works on so many requests at once, each with one database connection; the others stand in line."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import connection, connections
from django.http import HttpRequest, StreamingHttpResponse

from messaging.models import Receipt
from provisioning.models import User
from tests import factories
from tests.messaging.carrier_events import account_of, receipt_event, signature
from texting_hub.bodies import bounded
from texting_hub.live_reads import leave_request_thread
from texting_hub.places import placed

PLACES = 3


class Crowd:
    """An application whose requests stay in their threads until they are let out."""

    def __init__(self, patience: float = 30) -> None:
        self.inside, self.most = set[int](), 0
        self.full, self.out = threading.Event(), threading.Event()
        self.application = placed(self._answer, PLACES, patience)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await sync_to_async(self._work)(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    def _work(self, path: str) -> None:
        if path == "/healthz":
            return
        assert threading.get_ident() not in self.inside
        self.inside.add(threading.get_ident())
        self.most = max(self.most, len(self.inside))
        if len(self.inside) == PLACES:
            self.full.set()
        assert self.out.wait(30)
        self.inside.discard(threading.get_ident())

    async def is_full(self) -> None:
        assert await asyncio.to_thread(self.full.wait, 30)


def client(application: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://127.0.0.1")


async def test_as_many_at_once_as_there_are_places_and_all_are_answered() -> None:
    crowd = Crowd()
    async with client(crowd.application) as browser:
        asked = [asyncio.create_task(browser.get("/")) for _request in range(4 * PLACES)]
        await crowd.is_full()
        assert not any(request.done() for request in asked)
        crowd.out.set()
        answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [200] * 4 * PLACES
    assert crowd.most == PLACES


@pytest.mark.parametrize("path", ["/webhooks/1/", "/api/v1/me", "/inbox/"])
async def test_who_finds_no_place_is_told_to_come_again(path: str) -> None:
    crowd = Crowd(patience=0.01)
    async with client(crowd.application) as browser:
        asked = [asyncio.create_task(browser.get("/")) for _request in range(PLACES)]
        await crowd.is_full()
        answer = await browser.post(path, content=b"{}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "Try again" in answer.text
        if not path.startswith("/inbox"):
            assert answer.json()["code"] == "busy"
        assert (await browser.get("/healthz")).status_code == 200
        crowd.out.set()
        assert [(await request).status_code for request in asked] == [200] * PLACES
        assert (await browser.get(path)).status_code == 200


async def test_a_body_that_comes_slowly_holds_no_place_up() -> None:
    crowd, arrived = Crowd(), asyncio.Event()
    crowd.out.set()

    async with client(crowd.application) as browser:
        scope: dict[str, Any] = {"type": "http", "path": "/", "headers": []}
        slow = [asyncio.create_task(_send_slowly(crowd.application, scope, arrived)) for _request in range(PLACES)]
        assert (await browser.get("/")).status_code == 200
        arrived.set()
        assert await asyncio.gather(*slow) == [200] * PLACES


async def _send_slowly(application: Callable[..., Awaitable[None]], scope: dict[str, Any], end: asyncio.Event) -> int:
    pieces, status = [True, False], 0

    async def receive() -> dict[str, Any]:
        more = pieces.pop(0)
        if not more:
            await end.wait()
        return {"type": "http.request", "body": b"x", "more_body": more}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await application(dict(scope), receive, send)
    return status


async def test_a_stream_gives_its_place_back_and_leaves_nobody_elses_thread() -> None:
    """Every place would be taken for ever by as many open browsers."""
    ends = asyncio.Event()
    threads: list[int] = []

    async def events() -> AsyncIterator[bytes]:
        await leave_request_thread()
        yield b": here\n\n"
        await ends.wait()

    async def view(_request: HttpRequest) -> StreamingHttpResponse:
        threads.append(await sync_to_async(threading.get_ident)())
        return StreamingHttpResponse(events(), content_type="text/event-stream")

    handler = ASGIHandler()
    handler._middleware_chain = view
    application = placed(handler, 1)
    stood = [asyncio.Event() for _stream in range(2)]
    streams = [asyncio.create_task(_listen(application, event)) for event in stood]
    for event in stood:
        await asyncio.wait_for(event.wait(), 30)
    assert len(set(threads)) == 1, "the second stream was given the place of the first"
    ends.set()
    await asyncio.gather(*streams)


async def _listen(application: Callable[..., Awaitable[None]], stands: asyncio.Event) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/live/",
        "headers": [(b"host", b"127.0.0.1")],
        "query_string": b"",
    }
    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked > 1:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message.get("body") == b": here\n\n":
            stands.set()

    await application(scope, receive, send)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite counts no connections")
def test_receipts_at_once_take_no_more_connections_than_there_are_places(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The threads of the places outlive the test, whose database must have nobody connected at its end.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    account = account_of(user.primary_number)
    conversation = factories.ConversationFactory(user=user)
    texts = [
        factories.MessageFactory(conversation=conversation, status="sent", carrier_account=account)
        for _text in range(25)
    ]  # fmt: skip
    before, most, over = connected(), [0], threading.Event()
    watching = threading.Thread(target=_count_connections, args=(most, over))
    application = bounded(placed(ASGIHandler(), PLACES))
    watching.start()
    try:
        codes = asyncio.run(_post(application, account, [receipt_event(text, "delivered") for text in texts]))
    finally:
        over.set()
        watching.join()
    assert codes == [200] * len(texts)
    assert Receipt.objects.count() == len(texts)
    # Each place's and the watcher's; and, as they don't stay in this test, those that Postgres has not ended yet.
    assert most[0] - before <= 2 * PLACES + 1


def connected() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def _count_connections(most: list[int], over: threading.Event) -> None:
    try:
        while not over.is_set():
            most[0] = max(most[0], connected())
    finally:
        connection.close()


async def _post(application: Any, account: Any, events: list[dict[str, Any]]) -> list[int]:
    async with client(application) as carrier:
        answers = await asyncio.gather(*[_post_one(carrier, account, event) for event in events])
    return [answer.status_code for answer in answers]


async def _post_one(carrier: httpx.AsyncClient, account: Any, event: dict[str, Any]) -> httpx.Response:
    body = json.dumps(event).encode()
    headers = {"Content-Type": "application/json", **signature(body)}
    return await carrier.post(f"/webhooks/{account.pk}/", content=body, headers=headers)
