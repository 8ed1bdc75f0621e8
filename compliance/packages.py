"""Export files: a folder an export (0700, files 0600), appended to at known places, packed into one zip at the end.

The database says where each file ends (Export.checkpoint). What lies beyond was written by a worker that died before
its batch was committed, and is overwritten; a file that ends before that place is lost, and the export begins anew
with the same snapshot. Every byte is on disk (fsync) before the database says so.

The zip has no clock in it: fixed times, order, mode and compression, so the same files give the same package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

PACKAGE = "package.zip"
CHUNK = 1 << 20


class FilesLostError(OSError):
    """The folder does not hold what the database says was written."""


@dataclass(frozen=True, slots=True)
class Described:
    """A finished file: bytes and SHA-256 in hex."""

    size: int
    sha256: str


def folder_of(export_id: UUID) -> Path:
    """Where the files of an export are, whether or not they exist."""
    return Path(settings.EXPORT_DIR) / str(export_id)


def package_of(export_id: UUID) -> Path:
    """The finished package."""
    return folder_of(export_id) / PACKAGE


def write_at(export_id: UUID, name: str, place: int, content: bytes) -> int:
    """Write to a file from `place` on, dropping what was there; the new end. OSError as the disk gives it."""
    folder = _made(export_id)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        if os.fstat(descriptor).st_size < place:
            raise FilesLostError(name)
        file.truncate(place)
        file.seek(place)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return place + len(content)


def _made(export_id: UUID) -> Path:
    """The folder, and the one around it, for our eyes only."""
    folder = folder_of(export_id)
    for path in (folder.parent, folder):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def reach(export_id: UUID, ends: Mapping[str, int]) -> bool:
    """Whether each file is there and reaches as far as it should."""
    sizes = {path.name: path.stat().st_size for path in folder_of(export_id).glob("*")}
    return all(sizes.get(name, -1) >= end for name, end in ends.items())


def describe(export_id: UUID, name: str, end: int | None = None) -> Described:
    """Size and SHA-256 of a file, read in pieces. FilesLostError when it does not end at `end`."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces(folder_of(export_id) / name):
        digest.update(piece)
        size += len(piece)
    if end is not None and size != end:
        raise FilesLostError(name)
    return Described(size, digest.hexdigest())


def pieces(path: Path) -> Iterator[bytes]:
    """A file in pieces of a megabyte."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def pack(
    export_id: UUID, files: Iterable[str], texts: Mapping[str, bytes], *, draft: str, each_piece: Callable[[], None]
) -> Described:
    """Put files of the folder, then `texts` by name, into the package; whole or not at all.

    `draft` names the unfinished file; `each_piece` is called with every megabyte and may raise to stop.
    """
    folder = folder_of(export_id)
    unfinished = folder / f"{draft}.part"
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w+b") as raw:
        with zipfile.ZipFile(raw, "w") as package:
            for name in files:
                _add(package, name, pieces(folder / name), each_piece)
            for name, content in texts.items():
                _add(package, name, [content], each_piece)
        raw.flush()
        os.fsync(descriptor)
    each_piece()
    unfinished.replace(folder / PACKAGE)
    _sync(folder)
    return describe(export_id, PACKAGE)


def _sync(folder: Path) -> None:
    """A rename is on disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _add(package: zipfile.ZipFile, name: str, content: Iterable[bytes], each_piece: Callable[[], None]) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o600 << 16
    with package.open(entry, "w", force_zip64=True) as member:
        for piece in content:
            member.write(piece)
            each_piece()


def remove_all_but_package(export_id: UUID) -> None:
    """The package has it all: drop what it was made of."""
    for path in folder_of(export_id).iterdir():
        if path.name != PACKAGE:
            path.unlink()


def remove(export_id: UUID) -> None:
    """Delete everything of an export. Nothing there is fine."""
    shutil.rmtree(folder_of(export_id), ignore_errors=True)


def stored() -> list[UUID]:
    """Exports that have a folder."""
    root = Path(settings.EXPORT_DIR)
    names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return [found for found in map(_as_id, names) if found is not None]


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
