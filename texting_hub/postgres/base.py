"""Django's Postgres, with a cheaper look at whether a kept connection still works.

Django asks `SELECT 1` before the first statement of every request. A server that ends a connection (restart, failover,
pg_terminate_backend) says so, and that can be seen without asking: there is something to be read. A machine that
vanished says nothing, so a connection that was not looked at for a second is asked all the same.
"""

from __future__ import annotations

import select
import time
from typing import Any, Final

from django.db.backends.postgresql import base

ASKED_EVERY: Final = 1.0
"""Seconds."""


class DatabaseWrapper(base.DatabaseWrapper):
    """The engine `texting_hub.postgres`."""

    _worked_at = 0.0

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        self._worked_at = time.monotonic()
        return connection

    def is_usable(self) -> bool:
        now = time.monotonic()
        if self.connection is not None and now - self._worked_at < ASKED_EVERY and not _has_news(self.connection):
            return True
        usable: bool = super().is_usable()
        if usable:
            self._worked_at = now
        return usable


def _has_news(connection: Any) -> bool:
    """Whether the server said something nobody asked for, or the connection is closed."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
