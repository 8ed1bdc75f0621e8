"""Whoever needs a second factor gets nowhere without one: pages by the middleware, the API by its permission class.

A session shows it once, at sign-in or when the factor is set up, and remembers; so a request costs no query more.
Deliberately outside: public pages, signing out, and the pages on which a factor is set up or shown.
API tokens are not sessions: their user made them, and revokes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRedirect

from provisioning import demonstration
from provisioning.account_life import has_second_factor, needs_second_factor

SHOWN: Final = "second_factor_shown"
ALWAYS: Final = frozenset({"sign_out", "confirm", "confirm_options"})
SETTING_UP: Final = frozenset({"second_factor_setup", "add_authenticator", "add_passkey", "add_passkey_options"})
"""For who has no second factor. Who has one shows that, and can't get around it by setting up another."""


def note_shown(request: HttpRequest) -> None:
    """This session has shown a second factor."""
    request.session[SHOWN] = True


def was_shown(request: HttpRequest) -> bool:
    return bool(request.session.get(SHOWN))


def is_missing(request: HttpRequest) -> bool:
    """Whether this session still owes a second factor. The session is asked first, then roles (read once a request)."""
    user: Any = request.user
    if not settings.SECOND_FACTOR_REQUIRED or not user.is_authenticated or was_shown(request):
        return False
    return needs_second_factor(user) and not demonstration.is_exempt(user)


class SecondFactorMiddleware:
    """To the set-up page, and nowhere else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        name = request.resolver_match.view_name if request.resolver_match is not None else ""
        if getattr(view, "access", "undeclared") is None or name in ALWAYS or request.path.startswith("/api/v1/"):
            return None
        if not is_missing(request):
            return None
        has_one = has_second_factor(_user(request))
        if not has_one and name in SETTING_UP:
            return None
        answer = redirect("confirm" if has_one else "second_factor_setup")
        return HttpResponseClientRedirect(answer["Location"]) if getattr(request, "htmx", False) else answer


def _user(request: HttpRequest) -> Any:
    return request.user
