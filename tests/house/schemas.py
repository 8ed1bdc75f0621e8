"""What a database is, as sets of sentences that can be compared: columns, constraints, indexes, triggers, rows."""

from __future__ import annotations

import contextlib
import re
import sqlite3

import psycopg2

ON_POSTGRES = {
    "columns": """
        SELECT attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
               attcollation::regcollation, pg_get_expr(adbin, adrelid)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S') AND attnum > 0""",
    "constraints": """
        SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT pg_get_indexdef(indexrelid), indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace""",
    "triggers": "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal",
    "functions": """
        SELECT pg_get_functiondef(pg_proc.oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND NOT EXISTS (
            SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')""",
    "extensions": "SELECT extname FROM pg_extension",
}
OWN_BOOKS = {"django_migrations", "sqlite_sequence"}
"""Tables whose rows tell of the way, not of where it led."""


def of_postgres(address: str) -> dict[str, set[str]]:
    found = {}
    with contextlib.closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        for kind, statement in ON_POSTGRES.items():
            cursor.execute(statement)
            found[kind] = {" ".join(map(str, row)) for row in cursor.fetchall()}
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = {table for (table,) in cursor.fetchall()} - OWN_BOOKS
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            found.setdefault("rows", set()).add(f"{table}: {cursor.fetchone()[0]}")
    return found


def of_sqlite(path: str) -> dict[str, set[str]]:
    """Columns are compared without their order: SQLite lets a table be rebuilt, and then Django puts some last."""
    found: dict[str, set[str]] = {}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for kind, name, statement in connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall():
            parts = parts_of_table(statement) if kind == "table" else [" ".join((statement or "").split())]
            found.setdefault(kind, set()).update(f"{name}: {part}" for part in parts)
            if kind == "table" and name not in OWN_BOOKS:
                count = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                found.setdefault("rows", set()).add(f"{name}: {count}")
    return found


def parts_of_table(statement: str) -> list[str]:
    """Columns and constraints of a CREATE TABLE: what commas outside of inner parentheses separate."""
    body = statement[statement.index("(") + 1 : statement.rindex(")")]
    depth, parts = 0, [""]
    for piece in re.split(r"([(),])", body):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [*map(str.strip, parts), statement[statement.rindex(")") :]]
