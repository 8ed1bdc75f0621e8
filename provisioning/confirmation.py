"""A recent proof that the person before the screen is the one who signed in: asked for before sensitive changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, Final, ParamSpec
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from provisioning.second_factor_gate import is_missing
from provisioning.session_store import signed_in_at

P = ParamSpec("P")
LASTS: Final = timedelta(minutes=10)
_AT: Final = "confirmed_at"


def note(request: HttpRequest, now: datetime) -> None:
    """The person has just proven it again."""
    request.session[_AT] = now.isoformat()


def is_recent(request: HttpRequest, now: datetime) -> bool:
    """Whether the person signed in, or confirmed, within the last ten minutes."""
    noted = parse_datetime(request.session.get(_AT, ""))
    latest = max(filter(None, (noted, signed_in_at(request))), default=None)
    return latest is not None and now - latest < LASTS


def confirmed(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A page that asks for a recent proof first, and is come back to after it."""

    @wraps(view)
    def asked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if is_recent(request, timezone.now()):
            return view(request, *args, **kwargs)
        back = reverse("security") if request.method == "POST" and not is_missing(request) else request.path
        return redirect(f"{reverse('confirm')}?{urlencode({'next': back})}")

    return asked
