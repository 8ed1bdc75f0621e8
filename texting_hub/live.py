"""The live stream: what changes in a person's inbox reaches the open page without reload (server-sent events).

What must hold:
- Only ids and times travel. The page fetches what it shows from ordinary views, where permissions are checked again.
- Nothing is missed. Redis only wakes streams up; each wake-up that may have been lost (a reconnect of the browser, a
  break of the subscription, the minute's round) is made good by reading conversations changed since the last look,
  minus OVERLAP for transactions that committed late. Without Redis the stream reads every POLL seconds instead.
- An idle stream holds no thread, no database connection and no transaction: every look is short and gives its
  connection back.
- A stream ends when its session ends: sign-out, expiry, another password, deactivation. It is checked each minute,
  and at once when something about the user was changed.

Events: `hello` (the stream stands; sent on every connection), `conversation` {"id", "changed_at"}, `standing` (the
user's being able to send changed), `roles` (so did the pages there are for the user), `resync` (too much changed to
list it), `signed_out` (last one). The `id:` of an event is the time up to which its receiver knows everything; browsers
repeat it as Last-Event-ID.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from messaging.changes import ConversationChange
from provisioning.roles import signed_in
from texting_hub.live_reads import Listener, Look, changes, leave_request_thread, look
from texting_hub.live_redis import Exchange, Mailbox, exchange, organization_channel, user_channel

OVERLAP = timedelta(seconds=10)
STREAMS_PER_USER = 12
REPLAY_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between heartbeats, between rounds (session, standing, missed), and between reads without Redis."""

    heartbeat: float = 15.0
    round: float = 60.0
    poll: float = 2.0


@signed_in  # type: ignore[arg-type]  # a coroutine function; the decorator only marks it
@require_GET
async def stream(request: HttpRequest) -> HttpResponseBase:
    """One browser's stream. 503 without an ASGI server, 429 above STREAMS_PER_USER: pages then ask by themselves."""
    user: Any = await request.auser()
    if user.organization_id is None:
        raise PermissionDenied
    if not isinstance(request, ASGIRequest):
        return _refusal(503, _("The live stream needs an ASGI server. Pages ask for news by themselves meanwhile."))
    if exchange().count(user_channel(user.pk)) >= STREAMS_PER_USER:
        return _refusal(429, _("Too many live streams are open for this user. Close a browser, then reload."))
    listener = Listener(user.pk, user.organization_id, request.session.session_key or "")
    response = StreamingHttpResponse(
        Stream(listener, exchange(), since=_since(request)).events(), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


def _refusal(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")


def _since(request: HttpRequest) -> datetime | None:
    """From when on the browser knows nothing: Last-Event-ID on a reconnect, ?since= on a first connection."""
    given = request.headers.get("Last-Event-ID") or request.GET.get("since", "")
    try:
        moment = parse_datetime(given)
    except ValueError:
        return None
    if moment is None or timezone.is_naive(moment):
        return None
    return min(moment, timezone.now())


@dataclass
class Stream:
    """One open stream. `events()` is its whole life."""

    listener: Listener
    exchange: Exchange
    since: datetime | None = None
    pace: Pace = field(default_factory=Pace)
    _covered: datetime = field(init=False)
    _seen: Look | None = field(init=False, default=None)
    _told: dict[str, str] = field(init=False, default_factory=dict)
    _next_round: float = field(init=False, default=0.0)
    _ended: bool = field(init=False, default=False)

    async def events(self) -> AsyncIterator[bytes]:
        """Server-sent events until the session ends or the browser goes away."""
        await leave_request_thread()
        listener = self.listener
        channels = user_channel(listener.user_id), organization_channel(listener.organization_id)
        with self.exchange.mailbox(*channels) as mailbox:
            self._covered = self.since or timezone.now()
            # Looked at before `hello`: what the page fetches after it is at least as new, and a later change is told.
            for event in [*self._judge(await look(self.listener)), _event("hello", self._covered)]:
                yield event
            async for event in self._catch_up():
                yield event
            async for event in self._follow(mailbox):
                yield event

    async def _follow(self, mailbox: Mailbox) -> AsyncIterator[bytes]:
        while not self._ended:
            await mailbox.wait(self.pace.heartbeat if self.exchange.connected else self.pace.poll)
            conversations, standing, missed = mailbox.take()
            due = time.monotonic() >= self._next_round or not self.exchange.connected
            # First what may have been missed: an event's id must never claim more than was told.
            if missed or due:
                async for event in self._catch_up():
                    yield event
            for identifier, changed_at in conversations.items():
                yield self._tell(identifier, changed_at)
            if standing or due:
                for event in self._judge(await look(self.listener)):
                    yield event
            yield b": still here\n\n"

    async def _catch_up(self) -> AsyncIterator[bytes]:
        """What changed since the last look, told once each."""
        began = timezone.now()
        found = await changes(self.listener.user_id, self._covered - OVERLAP, REPLAY_LIMIT + 1)
        self._covered = began
        if len(found) > REPLAY_LIMIT:
            yield _event("resync", began)
            return
        for change in found:
            if self._told.get(str(change.conversation_id)) != change.changed_at.isoformat():
                yield self._tell(str(change.conversation_id), change.changed_at.isoformat())
        self._forget(found)

    def _tell(self, identifier: str, changed_at: str) -> bytes:
        self._told[identifier] = changed_at
        moment = datetime.fromisoformat(changed_at)
        return _event("conversation", moment, {"id": identifier, "changed_at": changed_at})

    def _forget(self, found: list[ConversationChange]) -> None:
        """Only what the next look may find again has to be remembered."""
        self._told = {str(change.conversation_id): change.changed_at.isoformat() for change in found}

    def _judge(self, seen: Look) -> list[bytes]:
        """The events that follow from a look."""
        self._next_round = time.monotonic() + self.pace.round
        if not seen.alive:
            self._ended = True
            return [_event("signed_out", timezone.now())]
        before, self._seen = self._seen, seen
        if before is None:
            return []
        changed = {"standing": before.standing != seen.standing, "roles": before.roles != seen.roles}
        return [_event(name, timezone.now()) for name in changed if changed[name]]


def _event(name: str, moment: datetime, data: dict[str, str] | None = None) -> bytes:
    lines = (
        f"id: {moment.astimezone(UTC).isoformat()}",
        f"event: {name}",
        f"data: {orjson.dumps(data or {}).decode()}",
    )
    return ("\n".join(lines) + "\n\n").encode()
