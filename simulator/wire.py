"""The carrier's API, as the hub's adapter calls it: POST /v1/messages, and what was truly taken.

Messages are plain ASGI beside Django: a request through Django's middleware and signals costs ten changes of thread,
and a carrier takes hundreds of texts a second.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from simulator import connections, texts
from simulator.behaviours import CODES, RETRY_AFTER, Answer
from simulator.carrier import the_carrier
from simulator.models import Text
from simulator.rules import Decision
from simulator.security import from_loopback

PAGE = 1000
LONGEST_BODY = 64 * 1024
MESSAGES = "/v1/messages"
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class MalformedError(Exception):
    """What came is not a text."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status, document and further headers of an answer."""

    status: int
    document: dict[str, str]
    headers: dict[bytes, bytes] = field(default_factory=dict)


def beside(
    django: Callable[[Scope, Receive, Send], Awaitable[None]],
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI application that answers for messages itself and leaves everything else to Django."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == MESSAGES:
            await messages(scope, receive, send)
        else:
            await django(scope, receive, send)

    return application


async def messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Take one text. Nothing is deduplicated: the reference is the sender's affair, and taken texts are counted."""
    body = await _body(receive)
    if scope["method"] != "POST":
        response = Response(405, _problem("method_not_allowed", "POST a text."), {b"allow": b"POST"})
    elif not is_authorized(dict(scope["headers"]).get(b"authorization", b"")):
        response = Response(401, _problem("unauthorized", "The API key is not valid."))
    else:
        response = await _take(scope, body)
    document = json.dumps(response.document).encode()
    length = str(len(document)).encode()
    headers = {b"content-type": b"application/json", b"content-length": length, **response.headers}
    await send({"type": "http.response.start", "status": response.status, "headers": list(headers.items())})
    await send({"type": "http.response.body", "body": document})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= LONGEST_BODY:
        event = await receive()
        body += event.get("body", b"")
        more = bool(event.get("more_body", False))
    return body


def is_authorized(given: bytes) -> bool:
    """Whether an Authorization header names the API key."""
    return bool(settings.API_KEY) and hmac.compare_digest(given, f"Bearer {settings.API_KEY}".encode())


async def _take(scope: Scope, body: bytes) -> Response:
    try:
        fields = _fields(body)
    except MalformedError as error:
        return Response(400, _problem("malformed", str(error)))
    callback_url = fields.pop("callback_url")
    text = texts.to_phone(**fields)
    decision = await the_carrier().take(text, callback_url)
    return await _answer(scope, decision, text)


def _fields(body: bytes) -> dict[str, str]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise MalformedError("The body is not JSON.") from error
    names = {
        "reference": "reference",
        "from": "business",
        "to": "phone",
        "body": "body",
        "callback_url": "callback_url",
    }
    if not isinstance(document, dict) or not all(isinstance(document.get(name), str) for name in names):
        raise MalformedError(f"These are needed, as text: {', '.join(names)}.")
    return {ours: document[name] for name, ours in names.items()}


async def _answer(scope: Scope, decision: Decision, text: Text) -> Response:
    match decision.behaviour.answer:
        case Answer.ACCEPTED:
            return Response(202, {"id": text.carrier_id})
        case Answer.REFUSED:
            return Response(400, _problem(decision.code, str(CODES.get(decision.code, ""))))
        case Answer.THROTTLED:
            retry_after = {b"retry-after": str(RETRY_AFTER).encode()}
            return Response(429, _problem("throttled", "Too many texts at once."), retry_after)
        case Answer.NOT_TAKEN:
            return Response(503, _problem("not_taken", "The text was not taken. Send it again."))
        case Answer.ERROR:
            return Response(500, _problem("error", "Something went wrong."))
        case _:
            return await _no_answer(scope, decision.behaviour.answer)


async def _no_answer(scope: Scope, answer: Answer) -> Response:
    """Silence until the sender gave up, a reset connection, or the end of the process."""
    if answer == Answer.EXIT:
        os._exit(1)
    if answer == Answer.SILENCE:
        await asyncio.sleep(settings.HOLD_SECONDS)
    connections.hang_up(scope["client"])
    return Response(500, _problem("error", "Nobody reads this."))


def _problem(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


@require_GET
def taken(request: HttpRequest) -> HttpResponse:
    """Every text that was truly taken, oldest first: of one `reference`, or all of them in pages (`after`).

    Bodies travel as SHA-256; with a reference, whole. From this machine only.
    """
    if not from_loopback(request):
        return JsonResponse(_problem("forbidden", "From this machine only."), status=403)
    reference = request.GET.get("reference")
    rows = Text.objects.filter(to_phone=True, id__gt=_after(request)).order_by("id")
    if reference is not None:
        rows = rows.filter(reference=reference)
    page = list(rows[:PAGE])
    last = page[-1].pk if len(page) == PAGE else None
    return JsonResponse(
        {
            "count": rows.count(),
            "texts": [_shown(text, whole=reference is not None) for text in page],
            "next": last,
        }
    )


def _after(request: HttpRequest) -> int:
    after = request.GET.get("after", "0")
    return int(after) if after.isdecimal() else 0


def _shown(text: Text, *, whole: bool) -> dict[str, Any]:
    shown = {
        "id": text.carrier_id,
        "reference": text.reference,
        "from": text.business,
        "to": text.phone,
        "sha256": text.digest,
        "at": text.at.isoformat(),
    }
    return {**shown, "body": text.body} if whole else shown
