"""Requests of programs, which bring a bearer token to the API, go straight to its view.

Sessions, cookies, CSRF, messages, stages of a sign-in and pages' rate limits are about browsers. For a token's request
they come to nothing, which takes longer than to authenticate it.

What must never happen:
1. Something answers here that relied on the browsers' half. So only addresses of the API get here: each is a DRF view
   that declares who may ask (tests/test_architecture.py), and a bearer token is the first thing any of them looks at:
   it counts or it is refused, whatever cookies came along.
2. What holds for every request is left out: the host, the language, the size of the body, headers that tell a browser
   what it may do with the answer. All of that is done below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import translation

from provisioning.tokens import is_presented
from texting_hub.bodies import LargeBodies

ADDRESSES: Final = "/api/v1/"
HEADERS: Final = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Vary": "Accept-Language",
}


class Programs:
    """Middleware: what comes after it is for browsers alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._of_api: Any = convert_exception_to_response(LargeBodies(_answer))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not (request.path_info.startswith(ADDRESSES) and is_presented(request)):
            return self.get_response(request)
        request.get_host()
        translation.activate(translation.get_language_from_request(request))
        response: HttpResponse = self._of_api(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Language"] = translation.get_language()
        if not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


def _answer(request: HttpRequest) -> HttpResponse:
    """As Django's own handler does it, without hooks of middleware."""
    request.resolver_match = found = resolve(request.path_info)
    response: Any = found.func(request, *found.args, **found.kwargs)
    return response.render() if hasattr(response, "render") else response  # type: ignore[no-any-return]
