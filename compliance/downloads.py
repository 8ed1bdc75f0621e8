"""Sending a large file in pieces, under WSGI and under ASGI.

Django's FileResponse reads with a plain iterator, which its ASGI handler first collects into memory whole: there the
pieces come from an asynchronous one, read in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE = 1 << 16


def attachment(request: HttpRequest, path: Path, name: str) -> HttpResponseBase:
    """The file as a download. FileNotFoundError: it is not there."""
    file = path.open("rb")
    if isinstance(request, ASGIRequest):
        response: StreamingHttpResponse = StreamingHttpResponse(_pieces(file))
        response["Content-Length"] = str(path.stat().st_size)
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    else:
        response = FileResponse(file, as_attachment=True, filename=name)
    response["Content-Type"] = "application/zip"
    return response


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
    finally:
        file.close()
