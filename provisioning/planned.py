"""Statements that Postgres plans once a connection, not at each use: planning joins takes longer than running them.

A plan is kept however the tables grow, until Postgres gathers its statistics anew or the connection ends (after
CONN_MAX_AGE). Whoever looks at tables that fill fast gives its plans up more often: `plan_anew` (the relay does).
SQLite has no such thing and needs none. Behind a pooler that hands connections out by transaction there are no
statements of a session: PREPARED_STATEMENTS=off.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connection

_TABLE: Final = re.compile(r'\b(?:FROM|INTO|UPDATE) "?(\w+)')
"""What the name tells whoever reads the server's log."""
_known: Final[WeakKeyDictionary[Any, set[str]]] = WeakKeyDictionary()
"""By connection of the driver: a new connection knows no statement."""


class Planned:
    """One statement. `sql` has `%s` where a value goes, and `%%` for a percent sign. `order` says for each place which
    value stands there; None: the place's `fixed` value, at every use."""

    def __init__(self, sql: str, order: Sequence[int | None], fixed: Sequence[Any]) -> None:
        self._plain, self._order, self._fixed = sql, order, fixed
        table, digest = _TABLE.search(sql), hashlib.md5(repr((sql, fixed)).encode(), usedforsecurity=False)
        self._name = f"hub_{table[1] if table else ''}"[:40] + f"_{digest.hexdigest()[:16]}"

    def execute(self, cursor: Any, values: Sequence[Any]) -> None:
        """Run it with these values; the cursor has the rows."""
        if connection.vendor != "postgresql" or not settings.PREPARED_STATEMENTS:
            cursor.execute(self._plain, self._filled(values))
            return
        self._prepare()
        places = f" ({', '.join(['%s'] * len(values))})" if values else ""
        cursor.execute(f"EXECUTE {self._name}{places}", values)

    def _filled(self, values: Sequence[Any]) -> list[Any]:
        pairs = zip(self._order, self._fixed, strict=True)
        return [fixed if at is None else values[at] for at, fixed in pairs]

    def _prepare(self) -> None:
        """Not by Django's cursor: it is no query of the page, and happens once. Errors are Django's all the same."""
        raw = connection.connection
        known = _known.setdefault(raw, set())
        if self._name in known:
            return
        with connection.wrap_database_errors, raw.cursor() as cursor:
            places = [
                _Place(at) if at is not None else fixed for at, fixed in zip(self._order, self._fixed, strict=True)
            ]
            cursor.execute(b"PREPARE " + self._name.encode() + b" AS " + cursor.mogrify(self._plain, places))
        known.add(self._name)


def plan_anew() -> None:
    """Let every statement of this connection be planned again at its next use: what it looks at has grown."""
    if connection.vendor == "postgresql" and settings.PREPARED_STATEMENTS:
        with connection.cursor() as cursor:
            cursor.execute("DISCARD PLANS")


class _Place:
    """Where a value goes, as PREPARE writes it."""

    def __init__(self, at: int) -> None:
        self._at = at

    def __conform__(self, _protocol: Any) -> _Place:
        return self

    def getquoted(self) -> bytes:
        return b"$%d" % (self._at + 1)
