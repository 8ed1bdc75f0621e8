"""The session engine: Django's own in the database, whose rows say whose session it is and when it was last seen.

Reading a session costs the one query that it always cost. It is written once more when it was not seen for SEEN_EVERY.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from provisioning.models import Session, User

SEEN_EVERY: Final = timedelta(minutes=5)
"""How exact `last_seen_at` is."""
_ABOUT: Final = "signed_in"


def note_sign_in(request: HttpRequest, user: User) -> None:
    """Remember from where this session was opened; saved with the session."""
    request.session[_ABOUT] = {
        "organization": str(user.organization_id) if user.organization_id else None,
        "address": request.META.get("REMOTE_ADDR") or None,
        "user_agent": request.headers.get("User-Agent", "").replace("\0", "")[:300],
        "at": timezone.now().isoformat(),
    }


def signed_in_at(request: HttpRequest) -> datetime | None:
    """When this session was opened."""
    return parse_datetime(request.session.get(_ABOUT, {}).get("at", ""))


class SessionStore(DatabaseStore):
    """Django's database sessions in our table."""

    @classmethod
    def get_model_class(cls) -> Any:
        return Session

    def load(self) -> dict[str, Any]:
        """The content; notes that the session is in use."""
        session: Any = self._get_session_from_db()  # type: ignore[attr-defined]  # Django's own, not in its stubs
        if session is None:
            return {}
        _touch(session, timezone.now())
        content: dict[str, Any] = self.decode(session.session_data)
        return content

    async def aload(self) -> dict[str, Any]:
        session: Any = await self._aget_session_from_db()  # type: ignore[attr-defined]
        return self.decode(session.session_data) if session is not None else {}

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        return _described(super().create_model_instance(data), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        return _described(await super().acreate_model_instance(data), data)


def _described(session: Any, content: dict[str, Any]) -> Any:
    """The row with its own columns filled in from the content."""
    about = content.get(_ABOUT) or {}
    user_id = content.get(SESSION_KEY)
    session.user_id = uuid.UUID(user_id) if user_id else None
    if user_id:
        session.organization_id = uuid.UUID(about["organization"]) if about.get("organization") else None
        session.address, session.user_agent = about.get("address"), about.get("user_agent", "")
        session.signed_in_at = parse_datetime(about.get("at", ""))
    session.last_seen_at = timezone.now()
    return session


def _touch(session: Any, now: datetime) -> None:
    if session.last_seen_at is None or session.last_seen_at > now - SEEN_EVERY:
        return
    stale = Session.objects.filter(pk=session.pk, last_seen_at=session.last_seen_at)
    stale.update(last_seen_at=now)
