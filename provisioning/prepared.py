"""Querysets whose SQL is made once a process: to make it takes longer than to ask with it.

    rows = Prepared(lambda ids: User.objects.filter(pk__in=ids).values_list("pk", "email"))
    rows.of([...])

The queryset is built for one key that nobody has, and its SQL kept; asking puts the keys in its place. Everything else
that it holds is as it was when it was built, so what may change belongs into the key of whoever keeps it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators  # type: ignore[attr-defined]

from provisioning.models import User
from provisioning.planned import Planned

M = TypeVar("M", bound=Model)
Kind = str | uuid.UUID | datetime

_NOBODY: Final = uuid.UUID("00000000-0000-7000-8000-00000000dead")
_PLACE: Final = re.compile(r"%%|%s")


class Prepared:
    """`build` is given the ids and answers with values_list() of a queryset that looks for them with one `IN`."""

    def __init__(self, build: Callable[[list[uuid.UUID]], QuerySet[Any, Any]]) -> None:
        compiler = build([_NOBODY]).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        at = list(parameters).index(_stored(_NOBODY))
        places = [found for found in _PLACE.finditer(sql) if found[0] == "%s"]
        self._before, self._after = sql[: places[at].start()], sql[places[at].end() :]
        self._first, self._last = parameters[:at], parameters[at + 1 :]
        order: list[int | None] = [None] * len(parameters)
        order[at] = 0
        self._of_one = Planned(sql, order, parameters)
        self._of_many = Planned(_any_of_an_array(self._before, self._after), order, parameters)
        fields = [column for column, _sql, _alias in compiler.select]
        self._converters = compiler.get_converters(fields)

    def of(self, ids: Collection[uuid.UUID]) -> list[tuple[Any, ...]]:
        """The rows of these ids, in no order; one query, none for no id."""
        if not ids:
            return []
        with connection.cursor() as cursor:
            if len(ids) == 1:
                self._of_one.execute(cursor, [*map(_stored, ids)])
            elif connection.vendor == "postgresql":
                self._of_many.execute(cursor, [f"{{{','.join(map(str, ids))}}}"])
            else:
                sql = f"{self._before}{', '.join(['%s'] * len(ids))}{self._after}"
                cursor.execute(sql, [*self._first, *map(_stored, ids), *self._last])
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return [self._converted(row) for row in rows] if self._converters else rows

    def _converted(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for at, (converters, expression) in self._converters.items():
            for convert in converters:
                values[at] = convert(values[at], expression, connection)
        return tuple(values)


def _any_of_an_array(before: str, after: str) -> str:
    """`x IN (` and `)` around the place become `x = ANY(`: one statement for any number of ids, on Postgres."""
    return f"{before.removesuffix('IN (')}= ANY(%s::uuid[]{after}"


def _stored(key: uuid.UUID) -> Any:
    """The id as this database takes it."""
    return User._meta.pk.get_db_prep_value(key, connection)


class PreparedRows:
    """The same for rows of `values_list`, looked for by values of any kind.

        names = PreparedRows(lambda email: User.objects.filter(email=email).values_list("pk", "last_name"), email="")
        names.first(email="ann@example.com")

    `build` is called once a process, with stand-ins of the kinds given, as for PreparedModels.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **kinds: Kind) -> None:
        self._build, self._kinds = build, kinds
        self._spelled: _Spelled | None = None

    def first(self, **values: Any) -> tuple[Any, ...] | None:
        """The first row; None without any. One query."""
        if self._spelled is None or self._spelled.vendor != connection.vendor:
            self._spelled = _Spelled(self._build, self._kinds)
        found = self._spelled.answers(values)
        return tuple(found[0]) if found else None


class PreparedModels(Generic[M]):
    """The same for models, with what `select_related` brings, looked for by values of any kind.

        by_prefix = PreparedModels(lambda prefix: ApiToken.objects.filter(prefix=prefix), prefix="")
        by_prefix.first(prefix="0123")

    `build` is called once a process, with stand-ins of the kinds given: "" for a text, a UUID for an id, a time for a
    time. What it annotates becomes attributes, as Django has it.
    """

    def __init__(self, build: Callable[..., QuerySet[M, Any]], **kinds: Kind) -> None:
        self._build, self._kinds = build, kinds
        self._spelled: _SpelledModels | None = None

    def first(self, **values: Any) -> M | None:
        """The first row; None without any."""
        found = self.all(**values)
        return found[0] if found else None

    def all(self, **values: Any) -> list[M]:
        """Every row; one query."""
        if self._spelled is None or self._spelled.vendor != connection.vendor:
            self._spelled = _SpelledModels(self._build, self._kinds)
        return self._spelled.rows(values)


class _Spelled:
    """The statement as this database takes it, and what its rows are in Python."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], kinds: Mapping[str, Kind]) -> None:
        self.vendor = connection.vendor
        stand_ins = {name: _stand_in(kind, place) for place, (name, kind) in enumerate(kinds.items())}
        self._compiler = build(**stand_ins).query.get_compiler(connection=connection)
        sql, parameters = self._compiler.as_sql()
        self._names = list(stand_ins)
        places = {_stored_as(value): place for place, value in enumerate(stand_ins.values())}
        self._planned = Planned(sql, [places.get(value) for value in parameters], parameters)
        self._converters = self._compiler.get_converters([column for column, _sql, _alias in self._compiler.select])

    def answers(self, values: Mapping[str, Any]) -> list[Any]:
        with connection.cursor() as cursor:
            self._planned.execute(cursor, [_stored_as(values[name]) for name in self._names])
            rows: Any = cursor.fetchall()
        return list(self._compiler.apply_converters(rows, self._converters)) if self._converters else rows


class _SpelledModels(_Spelled):
    """How its rows become models (as Django's ModelIterable does it)."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], kinds: Mapping[str, Kind]) -> None:
        super().__init__(build, kinds)
        info = self._compiler.klass_info
        assert info is not None
        self._model, fields = info["model"], info["select_fields"]
        self._start, self._end = fields[0], fields[-1] + 1
        self._columns = [self._compiler.select[at][0].target.attname for at in range(self._start, self._end)]
        self._related = get_related_populators(info, self._compiler.select, connection.alias)
        self._annotated = list(self._compiler.annotation_col_map.items())

    def rows(self, values: Mapping[str, Any]) -> list[Any]:
        return [self._row(row) for row in self.answers(values)]

    def _row(self, row: Any) -> Any:
        found = self._model.from_db(connection.alias, self._columns, row[self._start : self._end])
        for related in self._related:
            related.populate(row, found)
        for name, at in self._annotated:
            setattr(found, name, row[at])
        return found


class PreparedInsert(Generic[M]):
    """One row of a model, with every column, by a statement that is made once a process."""

    def __init__(self, model: type[M]) -> None:
        self._model = model

    def insert(self, row: M) -> None:
        """As `row.save(force_insert=True)` of a row with a key of its own; no signals. Raises IntegrityError."""
        fields = self._fields
        values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
        with connection.cursor() as cursor:
            self._statement.execute(cursor, values)
        row._state.adding, row._state.db = False, connection.alias

    @cached_property
    def _fields(self) -> list[Any]:
        return list(self._model._meta.concrete_fields)

    @cached_property
    def _statement(self) -> Planned:
        names = ", ".join(connection.ops.quote_name(field.column) for field in self._fields)
        table, places = connection.ops.quote_name(self._model._meta.db_table), ", ".join(["%s"] * len(self._fields))
        count = len(self._fields)
        return Planned(f"INSERT INTO {table} ({names}) VALUES ({places})", range(count), [None] * count)  # noqa: S608  (names of ours)


def _stand_in(kind: Kind, place: int) -> Kind:
    """A value that nobody has, told apart from the others."""
    if isinstance(kind, uuid.UUID):
        return uuid.UUID(int=_NOBODY.int + place)
    if isinstance(kind, datetime):
        return datetime(1066, 10, 14, 9, 0, place, tzinfo=UTC)
    return f"\N{SNOWMAN}{place}"


def _stored_as(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return _stored(value)
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
