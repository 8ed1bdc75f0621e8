"""How many requests one uvicorn works on at once: as many as it has threads, each with a database connection it keeps.

Left to itself Django gives every request under ASGI a thread of its own, and with it a connection that nobody uses
again: a hundred receipts at once took all that Postgres has, from the workers too. Here requests take one of a few
places, which are used again, and stand in line meanwhile.

A request takes its place when its body is there, so that a slow sender holds none up, and gives it back when it is
answered; the live stream does so as soon as it stands (live_reads.py). Who finds no place for PATIENCE seconds is told
to come again: carriers do. `/healthz` needs none: a process in a crowd is alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

import structlog
from asgiref.sync import ThreadSensitiveContext
from django.http import HttpResponse
from django.utils.translation import gettext as _

from texting_hub.api import problem_response
from texting_hub.bodies import Application, Message, Receive, Scope, Send

P = ParamSpec("P")
T = TypeVar("T")
logger = structlog.get_logger(__name__)

PATIENCE: Final = 5.0
"""Less than carriers wait for an answer (Bandwidth 10 seconds, Twilio 15)."""
NEEDS_NONE: Final = "/healthz"
Threads = asyncio.LifoQueue[ThreadPoolExecutor]
"""Those that are free; the one used last is taken first, so that few connections stay open when little is to do."""


class Crowded(Exception):  # noqa: N818
    """No place became free in time."""


class Place(Executor):
    """The thread in which everything synchronous of one request happens, once it has one."""

    def __init__(self, free: Threads, patience: float) -> None:
        self._free, self._patience = free, patience
        self._thread: ThreadPoolExecutor | None = None

    async def take(self) -> None:
        """Wait for a thread. Raises Crowded."""
        try:
            self._thread = await asyncio.wait_for(self._free.get(), self._patience)
        except TimeoutError:
            raise Crowded from None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        assert self._thread is not None
        return self._thread.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give the thread back; it is for the next request. Once."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._free.put_nowait(thread)


def placed(application: Application, places: int, patience: float = PATIENCE) -> Application:
    """The ASGI application, working on so many requests at once."""
    free: Threads = asyncio.LifoQueue()
    for _place in range(places):
        free.put_nowait(ThreadPoolExecutor(max_workers=1, thread_name_prefix="request"))

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == NEEDS_NONE:
            await application(scope, receive, send)
            return
        place = Place(free, patience)
        try:
            async with ThreadSensitiveContext(executor=place):
                await application(scope, _then(receive, place), send)
        except Crowded:
            logger.warning("request_found_no_place", path=scope["path"])
            await _refuse(scope, send)
        finally:
            place.shutdown()

    return serve


def _then(receive: Receive, place: Place) -> Receive:
    """`receive`, which waits for the place before it says that the body is over."""
    over = False

    async def read() -> Message:
        nonlocal over
        message = await receive()
        if not over and message["type"] == "http.request" and not message.get("more_body", False):
            over = True
            await place.take()
        return message

    return read


async def _refuse(scope: Scope, send: Send) -> None:
    sentence = _("Too much is going on here. Try again in some seconds.")
    if scope["path"].startswith(("/api/", "/webhooks/")):
        answer = problem_response(503, "busy", sentence)
    else:
        answer = HttpResponse(sentence, status=503, content_type="text/plain; charset=utf-8")
    headers = {**answer.headers, "Content-Length": str(len(answer.content)), "Retry-After": "5"}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": raw})
    await send({"type": "http.response.body", "body": answer.content})
