"""What the relay asks the database costs the same however much was ever sent: each look walks an index made for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from messaging import states
from messaging.compose import compose
from messaging.relay import Relay
from messaging.sweep import sweep
from provisioning.models import User
from tests.factories import NOW
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier

__all__ = ["carrier"]

Statement = tuple[str, Any]
GROWS = (
    "SCAN messaging_message",
    "SCAN m ",
    "SCAN stored",
    "SCAN number",
    "SCAN earlier",
    "SCAN U0",
    "messaging_message_number_id",  # all that a number ever sent
    "messaging_message_conversation_id",  # all that a conversation ever said
    "message_place_once",
    "messaging_message_organization_id",
    "messages_by_age",
)


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """Every statement about messages, with its parameters as they were bound."""
    seen: list[Statement] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "messaging_message" in sql and not sql.startswith("INSERT"):
            seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def growing(seen: list[Statement]) -> list[str]:
    """The steps of the statements' plans that cost more as history grows."""
    steps: list[str] = []
    with connection.cursor() as cursor:
        for sql, params in seen:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            steps += [f"{row[3]}: {sql[:80]}" for row in cursor.fetchall() if any(each in row[3] for each in GROWS)]
    return steps


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="Postgres plans by what is in its tables")
def test_no_look_of_the_relay_walks_over_history(user: User, carrier: CarrierInMemory) -> None:
    for place in range(3):
        compose(user=user, to="+12065550122", body=f"{place}", now=NOW)
    with statements() as seen, Relay(lambda: NOW) as worker:
        worker.run()
        sweep(NOW + timedelta(hours=25))
        states.block_waiting(user.organization_id, "+12065550122", at=NOW)
    assert len(carrier.taken) == 3
    assert len(seen) > 20
    assert growing(seen) == []


def test_a_batch_takes_as_many_statements_as_one_text(user: User, carrier: CarrierInMemory) -> None:
    counts = []
    for texts in (1, 5):
        for place in range(texts):
            compose(user=user, to=f"+1206555{texts}{place:03d}", body="Hello", now=NOW)
        with statements() as seen, Relay(lambda: NOW) as worker:
            worker.run()
        counts.append(len(seen))
    assert counts[0] == counts[1]
