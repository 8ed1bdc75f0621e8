"""What every answer carries, and who may control the simulator."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import async_only_middleware

POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
    "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
))  # fmt: skip


@async_only_middleware
def headers(
    get_response: Callable[[HttpRequest], Awaitable[HttpResponse]],
) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    """A strict policy, no framing, no sniffing; no other site may read anything (no CORS headers at all)."""

    async def answer(request: HttpRequest) -> HttpResponse:
        # Only this refuses other host names (a page elsewhere whose name was made to point here): it raises 400.
        request.get_host()
        response = await get_response(request)
        response["Content-Security-Policy"] = POLICY
        response["X-Content-Type-Options"] = "nosniff"
        response["Referrer-Policy"] = "same-origin"
        return response

    return answer


def from_loopback(request: HttpRequest) -> bool:
    """Whether the request comes from this machine: tests and commands control the simulator, nobody else."""
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
