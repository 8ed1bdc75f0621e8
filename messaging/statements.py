"""SQL of the relay's hot path, written once for both databases and never built anew.

Building a statement with the ORM takes longer than running it when it names a hundred rows, each with values of its
own. Here the text of a statement is made once a process and never changes: any number of ids travels as one array
(Postgres) or one JSON text (SQLite), and so do rows to be written.

    DUE = Statement("SELECT id, due_at FROM messaging_message WHERE id {in ids} ORDER BY id {lock}",
                    answers={"id": "uuid", "due_at": "time"})
    DUE.rows(ids=[...])

`{in NAME}` is a list of ids; `{lock}`, `{lock of x}` and `{lock free of x}` lock rows where there are row locks, and
nothing on SQLite, whose transactions are single writers; `{given}` is a table of the rows handed to `write`;
`{by INDEX}` tells SQLite which partial index serves, as it finds few of them by itself. Values are always parameters;
what stands in a statement are names of ours.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final

from django.db import connection
from psycopg2.extensions import new_type, register_type

from provisioning.planned import Planned

_LISTED: Final = re.compile(r"\{in (\w+)\}")
_NAMED: Final = re.compile(r"%\((\w+)\)s")
_INDEXED: Final = re.compile(r"\{by (\w+)\}")
_LOCK: Final = re.compile(r"\{lock( free)?(?: of (\w+))?\}")
_TYPES: Final = {
    "uuid": "uuid", "time": "timestamptz", "text": "text", "int": "bigint", "float": "float8", "bool": "boolean",
    "day": "date",
}  # fmt: skip


def _time_from_sqlite(value: datetime | str) -> datetime:
    """A column is a time in UTC that does not say so; what a statement computed is its text."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC)


def _day_from_sqlite(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


_FROM_SQLITE: Final[dict[str, Callable[[Any], Any]]] = {
    "day": _day_from_sqlite,
    "uuid": uuid.UUID,
    "time": _time_from_sqlite,
    "bool": bool,
}
"""How SQLite's texts and numbers become what Postgres answers with."""


_UNKNOWN: Final = uuid.SafeUUID.unknown


def id_of(value: str) -> uuid.UUID:
    """The same as uuid.UUID(value), without its tests of what a database has tested: a batch reads thousands of ids."""
    identifier = object.__new__(uuid.UUID)
    object.__setattr__(identifier, "int", int(value.replace("-", ""), 16))
    object.__setattr__(identifier, "is_safe", _UNKNOWN)
    return identifier


_ID: Final = new_type((2950,), "ID", lambda value, _cursor: None if value is None else id_of(value))
"""2950 is Postgres' type uuid (pg_type.oid, fixed)."""


class Statement:
    """One statement: `answers` names the columns that come back and their kinds, `given` those of `{given}`.

    Kinds: uuid, time, day, text, int, float, bool. Each is planned once a connection (provisioning/planned.py); who
    runs for long gives the plans up now and then, as tables grow (the relay does at every shift).
    """

    def __init__(
        self,
        sql: str,
        *,
        answers: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> None:
        self._sql = sql
        self._answers = list((answers or {}).values())
        self._given = dict(given or {})
        self._spelled: dict[str, str] = {}

    def rows(self, given: Collection[tuple[Any, ...]] = (), **values: Any) -> list[tuple[Any, ...]]:
        """What a SELECT answers; ids and times are what Python has for them, on both databases.

        `given` are the rows that stand for `{given}`, as in `write`.
        """
        parameters = self._parameters(values) | (self._given_parameters(given) if given else {})
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                register_type(_ID, cursor.cursor)
            self._execute(cursor, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found if connection.vendor == "postgresql" else [self._read(row) for row in found]

    def run(self, **values: Any) -> int:
        """How many rows it changed."""
        return self._changed(self._parameters(values))

    def write(self, rows: Collection[tuple[Any, ...]], **values: Any) -> int:
        """Run it with these rows as `{given}`, each a tuple in the order of `given`; how many rows it changed."""
        if not rows:
            return 0
        return self._changed({**self._parameters(values), **self._given_parameters(rows)})

    def _changed(self, parameters: Mapping[str, Any]) -> int:
        with connection.cursor() as cursor:
            self._execute(cursor, parameters)
            return int(cursor.rowcount)

    def _execute(self, cursor: Any, parameters: Mapping[str, Any]) -> None:
        if connection.vendor == "postgresql":
            names, planned = self._plan
            planned.execute(cursor, [parameters[name] for name in names])
        else:
            cursor.execute(self._text(), parameters)

    @cached_property
    def _plan(self) -> tuple[list[str], Planned]:
        """The names of the values in their order, and the statement that takes them so."""
        text = self._text()
        placed = _NAMED.findall(text)
        names = list(dict.fromkeys(placed))
        return names, Planned(_NAMED.sub("%s", text), [names.index(name) for name in placed], [None] * len(placed))

    def _text(self) -> str:
        vendor = connection.vendor
        if vendor not in self._spelled:
            self._spelled[vendor] = self._spell(vendor)
        return self._spelled[vendor]

    def _spell(self, vendor: str) -> str:
        sql = self._sql.replace("{given}", _given_table(self._given, vendor))
        sql = _LOCK.sub(lambda found: _lock(found, vendor), sql)
        sql = _INDEXED.sub("INDEXED BY \\1" if vendor == "sqlite" else "", sql)
        listed = "= ANY(%(\\1)s::uuid[])" if vendor == "postgresql" else "IN (SELECT value FROM json_each(%(\\1)s))"
        return _LISTED.sub(listed, sql)

    def _parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if connection.vendor == "postgresql":
            return {name: _listed(value) for name, value in values.items()}
        return {name: _for_sqlite(value) for name, value in values.items()}

    def _given_parameters(self, rows: Collection[tuple[Any, ...]]) -> dict[str, Any]:
        if connection.vendor == "postgresql":
            columns = zip(self._given.items(), zip(*rows, strict=True), strict=True)
            return {f"given_{name}": _array(kind, column) for (name, kind), column in columns}
        return {"given": json.dumps([[_plain(value) for value in row] for row in rows])}

    def _read(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            value if value is None or kind not in _FROM_SQLITE else _FROM_SQLITE[kind](value)
            for value, kind in zip(row, self._answers, strict=True)
        )


def _lock(found: re.Match[str], vendor: str) -> str:
    if vendor != "postgresql":
        return ""
    return f"FOR NO KEY UPDATE{f' OF {found[2]}' if found[2] else ''}{' SKIP LOCKED' if found[1] else ''}"


def _given_table(given: Mapping[str, str], vendor: str) -> str:
    if not given:
        return ""
    if vendor == "postgresql":
        arrays = ", ".join(f"%(given_{name})s::{_TYPES[kind]}[]" for name, kind in given.items())
        return f"unnest({arrays}) AS given({', '.join(given)})"
    columns = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(given))
    return f"(SELECT {columns} FROM json_each(%(given)s)) AS given"  # noqa: S608  (names of ours)


def _is_list(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, (str, bytes))


def _listed(value: Any) -> Any:
    return _array("uuid", value) if _is_list(value) else value


def _array(kind: str, values: Collection[Any]) -> Any:
    """Ids as one literal: to adapt each by itself takes longer than to find its row."""
    if kind != "uuid":
        return list(values)
    return "{" + ",".join("NULL" if value is None else f"{value.int:032x}" for value in values) + "}"


def _for_sqlite(value: Any) -> Any:
    return json.dumps([_plain(one) for one in value]) if _is_list(value) else _plain(value)


def _plain(value: Any) -> Any:
    """As Django stores it on SQLite: ids as 32 hexadecimal digits, times as text in UTC."""
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    return value


def distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once, without None; in no order."""
    return [value for value in set(values) if value is not None]
