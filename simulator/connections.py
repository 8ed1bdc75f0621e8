"""Open connections by the client's address, so that a carrier can hang up without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.Transport] = {}


class KnownConnection(H11Protocol):
    """uvicorn's HTTP protocol, with its transport within reach."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            _open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            _open.pop(self.client, None)
        super().connection_lost(exc)


def hang_up(client: Sequence[Any] | None) -> None:
    """Reset the connection of a client: no status line, nothing."""
    transport = _open.get((client[0], client[1])) if client else None
    if transport is not None:
        transport.abort()
