"""The database's clock: the one clock that every process of an installation shares."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection

_NOW = {
    "postgresql": "SELECT clock_timestamp()",
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
}


def database_now() -> datetime:
    """The time now, aware and in UTC. A job reads it once and passes it on; a wrong clock elsewhere does no harm."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW[connection.vendor])
        (now,) = cursor.fetchone()
    return aware(now)


def aware(stored: datetime | str) -> datetime:
    """A time out of a query of our own: SQLite has texts in UTC where Postgres has times."""
    if isinstance(stored, str):
        return datetime.fromisoformat(stored).replace(tzinfo=UTC)
    return stored.astimezone(UTC)
