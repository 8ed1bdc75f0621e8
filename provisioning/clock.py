"""The database's clock: the one clock that every process of an installation shares."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Func

_CLOCK = {"postgresql": "clock_timestamp()", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}


class DatabaseNow(Func):
    """`database_now` as a column of a queryset that is read anyway."""

    output_field = DateTimeField()

    def as_sql(self, *_arguments: Any, **_options: Any) -> tuple[str, list[Any]]:
        return _CLOCK[connection.vendor].replace("%", "%%"), []


def database_now() -> datetime:
    """The time now, aware and in UTC. A job reads it once and passes it on; a wrong clock elsewhere does no harm."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_CLOCK[connection.vendor]}")
        (now,) = cursor.fetchone()
    return aware(now)


def aware(stored: datetime | str) -> datetime:
    """A time out of a query of our own: SQLite has texts in UTC where Postgres has times."""
    if isinstance(stored, str):
        return datetime.fromisoformat(stored).replace(tzinfo=UTC)
    return stored.astimezone(UTC)
