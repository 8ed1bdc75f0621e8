"""My account > Sessions: where one is signed in, and ending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from provisioning import account_life
from provisioning.changes import Actor
from provisioning.devices import device
from provisioning.models import Session
from provisioning.roles import signed_in
from provisioning.views.security import person_of


@dataclass(frozen=True, slots=True)
class Row:
    """One session as its person sees it."""

    public_id: str
    device: str
    address: str
    signed_in_at: datetime | None
    last_seen_at: datetime | None
    is_this: bool


@signed_in
@never_cache
@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    """The person's own, this one first, then by when they were last seen."""
    own = account_life.sessions_of(person_of(request), timezone.now())
    rows = [_row(session, request) for session in own]
    rows.sort(key=lambda row: not row.is_this)
    return render(request, "provisioning/sessions.html", {"sessions": rows, "others": len(rows) > 1})


def _row(session: Session, request: HttpRequest) -> Row:
    return Row(
        public_id=session.public_id, device=device(session.user_agent), address=session.address or "",
        signed_in_at=session.signed_in_at, last_seen_at=session.last_seen_at,
        is_this=session.session_key == request.session.session_key,
    )  # fmt: skip


@signed_in
@never_cache
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """`session` names one; `others` is all but this one, which is ended by signing out."""
    user, actor, key = person_of(request), Actor.of_request(request), request.session.session_key or ""
    if "others" in request.POST:
        ended = account_life.end_other_sessions(user, key, actor)
        messages.success(request, _("Ended: %(count)d.") % {"count": ended})
        return redirect("sessions")
    found = next(
        (one for one in account_life.sessions_of(user, timezone.now()) if one.public_id == request.POST.get("session")),
        None,
    )
    if found is None or found.session_key == key:
        messages.info(request, _("That session has ended already."))
        return redirect("sessions")
    account_life.end_session(user, found, actor)
    messages.success(request, _("The session was ended."))
    return redirect("sessions")
