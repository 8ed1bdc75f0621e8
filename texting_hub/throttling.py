"""Rate limits for the API and for pages: one mechanism (DRF's), counted in the cache, per person or address."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView


class _PersonOrAddress(SimpleRateThrottle):
    """Counts by user when signed in, otherwise by the address of the request; one counter a minute.

    DRF keeps a list of every request's time and writes it back whole with each: at 6,000 a minute that is 50 kilobytes
    for every text that a client sends. A counter lets through twice the rate around the turn of a minute at most.
    """

    num_requests: int
    duration: int

    def allow_request(self, request: Request | HttpRequest, view: APIView | None) -> bool:
        """Count the request. False: it is one too many."""
        if self.rate is None:
            return True
        self.now = self.timer()
        key = self.get_cache_key(request, view)
        counted: int = cast(Any, self.cache).count(f"{key}:{int(self.now // self.duration)}", 2 * self.duration)
        return counted <= self.num_requests

    def wait(self) -> float:
        """Seconds until the next counter begins."""
        return float(self.duration - self.now % self.duration)

    def get_cache_key(self, request: Request | HttpRequest, view: APIView | None) -> str:
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            ident = str(user.pk)
        else:
            ident = self.get_ident(cast(Request, request)) or ""
        return self.cache_format % {"scope": self.scope, "ident": ident}


class ApiThrottle(_PersonOrAddress):
    scope = "api"


class PageThrottle(_PersonOrAddress):
    scope = "page"


class SignInThrottle(_PersonOrAddress):
    scope = "sign_in"


class PageThrottleMiddleware:
    """429 with a sentence for a client that posts to pages faster than a person could."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and not request.path.startswith(("/api/", "/webhooks/")):
            throttle = SignInThrottle() if request.path.startswith("/sign-in") else PageThrottle()
            if not throttle.allow_request(cast(Any, request), cast(Any, None)):
                return self._refuse(request, throttle.wait())
        return self.get_response(request)

    def _refuse(self, request: HttpRequest, seconds: float | None) -> HttpResponse:
        response = render(request, "texting_hub/too_many_requests.html", status=429)
        response["Retry-After"] = str(int(seconds or 60) + 1)
        return response
