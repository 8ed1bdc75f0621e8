"""One HTTP exchange with a carrier, and the one question that matters about it: may the carrier have the text?

`Wire.post` answers with the carrier's reply, or raises NotTaken (not a byte of the request left) or Unconfirmed (some
may have). What is certain is read off httpcore's trace: the request's first byte leaves after the event
`http11.send_request_headers.started`. Before it there are only DNS, TCP, TLS and the wait for a free connection.

Nothing here retries. The transport connects once (`retries=0`), redirects are not followed, and no proxy or netrc is
taken from the environment. httpcore 1.0 sends a request again only on ConnectionNotAvailable, which it raises before
it writes (a connection taken or closed between choosing and using it). A kept-alive connection that the far side closed
while idle is found by looking at its socket; should it close just as we write, that is Unconfirmed. To make that rare,
idle connections are given up after KEEP_ALIVE_SECONDS, before servers commonly do (5 seconds for many).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from messaging.carriers.base import NotTaken, Unconfirmed

KEEP_ALIVE_SECONDS = 3.0
LONGEST_REPLY = 64 * 1024
_FIRST_BYTE = "http11.send_request_headers.started"
_BEFORE_FIRST_BYTE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the carrier answered; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Trace:
    """Notes whether the request's first byte may have left."""

    def __init__(self) -> None:
        self.began = False

    async def __call__(self, event: str, _details: Mapping[str, Any]) -> None:
        if event == _FIRST_BYTE:
            self.began = True


class Wire:
    """Kept-alive connections to carriers; belongs to the event loop it is first used in."""

    def __init__(self, *, connections: int, timeout: float) -> None:
        self._timeout = timeout
        limits = httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
        )
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(retries=0, http2=False, limits=limits, trust_env=False),
            timeout=httpx.Timeout(timeout),
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str]) -> Reply:
        """POST once, within the timeout altogether. Raises NotTaken or Unconfirmed."""
        trace = _Trace()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(url, content, headers, trace)
        except _BEFORE_FIRST_BYTE as error:
            raise NotTaken(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise Unconfirmed(type(error).__name__) from error
        except Exception as error:  # our own timeout, or what the layers below did not foresee
            kind = Unconfirmed if trace.began else NotTaken
            raise kind(type(error).__name__) from error

    async def _exchange(self, url: str, content: bytes, headers: Mapping[str, str], trace: _Trace) -> Reply:
        request = self._client.build_request(
            "POST", url, content=content, headers={**headers, "accept-encoding": "identity"}
        )
        request.extensions["trace"] = trace
        response = await self._client.send(request, stream=True)
        try:
            return Reply(response.status_code, _lowered(response.headers), await _read(response))
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()


def _lowered(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def _read(response: httpx.Response) -> bytes:
    """The reply's body, cut off at LONGEST_REPLY: no carrier answers a text with more."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > LONGEST_REPLY:
            break
    return b"".join(parts)[:LONGEST_REPLY]
