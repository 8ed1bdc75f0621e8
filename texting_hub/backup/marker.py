"""The sign of a restore that has begun and not ended. While it is there, nothing of ours starts with this database.

Otherwise the relay could send, a second time, what the database forgot that it had sent. The sign is kept where the
database is: on Postgres a schema of its own, which is made before the first table and dropped at the very end; on
SQLite the file `restoring` in the data folder, which also says how far it came.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from texting_hub.backup import BackupError

SCHEMA: Final = "hub_restoring"
FILE: Final = "restoring"


def is_half_restored() -> bool:
    """Whether the database that settings name is in the middle of a restore. DatabaseError when it does not answer."""
    if connection.vendor == "sqlite":
        return (Path(settings.DATA_DIR) / FILE).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [SCHEMA])
        return cursor.fetchone() is not None


def refuse_half_restored() -> None:
    """BackupError `half_restored`."""
    if is_half_restored():
        sentence = _("A restore has begun here and has not ended. Run the same restore again: it goes on to its end.")
        raise BackupError("half_restored", sentence)


def refuse_to_start() -> None:
    """For whatever serves or works: SystemExit in the middle of a restore. A database that is away is no reason.

    In a thread of its own, because uvicorn imports the application where its event loop runs.
    """
    with ThreadPoolExecutor(1) as apart:
        if apart.submit(_asked).result():
            raise SystemExit(_("A restore has begun here and has not ended. Run the same restore again."))


def _asked() -> bool:
    try:
        return is_half_restored()
    except DatabaseError:
        return False
    finally:
        connection.close()


def put_schema() -> None:
    """On Postgres, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")


def drop_schema() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {SCHEMA}")


def write_file(folder: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and on the disk when this returns."""
    draft = folder / f".{FILE}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE)
    sync_folder(folder)


def read_file(folder: Path) -> dict[str, Any]:
    """What the file says; nothing when there is none."""
    try:
        return dict(json.loads((folder / FILE).read_text()))
    except FileNotFoundError:
        return {}


def remove_file(folder: Path) -> None:
    (folder / FILE).unlink()
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """What was created, renamed or removed in it is on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
