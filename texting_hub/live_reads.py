"""What a live stream asks the database: short, in a thread of the pool, and the connection is given back at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from importlib import import_module
from typing import ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import connections
from django.http import HttpRequest

from messaging.changes import ConversationChange
from messaging.inbox import changed_since
from provisioning.eligibility import standings
from provisioning.models import PhoneNumber, User
from provisioning.roles import assignments_of

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens: the user and the session that vouches for them."""

    user_id: uuid.UUID
    organization_id: uuid.UUID
    session_key: str


@dataclass(frozen=True, slots=True)
class Look:
    """One look: is the session still good; what opens and closes composers: the user's standing, and their number;
    what opens and closes pages: the user's roles."""

    alive: bool
    standing: str
    roles: str = ""


def _gives_back(read: Callable[P, T]) -> Callable[P, T]:
    """No stream keeps a connection between looks, whatever CONN_MAX_AGE says: streams outnumber connections."""

    @wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        finally:
            connections.close_all()

    return reading


@_gives_back
def _look(listener: Listener) -> Look:
    user = _user_of_session(listener.session_key)
    if user is None or user.pk != listener.user_id:
        return Look(alive=False, standing="")
    number_id = PhoneNumber.objects.filter(user_id=user.pk).values_list("pk", flat=True).first()
    roles = sorted(f"{held.role} {held.location_id or ''}" for held in assignments_of(user))
    standing = f"{standings([user.pk])[user.pk].code} {number_id or ''}"
    return Look(alive=True, standing=standing, roles=", ".join(roles))


def _user_of_session(session_key: str) -> User | None:
    """The active user of a session that has not ended; Django's own checks, password change included."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None


@_gives_back
def _changes(user_id: uuid.UUID, since: datetime, limit: int) -> list[ConversationChange]:
    return changed_since(user_id, since, limit)


look = sync_to_async(_look, thread_sensitive=False)
changes = sync_to_async(_changes, thread_sensitive=False)
_close_connections = sync_to_async(connections.close_all, thread_sensitive=True)


async def leave_request_thread() -> None:
    """Give back the thread in which the middleware ran, and its connection: they would idle as long as the stream.

    Django keeps one for each request (ThreadSensitiveContext). The next synchronous call of the request, when its
    response is closed, is given a new one.
    """
    await _close_connections()
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context is not None else None
    if executor is not None:
        executor.shutdown(wait=False)
