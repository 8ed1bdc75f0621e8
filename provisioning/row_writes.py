"""Many rows, each with values of its own, in one UPDATE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection
from django.db.models import Model

_LENGTH: Final = re.compile(r"\(\d+(, *\d+)?\)$")
"""`varchar(100)`: a cast to it would cut a value off in silence; the column itself refuses one that is too long."""


def write_columns(rows: Sequence[Model], columns: Sequence[str]) -> None:
    """Store these columns of rows that are in the database, as they are on the instances.

    Like bulk_update(), whose CASE for every row and column Django takes longer to build than Postgres to run.
    """
    if not rows or not columns:
        return
    if connection.vendor != "postgresql":
        type(rows[0])._default_manager.bulk_update(rows, list(columns))
        return
    options = rows[0]._meta
    fields: list[Any] = [options.pk, *(options.get_field(name) for name in columns)]
    named = [connection.ops.quote_name(field.column) for field in fields]
    casts = ", ".join(f"%s::{_LENGTH.sub('', field.db_type(connection) or '')}" for field in fields)
    table, set_so = (
        connection.ops.quote_name(options.db_table),
        ", ".join(f"{name} = given.{name}" for name in named[1:]),
    )
    statement = (
        f"UPDATE {table} AS stored SET {set_so} FROM (VALUES {', '.join([f'({casts})'] * len(rows))}) "  # noqa: S608  (names of ours, values are parameters)
        f"AS given ({', '.join(named)}) WHERE stored.{named[0]} = given.{named[0]}"
    )
    values: list[Any] = [
        field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
