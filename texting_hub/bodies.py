"""How much a request may bring: no body is larger than the largest file anything here takes, in memory or on disk.

Django's ASGI handler reads a whole body (to disk, when it is large) before any of our code sees the request, and a form
with a file is read before its page is asked. So both are bounded in front: a body whose Content-Length is too large is
not read at all, and one that says nothing of its length is read no further than the limit. The answer is 413, with a
sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from texting_hub.api import problem_response

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

CUT_OFF: Final = "texting_hub.body_cut_off"
"""Set in the ASGI scope of a request whose body was too large to be read to its end."""
_EMPTY: Final = {"type": "http.request", "body": b"", "more_body": False}


class LargeBodies:
    """Middleware: 413 before anything reads the body. It stands where a page can be rendered, and reads headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        cut_off = CUT_OFF in getattr(request, "scope", {})
        if cut_off or _length(request.META.get("CONTENT_LENGTH") or "") > settings.LARGEST_BODY:
            return _too_large(request)
        return self.get_response(request)


def _length(said: str) -> int:
    """What the header says; no length, or nonsense, is for Django to refuse."""
    digits = said.strip()
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return int(digits[:20])


def _too_large(request: HttpRequest) -> HttpResponse:
    words = {"size": settings.LARGEST_BODY // 1024 // 1024}
    sentence = _(
        "This is larger than %(size)s MB, more than anything here takes. "
        "Split a CSV file into smaller ones of at most 20,000 rows each."
    ) % words  # fmt: skip
    if request.path.startswith("/api/"):
        return problem_response(413, "too_large", sentence)
    context = {"sentence": sentence, "code": "too_large", "status": 413, "request_id": ""}
    return render(request, "texting_hub/error.html", context, status=413)


def bounded(application: Application) -> Application:
    """The ASGI application, with bodies that end at the limit."""

    async def bound(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        headers = dict(scope.get("headers", ()))
        if _length(headers.get(b"content-length", b"").decode("latin-1")) > settings.LARGEST_BODY:
            scope[CUT_OFF] = True
        await application(scope, _reading(scope, receive), send)

    return bound


def _reading(scope: Scope, receive: Receive) -> Receive:
    """`receive`, which says that the body is over once it is too large; what still comes of it is thrown away."""
    taken = 0

    async def read() -> Message:
        nonlocal taken
        if scope.get(CUT_OFF) is True:
            scope[CUT_OFF] = "told"
            return _EMPTY
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            if CUT_OFF in scope:
                continue
            taken += len(message.get("body", b""))
            if taken <= settings.LARGEST_BODY:
                return message
            scope[CUT_OFF] = "told"
            return _EMPTY

    return read
