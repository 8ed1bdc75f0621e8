"""A connection that is kept: one that the server ended is found without asking, a busy one is asked once a second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.postgresql import base

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps no connection to a server"),
]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection of its own, as a web process keeps one; `asked` are the times the server was asked."""
    own: Any = connections.create_connection("default")
    own.settings_dict["CONN_HEALTH_CHECKS"], own.settings_dict["CONN_MAX_AGE"] = True, 60
    own.asked = 0
    ask = base.DatabaseWrapper.is_usable

    def is_usable(self: Any) -> bool:
        own.asked += 1
        return ask(self)

    monkeypatch.setattr(base.DatabaseWrapper, "is_usable", is_usable)
    own.connect()
    yield own
    own.close()


def next_request(own: Any) -> int:
    """What a request begins with, and its first statement; the server's process that answered."""
    own.close_if_unusable_or_obsolete()
    with own.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        found: int = cursor.fetchone()[0]
    return found


def test_a_busy_connection_is_not_asked_before_every_request(kept: Any) -> None:
    assert len({next_request(kept) for _ in range(5)}) == 1
    assert kept.asked == 0


def test_a_connection_that_was_idle_is_asked(kept: Any) -> None:
    first = next_request(kept)
    kept._worked_at -= 1.5
    assert next_request(kept) == first
    assert kept.asked == 1
    assert next_request(kept) == first
    assert kept.asked == 1


def test_a_connection_that_the_server_ended_is_replaced_before_anybody_fails(kept: Any) -> None:
    first = next_request(kept)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    assert next_request(kept) != first
