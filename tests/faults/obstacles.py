"""What stands in a database's way: a lock, ended connections, a row that is refused, a full disk. Real where it can be.

Everything is a context manager and leaves the database as it was.
"""

from __future__ import annotations

import contextlib
import resource
import sqlite3
from collections.abc import Iterator

from django.db import connection

from messaging.models import Message
from tests.faults.house import Process

FULL = 8192
"""Bytes that a file may have while the disk is "full": SQLite's log of changes is emptied first, and one change needs
more."""


@contextlib.contextmanager
def locked_file() -> Iterator[None]:
    """SQLite: another program holds the write lock."""
    other = sqlite3.connect(str(connection.settings_dict["NAME"]), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def end_connections() -> int:
    """Postgres: everybody's but ours; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


@contextlib.contextmanager
def refused_row(text: Message, status: str) -> Iterator[None]:
    """The database refuses this status for this row, as it refuses what breaks a constraint."""
    key = text.pk.hex if connection.vendor == "sqlite" else str(text.pk)
    when = f"NEW.id = '{key}' AND NEW.status = '{status}'"
    with _trigger("refused", f"UPDATE ON messaging_message FOR EACH ROW WHEN ({when})", "23514"):
        yield


@contextlib.contextmanager
def full_disk(*processes: Process) -> Iterator[None]:
    """Files of these processes can't grow. A server's disk can't be filled from here: Postgres says that it is."""
    if connection.vendor == "postgresql":
        with contextlib.ExitStack() as tables:
            for table in ("messaging_message", "messaging_receipt"):
                event = f"INSERT OR UPDATE ON {table} FOR EACH STATEMENT"
                tables.enter_context(_trigger(f"full_{table}", event, "53100"))
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    unlimited = resource.RLIM_INFINITY
    for process in processes:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (FULL, unlimited))
    try:
        yield
    finally:
        for process in processes:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))


@contextlib.contextmanager
def _trigger(name: str, event: str, sqlstate: str) -> Iterator[None]:
    """A trigger that refuses, with an error of that class."""
    if connection.vendor == "sqlite":
        made = [f"CREATE TRIGGER fault_{name} BEFORE {event} BEGIN SELECT RAISE(ABORT, 'refused'); END"]
        gone = [f"DROP TRIGGER fault_{name}"]
    else:
        function = f"CREATE FUNCTION fault_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        made = [
            f"{function} RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$",
            f"CREATE TRIGGER fault_{name} BEFORE {event} EXECUTE FUNCTION fault_{name}()",
        ]
        table = event.partition(" ON ")[2].partition(" ")[0]
        gone = [f"DROP TRIGGER fault_{name} ON {table}", f"DROP FUNCTION fault_{name}()"]
    _execute(made)
    try:
        yield
    finally:
        _execute(gone)


def _execute(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
