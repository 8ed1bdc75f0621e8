"""Put a backup in place: read it to its end, set aside what is there, load, settle, and only then open.

    check ──▶ marker ──▶ set aside ──▶ load ──▶ settle ──▶ marker gone
      │         └──────── cut off anywhere here: nothing starts; the same command begins again at load
      └ wrong, damaged, foreign, too new: nothing was changed

The checks read the whole file, so a backup is read twice. What was there is set aside (SQLite: a folder `replaced-…`
beside it; Postgres: a schema `replaced_…`) and is nobody's to delete but a person's: it holds texts that no purge will
ever see, so a person has to. What an earlier attempt at the same restore had placed is the backup's, and is deleted.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from texting_hub.backup import BackupError, archive, marker, settling
from texting_hub.backup.databases import SET_ASIDE, Tell, in_words, load_postgres
from texting_hub.backup.locks import Key
from texting_hub.backup.manifests import Entry, Manifest, refuse_unless_restorable

HALFWAY = "hub_halfway"


@dataclass(slots=True)
class Restore:
    """One run of `restore_backup`."""

    path: Path
    key: Key
    tell: Tell
    replace: bool = False
    """Set aside what is there."""
    keys_from_backup: bool = False
    """Write the backup's secrets into the data folder: the environment gives none."""
    other_keys: bool = False
    """Go on without the keys that open the backup's credentials."""
    secrets: dict[str, str] = field(default_factory=dict)
    stamp: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%d_%H%M%S}")

    def run(self) -> Manifest:
        """BackupError, OSError: until the marker is there nothing was changed; afterwards run it again."""
        manifest = self._check()
        self.tell(_("The backup of {made_at} is whole ({size}).").format(**self._about(manifest)))
        restore = self._into_sqlite if connection.vendor == "sqlite" else self._into_postgres
        restore(manifest)
        self.tell(_("Restored. It may be started now."))
        return manifest

    def _about(self, manifest: Manifest) -> dict[str, str]:
        return {"made_at": manifest.made_at, "size": in_words(manifest.database.size)}

    def _check(self) -> Manifest:
        vendor = connection.vendor
        accept = lambda manifest: refuse_unless_restorable(manifest, vendor)  # noqa: E731
        manifest = archive.walk(self.path, self.key, self._keep_secrets, accept=accept)
        if not self.secrets.keys() >= {"SECRET_KEY", "FIELD_KEYS"}:
            raise BackupError("damaged", _("This backup holds no secrets. Nothing was changed."))
        self._refuse_other_keys()
        return manifest

    def _keep_secrets(self, entry: Entry, pieces: Iterator[bytes]) -> None:
        content = [piece for piece in pieces if entry.name == "secrets.json"]
        if content:
            self.secrets = dict(json.loads(b"".join(content)))

    def _refuse_other_keys(self) -> None:
        if self.keys_from_backup or self.other_keys:
            return
        if set(self.secrets["FIELD_KEYS"].split(",")) - set(settings.FIELD_KEYS):
            sentence = _(
                "FIELD_KEYS of this environment do not open the credentials and second factors in the backup. "
                "Add the backup's keys: verify_backup --write-secrets FILE tells them. To go on without: --other-keys."
            )
            raise BackupError("other_keys", sentence)

    # SQLite: everything is files in the data folder

    def _into_sqlite(self, manifest: Manifest) -> None:
        folder, database = Path(settings.DATA_DIR), Path(connection.settings_dict["NAME"])
        self._clear_the_way(folder, database)
        draft = database.with_name(f"{database.name}.restoring")
        self._place(partial(_write, draft))
        # It gets its name when it, and everything else, was found whole.
        draft.replace(database)
        marker.sync_folder(database.parent)
        self._settle(manifest)
        marker.remove_file(folder)

    def _clear_the_way(self, folder: Path, database: Path) -> None:
        """Set the old copy aside; what an earlier attempt had placed is deleted, which the marker tells apart."""
        begun = marker.read_file(folder)
        if begun and begun["placing"]:
            return _delete(_files_of(database))
        if not begun:
            if database.exists() and not self.replace:
                sentence = _("There is a database already: {path}. --replace sets it aside and puts the backup there.")
                raise BackupError("database_exists", sentence.format(path=database))
            begun = {"set_aside": f"replaced-{self.stamp}", "placing": False}
            marker.write_file(folder, begun)
        self._set_files_aside(_files_of(database), begun["set_aside"])
        return marker.write_file(folder, {**begun, "placing": True})

    def _set_files_aside(self, paths: list[Path], name: str) -> None:
        """Moved, each beside where it was. Again after a crash: what is there still is the old copy's still."""
        for path in paths:
            if path.exists() and not (path.is_dir() and not any(path.iterdir())):
                aside = path.with_name(name)
                aside.mkdir(mode=0o700, exist_ok=True)
                shutil.move(path, aside / path.name)
                self.tell(_("{name} was set aside in {folder}").format(name=path.name, folder=aside))

    def _place(self, load: Callable[[Iterator[bytes]], None]) -> None:
        """Every file where it belongs; `load` takes the database."""

        def take(entry: Entry, pieces: Iterator[bytes]) -> None:
            if entry.name.startswith("database."):
                self.tell(_("Restoring the database ({size})").format(size=in_words(entry.size)))
                load(pieces)
            else:
                self._take_file(entry, pieces)

        archive.walk(self.path, self.key, take)

    def _take_file(self, entry: Entry, pieces: Iterator[bytes]) -> None:
        """archive.py lets no other names through. Secrets that the environment gives are not written down."""
        if entry.name.startswith("exports/"):
            target = Path(settings.EXPORT_DIR) / entry.name.removeprefix("exports/")
        elif self.keys_from_backup:
            target = Path(settings.DATA_DIR) / entry.name
        else:
            return _exhaust(pieces)
        return _write(target, pieces)

    # Postgres

    def _into_postgres(self, manifest: Manifest) -> None:
        _refuse_company()
        if marker.is_half_restored():
            with transaction.atomic():
                _set_schema_aside(HALFWAY)
                _drop(HALFWAY)
        else:
            self._mark_and_set_aside()
        connection.close()
        self._set_own_files_aside()
        self._place(load_postgres)
        self._settle(manifest)
        marker.drop_schema()

    def _mark_and_set_aside(self) -> None:
        tables = _tables()
        if tables and not self.replace:
            sentence = _(
                "The database has {count} tables already. Restore into an empty one, or give --replace: the tables are "
                "then set aside in a schema of their own, not deleted."
            )
            raise BackupError("database_exists", sentence.format(count=tables))
        name = f"{SET_ASIDE}{self.stamp}"
        with transaction.atomic():
            marker.put_schema()
            if tables:
                _set_schema_aside(name)
        if tables:
            sentence = _(
                "The old tables are in the schema {name}. They hold texts: DROP SCHEMA {name} CASCADE, in time."
            )
            self.tell(sentence.format(name=name))

    def _set_own_files_aside(self) -> None:
        """Beside the old tables, which their keys open. After a crash too, whoever's they are by then."""
        secrets = [Path(settings.DATA_DIR) / name for name in ("secrets.json", "demonstration.json")]
        paths = [Path(settings.EXPORT_DIR), *(secrets if self.keys_from_backup else [])]
        self._set_files_aside(paths, f"replaced-{self.stamp}")

    # Both

    def _settle(self, manifest: Manifest) -> None:
        if self.keys_from_backup:
            settings.SECRET_KEY, settings.FIELD_KEYS = self.secrets["SECRET_KEY"], self.secrets["FIELD_KEYS"].split(",")
        settling.settle(manifest.made_at, manifest.rows, self.tell)


def _files_of(database: Path) -> list[Path]:
    """What makes a copy on SQLite. Valkey's folder too: its wake-ups are of another past."""
    folder = Path(settings.DATA_DIR)
    beside = [database.with_name(f"{database.name}{suffix}") for suffix in ("-wal", "-shm", "-journal", ".restoring")]
    return [
        database,
        *beside,
        folder / "secrets.json",
        folder / "demonstration.json",
        folder / "exports",
        folder / "valkey",
    ]


def _delete(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _write(target: Path, pieces: Iterator[bytes]) -> None:
    """For the owner's eyes, and on the disk when this returns."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    marker.sync_folder(target.parent)


def _exhaust(pieces: Iterator[bytes]) -> None:
    for _piece in pieces:
        pass


def _refuse_company() -> None:
    """Whoever is connected could send a text between the load and the settling."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        (others,) = cursor.fetchone()
    if others:
        sentence = _("{count} other connections use this database. Stop every process of this copy first.")
        raise BackupError("in_use", sentence.format(count=others))


def _tables() -> int:
    with connection.cursor() as cursor:
        return len(connection.introspection.table_names(cursor))


def _set_schema_aside(name: str) -> None:
    """Rename `public` and make it anew. Extensions move to the new one: the dump expects them there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace "
            "WHERE nspname = 'public' AND extrelocatable"
        )
        extensions = [connection.ops.quote_name(extension) for (extension,) in cursor.fetchall()]
        cursor.execute(f"ALTER SCHEMA public RENAME TO {name}")
        cursor.execute("CREATE SCHEMA public")
        for extension in extensions:
            cursor.execute(f"ALTER EXTENSION {extension} SET SCHEMA public")


def _drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {name} CASCADE")


def write_secrets(secrets: Mapping[str, str], target: Path) -> None:
    """As lines for an .env file, for the owner's eyes. FileExistsError rather than writing over one."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in secrets.items())
