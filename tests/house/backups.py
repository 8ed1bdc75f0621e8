"""A copy to back up, and another place to restore it to, in this process: the connection moves there and back."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from django.db import connection

from texting_hub.backup.locks import Key, Lock, lock_by_passphrase, lock_to_recipients
from texting_hub.backup.making import make
from texting_hub.backup.manifests import Manifest
from texting_hub.backup.restoring import Restore

PASSPHRASE = "correct horse battery staple"


def quiet(_sentence: str) -> None:
    """Nobody is told."""


class Place:
    """A data folder and a database of its own, empty at first."""

    def __init__(self, folder: Path, settings: Any) -> None:
        self.folder, self._settings = folder, settings
        folder.mkdir(mode=0o700)
        if connection.vendor == "sqlite":
            self.database = str(folder / "hub.sqlite3")
        else:
            self.database = f"hub_restored_{uuid.uuid4().hex}"
            self._on_server(f"CREATE DATABASE {self.database}")

    def drop(self) -> None:
        if connection.vendor != "sqlite":
            self._on_server(f"DROP DATABASE {self.database} WITH (FORCE)")

    def _on_server(self, statement: str) -> None:
        parameters = {**connection.get_connection_params(), "dbname": "postgres"}
        kept = {
            name: parameters[name] for name in ("dbname", "host", "port", "user", "password") if parameters.get(name)
        }
        server = psycopg2.connect(**kept)
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(statement)
        server.close()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Settings and the connection are this place's in the block."""
        settings, before = self._settings, connection.settings_dict["NAME"]
        kept = {name: getattr(settings, name) for name in ("DATA_DIR", "EXPORT_DIR", "FIELD_KEYS", "SECRET_KEY")}
        connection.close()
        connection.settings_dict["NAME"] = self.database
        settings.DATA_DIR, settings.EXPORT_DIR = self.folder, self.folder / "exports"
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before
            for name, value in kept.items():
                setattr(settings, name, value)

    def restore(self, path: Path, key: Key, **switches: bool) -> Manifest:
        """What `./hub restore` does once it holds the folder."""
        with self.opened():
            return Restore(path, key, quiet, keys_from_backup=True, **switches).run()

    def found(self, rows: Any) -> list[Any]:
        """The rows that a queryset (made by a function, so that it is made here) has in this place."""
        with self.opened():
            return list(rows())

    def files(self) -> dict[str, bytes]:
        """Everything in the folder, to see that nothing changed."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


_LOCK: list[Lock] = []


def fast_lock() -> Lock:
    """To recipients: a passphrase is meant to take its second."""
    if not _LOCK:
        _LOCK.append(lock_to_recipients([]))
    return _LOCK[0]


def passphrase_lock() -> Lock:
    return lock_by_passphrase(PASSPHRASE)


def make_at(path: Path, lock: Lock | None = None) -> Path:
    """A backup of the test's database."""
    return make(path, lock or fast_lock(), quiet, verify=False)


CLIENT_MISSING = "Install PostgreSQL's client programs: the backups of Postgres are not tested without them."


def needs_client() -> str:
    """Why these tests cannot run here; nothing where they can, or must (in CI)."""
    import shutil

    if connection.vendor == "postgresql" and not shutil.which("pg_dump") and not os.environ.get("CI"):
        return CLIENT_MISSING
    return ""
