"""Behind a proxy (BEHIND_PROXY=1) the peer of every connection is the proxy: who asks stands in its header.

Rate limits, lock-outs and the audit log all read REMOTE_ADDR. The proxy appends the address it saw itself, so only
the last one of X-Forwarded-For is believed; what stands before it, anybody can send.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware


def _believe(request: HttpRequest) -> None:
    last = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    try:
        request.META["REMOTE_ADDR"] = str(ipaddress.ip_address(last))
    except ValueError:
        return


@sync_and_async_middleware
def client_address(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware; the first of all, so that every other one sees the right address."""
    if iscoroutinefunction(get_response):

        async def ask(request: HttpRequest) -> HttpResponseBase:
            _believe(request)
            return await _awaited(get_response(request))

        return ask

    def ask_at_once(request: HttpRequest) -> HttpResponseBase:
        _believe(request)
        response: HttpResponseBase = get_response(request)
        return response

    return ask_at_once


async def _awaited(answer: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return await answer
