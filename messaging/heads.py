"""The relay's look at its numbers: which texts could go now, and when later ones come up. One query for all of them.

It is SQL of our own for two reasons. Its cost must not grow with what a number or a conversation ever sent, so each
part walks the partial index made for it, which SQLite does only when told (INDEXED BY). And it runs for every text.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

from django.db import connection

from messaging.statements import Statement, id_of
from messaging.states import TOO_OLD_AFTER


class Head(NamedTuple):
    """A text that is the next of its conversation, and the segments it takes."""

    id: uuid.UUID
    segments: int


@dataclass(frozen=True, slots=True)
class Heads:
    """Of one number: texts at the head of their conversation that may go now, those due first in front.

    Of what people wrote, answers to a text of the last 24 hours stand before everything else. `later` are the times at
    which more comes up: a text falls due, or may be tried again.
    """

    automatic: list[Head]
    people: list[Head]
    later: list[datetime]


def heads_of(
    number_ids: Collection[uuid.UUID], now: datetime, *, people: int, automatic: int
) -> dict[uuid.UUID, Heads]:
    """The heads of each number; of people's and of automatic texts at most so many."""
    rows = _statement(connection.vendor).rows(
        ids=number_ids, now=now, oldest=now - TOO_OLD_AFTER, people=people, automatic=automatic
    )
    return {row[0]: _read(*row[1:]) for row in rows}


@cache
def _statement(vendor: str) -> Statement:
    """The query in the words of this database."""
    kinds = {
        "number_id": "uuid",
        "automatic": "text",
        "prompt": "text",
        "others": "text",
        "due": "time",
        "retry": "time",
    }
    return Statement(_QUERY.replace("{joined}", _JOINED[vendor]), answers=kinds)


def _read(automatic: str | None, prompt: str | None, others: str | None, *later: datetime | None) -> Heads:
    times = [at for at in later if at is not None]
    return Heads(automatic=_heads(automatic), people=_heads(prompt) + _heads(others), later=times)


def _heads(joined: str | None) -> list[Head]:
    found = (one.split(":") for one in joined.split(",")) if joined else ()
    return [Head(id_of(identifier), int(segments)) for identifier, segments in found]


_JOINED: Final = {
    "postgresql": "STRING_AGG(head.id::text || ':' || head.segments, ',')",
    "sqlite": "GROUP_CONCAT(head.id || ':' || head.segments, ',')",
}
_MAY_GO: Final = """
    m.status = 'queued' AND m.due_at >= %(oldest)s AND m.due_at <= %(now)s
    AND (m.leased_until IS NULL OR m.leased_until <= %(now)s) AND (m.retry_at IS NULL OR m.retry_at <= %(now)s)
    AND NOT EXISTS (
        SELECT 1 FROM messaging_message earlier {by messages_in_line}
        WHERE earlier.conversation_id = m.conversation_id AND earlier.seq < m.seq
        AND (earlier.status = 'queued' OR earlier.status = 'sending')
    )
"""
_QUERY: Final = f"""
SELECT number.number_id,
(SELECT {{joined}} FROM (
    SELECT m.id, m.segments FROM messaging_message m {{by messages_automatic}}
    WHERE m.number_id = number.number_id AND m.kind = 'automatic' AND {_MAY_GO}
    ORDER BY m.due_at, m.id LIMIT %(automatic)s
) head),
(SELECT {{joined}} FROM (
    SELECT m.id, m.segments FROM messaging_message m {{by messages_prompt}}
    WHERE m.number_id = number.number_id AND m.kind = 'person' AND m.prompt AND {_MAY_GO}
    ORDER BY m.due_at, m.id LIMIT %(people)s
) head),
(SELECT {{joined}} FROM (
    SELECT m.id, m.segments FROM messaging_message m {{by messages_waiting}}
    WHERE m.number_id = number.number_id AND m.kind = 'person' AND NOT m.prompt AND {_MAY_GO}
    ORDER BY m.due_at, m.id LIMIT %(people)s
) head),
(
    SELECT m.due_at FROM messaging_message m {{by messages_waiting}}
    WHERE m.number_id = number.number_id AND (m.status = 'scheduled' OR m.status = 'queued') AND m.due_at > %(now)s
    ORDER BY m.due_at LIMIT 1
),
(
    SELECT m.retry_at FROM messaging_message m {{by messages_put_off}}
    WHERE m.number_id = number.number_id AND m.status = 'queued' AND m.retry_at > %(now)s
    ORDER BY m.retry_at LIMIT 1
)
FROM messaging_sendingnumber number WHERE number.number_id {{in ids}}
"""  # noqa: S608  (constants of this file; values are parameters)
