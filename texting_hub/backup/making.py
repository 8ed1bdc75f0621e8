"""Make a backup: copy the database, describe what belongs to it, seal all of it in one file, open it again to check.

The file appears under its name only when it is whole: written beside it (.partial), synced, renamed, the folder synced.
It may be made while the copy runs, and is as of the moment at which the copy of the database began.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from compliance import packages
from compliance.models import Export, ExportState
from messaging import clock
from provisioning import heartbeats
from provisioning.changes import Actor, Change, record
from texting_hub import __version__
from texting_hub.backup import BackupError, archive, databases, marker
from texting_hub.backup.archive import Member
from texting_hub.backup.databases import Tell, in_words
from texting_hub.backup.locks import Lock
from texting_hub.backup.manifests import Manifest
from texting_hub.backup.sealed import seal

SUFFIX: Final = ".backup"
ACTOR: Final = Actor(user_id=None, label="make_backup", via="command")


def make(path: Path, lock: Lock, tell: Tell, *, verify: bool = True) -> Path:
    """The file that was written; a folder as `path` gets one named by the time. BackupError, OSError: nothing was."""
    marker.refuse_half_restored()
    now = clock.database_now()
    target = _named(path, now)
    with _alone(), _partial(target) as (draft, file):
        manifest = _write(file, lock, now, tell)
        file.flush()
        os.fsync(file.fileno())
        if verify:
            _verify(draft, lock, manifest)
    _sync_folder(target.parent)
    _note(target, manifest, tell)
    size, members = in_words(target.stat().st_size), len(manifest.members)
    checked = _("opened again and checked") if verify else _("not checked")
    words = {"path": target, "size": size, "members": members, "checked": checked}
    tell(_("Backup: {path} ({size}, {members} files, {checked}).").format(**words))
    return target


def _named(path: Path, now: datetime) -> Path:
    if path.is_dir():
        return path / f"texting-hub-{now:%Y%m%dT%H%M%SZ}{SUFFIX}"
    if not path.parent.is_dir():
        raise BackupError("no_such_folder", _("There is no folder {path}.").format(path=path.parent))
    if path.exists():
        sentence = _("{path} exists already. Choose another name, or a folder: the file is then named by the time.")
        raise BackupError("file_exists", sentence.format(path=path))
    return path


@contextmanager
def _alone() -> Iterator[None]:
    """One backup at a time: they share the place where the copy is made."""
    folder = Path(settings.DATA_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "backup.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BackupError("busy", _("Another backup is being made. Wait until it has ended.")) from error
    finally:
        os.close(descriptor)


@contextmanager
def _partial(target: Path) -> Iterator[tuple[Path, BytesIO]]:
    """The file under another name until the block ends well; gone when it does not."""
    draft = target.with_name(f"{target.name}.partial")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield draft, file  # type: ignore[misc]  # a file of bytes, whichever class
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _write(file: BytesIO, lock: Lock, now: datetime, tell: Tell) -> Manifest:
    with databases.workplace() as folder, ExitStack() as stack:
        tell(_("Copying the database"))
        copy, rows = stack.enter_context(databases.copied(folder, tell))
        members = [Member(copy.name, stack.enter_context(copy.open("rb"))), *_secrets(), *_exports(stack, now)]
        manifest = Manifest(
            made_at=now.isoformat(timespec="seconds"), application=__version__, vendor=connection.vendor,
            tools=databases.tools(), migrations=_last_migrations(), rows=rows,
            members=[member.described() for member in members],
        )  # fmt: skip
        total = sum(entry.size for entry in manifest.members)
        tell(_("Encrypting {size}").format(size=in_words(total)))
        seal(archive.packed(manifest, members), file, lock)
    return manifest


def _secrets() -> list[Member]:
    """Wherever they come from, folder or environment: without FIELD_KEYS the sealed credentials would be lost."""
    kept = {"SECRET_KEY": settings.SECRET_KEY, "FIELD_KEYS": ",".join(settings.FIELD_KEYS)}
    found = [Member("secrets.json", BytesIO(json.dumps(kept).encode()))]
    demonstration = Path(settings.DATA_DIR) / "demonstration.json"
    if demonstration.exists():
        found.append(Member(demonstration.name, BytesIO(demonstration.read_bytes())))
    return found


def _exports(stack: ExitStack, now: datetime) -> Iterator[Member]:
    """Packages that can still be fetched. One that expires in this instant may be missing."""
    ready = Export.objects.filter(state=ExportState.READY, expires_at__gt=now).order_by("pk")
    for export_id in ready.values_list("pk", flat=True):
        try:
            file = packages.package_of(export_id).open("rb")
        except FileNotFoundError:
            continue
        yield Member(f"exports/{export_id}/{packages.PACKAGE}", stack.enter_context(file))


def _last_migrations() -> dict[str, str]:
    applied: Sequence[tuple[str, str]] = sorted(MigrationRecorder(connection).applied_migrations())
    return dict(applied)


def _verify(draft: Path, lock: Lock, manifest: Manifest) -> None:
    """As a restore will read it: from the disk, through the locks, every byte."""
    found = archive.manifest_of(draft, lock.key)
    if found != manifest:
        raise BackupError("damaged", _("What was written is not what was read back. Is the disk in order?"))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _note(target: Path, manifest: Manifest, tell: Tell) -> None:
    """For the watch over backups, and for the audit log: a backup holds every text.

    The backup is good without it: before an upgrade the tables may still be an older version's.
    """
    after = {"made_at": manifest.made_at, "sha256": manifest.database.sha256, "rows": dict(manifest.rows)}
    try:
        now = clock.database_now()
        with transaction.atomic():
            heartbeats.beat(heartbeats.BACKUP, now)
            record(Change("backup.made", ACTOR, None, "backup", "", target.name, after=after))
        heartbeats.watch_backups(now)
    except DatabaseError as error:
        tell(_("The backup could not be noted in the database: {why}").format(why=error))
