"""Downloads that are made while they are sent, under WSGI and under ASGI, in constant memory.

Django's ASGI handler collects a plain iterator into memory before it sends anything. There the pieces come from an
asynchronous one, each made in the thread that belongs to the request, where its database connection is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header


def download(request: HttpRequest, pieces: Iterator[bytes], *, name: str, content_type: str) -> StreamingHttpResponse:
    """The pieces as a file to save. Make them large (tens of kilobytes): each costs a switch of threads."""
    streamed = _in_its_thread(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(streamed, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    response["X-Accel-Buffering"] = "no"
    return response


async def _in_its_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(_next, thread_sensitive=True)
    try:
        while (piece := await following(pieces)) is not None:
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            await sync_to_async(close, thread_sensitive=True)()


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
