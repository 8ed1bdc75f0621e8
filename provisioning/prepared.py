"""Querysets whose SQL is made once a process: to make it takes longer than to ask with it.

    rows = Prepared(lambda ids: User.objects.filter(pk__in=ids).values_list("pk", "email"))
    rows.of([...])

The queryset is built for one key that nobody has, and its SQL kept; asking puts the keys in its place. Everything else
that it holds is as it was when it was built, so what may change belongs into the key of whoever keeps it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from provisioning.models import User

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
        fields = [column for column, _sql, _alias in compiler.select]
        self._converters = compiler.get_converters(fields)

    def of(self, ids: Collection[uuid.UUID]) -> list[tuple[Any, ...]]:
        """The rows of these ids, in no order; one query, none for no id."""
        if not ids:
            return []
        sql = f"{self._before}{', '.join(['%s'] * len(ids))}{self._after}"
        with connection.cursor() as cursor:
            cursor.execute(sql, [*self._first, *map(_stored, ids), *self._last])
            rows = cursor.fetchall()
        return [self._converted(row) for row in rows] if self._converters else rows

    def _converted(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for at, (converters, expression) in self._converters.items():
            for convert in converters:
                values[at] = convert(values[at], expression, connection)
        return tuple(values)


def _stored(key: uuid.UUID) -> Any:
    """The id as this database takes it."""
    return User._meta.pk.get_db_prep_value(key, connection)
