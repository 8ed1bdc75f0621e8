"""A consistent copy of the database as one file, made beside running writers; and back into an empty database.

SQLite: the online backup, in pieces, from one read transaction: writers go on beside it (WAL), and what they write is
not in it. Only the cutting of the write-ahead log waits until it ends. The copy is checked (`integrity_check`).
Postgres: pg_dump with the snapshot in which the rows were counted; pg_restore in one transaction, all or nothing.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg2.extensions import make_dsn

from texting_hub.backup import BackupError

COUNTED: Final = (
    "provisioning.Organization", "provisioning.User", "provisioning.PhoneNumber", "messaging.Conversation",
    "messaging.Message", "messaging.Receipt", "messaging.OptOut", "compliance.AuditEvent", "compliance.PurgeRun",
    "compliance.Export",
)  # fmt: skip
"""The rows of these are counted in the backup and again after it was restored."""
PAGES_A_STEP: Final = 4096
SECONDS_BETWEEN_WORDS: Final = 5.0
SET_ASIDE: Final = "replaced_"
"""Schemas that a restore set aside are no part of a later backup."""
FILE_NAMES: Final = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}

Tell = Callable[[str], None]


def counted_tables() -> list[str]:
    return [apps.get_model(name)._meta.db_table for name in COUNTED]


@contextmanager
def workplace() -> Iterator[Path]:
    """A private folder for the copy. What is in it is overwritten and deleted at the end, whatever happens."""
    folder = Path(settings.DATA_DIR) / "backup-work"
    _empty(folder)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        _empty(folder)


def _empty(folder: Path) -> None:
    if folder.is_dir():
        for path in folder.iterdir():
            _overwrite(path)
        shutil.rmtree(folder)


def _overwrite(path: Path) -> None:
    """With zeros, as SQLite does with what is deleted (secure_delete)."""
    left = path.stat().st_size
    with path.open("r+b") as file:
        while left > 0:
            left -= file.write(b"\0" * min(left, 1 << 20))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def copied(folder: Path, tell: Tell) -> Iterator[tuple[Path, dict[str, int]]]:
    """The copy, and how many rows its counted tables have. BackupError when it cannot be made."""
    target = folder / FILE_NAMES[connection.vendor]
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    copy = _copy_sqlite if connection.vendor == "sqlite" else _copy_postgres
    yield target, copy(target, tell)


def tools() -> str:
    """The program that writes and reads copies, with its version."""
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    asked = subprocess.run([_program("pg_dump"), "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return asked.stdout.strip()


def _copy_sqlite(target: Path, tell: Tell) -> dict[str, int]:
    source = f"file:{quote(str(connection.settings_dict['NAME']))}?mode=rw"
    with (
        closing(sqlite3.connect(source, uri=True, timeout=30, isolation_level=None)) as origin,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        origin.execute("BEGIN")
        origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
        origin.backup(copy, pages=PAGES_A_STEP, progress=_SqliteProgress(tell))
        copy.execute("PRAGMA journal_mode=DELETE")
        check_sqlite(copy)
        return {table: copy.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in counted_tables()}  # noqa: S608


class _SqliteProgress:
    def __init__(self, tell: Tell) -> None:
        self._tell, self._told_at = tell, time.monotonic()

    def __call__(self, _status: int, remaining: int, total: int) -> None:
        if time.monotonic() - self._told_at > SECONDS_BETWEEN_WORDS:
            self._told_at = time.monotonic()
            self._tell(_("  {percent} % of the database copied").format(percent=100 * (total - remaining) // total))


def check_sqlite(database: sqlite3.Connection) -> None:
    """BackupError `database_damaged` with SQLite's first words."""
    try:
        found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        sentence = _("The database itself is damaged ({found}). Go back to an older backup, or see SQLite's .recover.")
        raise BackupError("database_damaged", sentence.format(found=found))


def _copy_postgres(target: Path, tell: Tell) -> dict[str, int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        rows = counts()
        command = [
            _program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}",
            f"--exclude-schema={SET_ASIDE}*", f"--file={target}", f"--dbname={_address()}",
        ]  # fmt: skip
        _run(command, lambda: tell(_("  {size} copied").format(size=in_words(target.stat().st_size))))
    return rows


def counts() -> dict[str, int]:
    """Rows of the counted tables of the database that settings name."""
    found = {}
    with connection.cursor() as cursor:
        for table in counted_tables():
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
            found[table] = cursor.fetchone()[0]
    return found


def _run(command: list[str], tell: Callable[[], None]) -> None:
    """A client program to its end. Its own words are told when it fails: they name tables, never content."""
    with subprocess.Popen(command, env=_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:  # noqa: S603
        while True:
            try:
                _output, said = process.communicate(timeout=SECONDS_BETWEEN_WORDS)
                break
            except subprocess.TimeoutExpired:
                tell()
            except BaseException:
                process.kill()
                raise
    if process.returncode:
        raise _failed(Path(command[0]).name, said)


def _failed(program: str, said: bytes) -> BackupError:
    words = said.decode(errors="replace").strip()[-1500:]
    if "server version mismatch" in words:
        sentence = _("{program} is older than the server. Install the client programs of the server's version. {words}")
        return BackupError("client_too_old", sentence.format(program=program, words=words))
    return BackupError("database_refused", _("{program} failed: {words}").format(program=program, words=words))


def load_postgres(pieces: Iterator[bytes]) -> None:
    """Feed a copy to pg_restore: one transaction, so a failure leaves the database as it was."""
    command = [
        _program("pg_restore"), "--no-owner", "--no-privileges", "--no-comments", "--single-transaction",
        "--exit-on-error", f"--dbname={_address()}",
    ]  # fmt: skip
    with subprocess.Popen(command, env=_environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        try:
            _feed(process.stdin, pieces)
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read() if process.stderr is not None else b""
    if process.returncode:
        raise _failed("pg_restore", said)


def _feed(target: IO[bytes] | None, pieces: Iterator[bytes]) -> None:
    """A program that gave up early says why itself; the rest is read all the same, to be checked."""
    listening = True
    for piece in pieces:
        try:
            if target is not None and listening:
                target.write(piece)
        except BrokenPipeError:
            listening = False
    try:
        if target is not None:
            target.close()
    except BrokenPipeError:
        pass


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        sentence = _(
            "{name} is missing. Install PostgreSQL's client programs, of the server's version or newer "
            "(Debian: apt install postgresql-client; the image of the Dockerfile has them)."
        )
        raise BackupError("client_missing", sentence.format(name=name))
    return found


def _address() -> str:
    """libpq's spelling of the settings, without the password, which any process could read from the command line."""
    parameters: dict[str, Any] = dict(connection.get_connection_params())
    kept = {"dbname", "user", "host", "port", "service", "sslmode", "sslrootcert", "sslcert", "sslkey", "options"}
    return str(make_dsn(**{name: value for name, value in parameters.items() if name in kept and value}))


def _environment() -> Mapping[str, str]:
    password = connection.settings_dict.get("PASSWORD")
    return {**os.environ, "PGCONNECT_TIMEOUT": "10", **({"PGPASSWORD": str(password)} if password else {})}


def in_words(size: int) -> str:
    """Bytes as a person reads them: 12.3 MB."""
    amount, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, _unit = amount / 1000, units.pop(0)
    return f"{amount:.0f} {units[0]}" if units[0] == "B" else f"{amount:.1f} {units[0]}"
