"""The tar inside a backup: manifest.json first, then every file that it names, in its order, each with its SHA-256.

A plain tar, so that a backup can be opened without this program (locks.py says how).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from django.utils.translation import gettext as _

from texting_hub.backup import BackupError
from texting_hub.backup.locks import Key
from texting_hub.backup.manifests import Entry, Manifest
from texting_hub.backup.sealed import PIECE, opened

MANIFEST: Final = "manifest.json"
_KNOWN_NAME: Final = re.compile(
    r"database\.(sqlite3|pgdump)|(secrets|demonstration)\.json|exports/[0-9a-f-]{36}/package\.zip"
)
"""What a backup may hold; nothing else is ever written to a disk."""
_LARGEST_MANIFEST: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file on its way into a backup. Held open, so that it can be read even when its name is gone."""

    name: str
    file: BinaryIO

    def described(self) -> Entry:
        """Size and SHA-256, read in pieces."""
        self.file.seek(0)
        digest, size = hashlib.sha256(), 0
        while piece := self.file.read(PIECE):
            digest.update(piece)
            size += len(piece)
        return Entry(self.name, size, digest.hexdigest())


def packed(manifest: Manifest, members: list[Member]) -> Iterator[bytes]:
    """The tar's bytes. ValueError when a file is not as the manifest says any more."""
    content = manifest.encoded()
    yield from _framed(MANIFEST, len(content), io.BytesIO(content))
    for entry, member in zip(manifest.members, members, strict=True):
        member.file.seek(0)
        yield from _framed(entry.name, entry.size, member.file)
    yield b"\0" * 2 * tarfile.BLOCKSIZE


def _framed(name: str, size: int, file: BinaryIO) -> Iterator[bytes]:
    """A header, exactly `size` bytes, zeros to the next block."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o600
    yield header.tobuf(tarfile.PAX_FORMAT)
    left = size
    while left:
        piece = file.read(min(PIECE, left))
        if not piece:
            raise ValueError(name)
        left -= len(piece)
        yield piece
    yield b"\0" * (-size % tarfile.BLOCKSIZE)


Take = Callable[[Entry, Iterator[bytes]], None]
"""Does something with one file of a backup; reads it to its end."""


@contextmanager
def _contents(path: Path, key: Key) -> Iterator[tuple[Manifest, tarfile.TarFile]]:
    with opened(path, key) as stream, _as_damage(), tarfile.open(fileobj=stream, mode="r|") as tar:
        first = tar.next()
        if first is None or first.name != MANIFEST or first.size > _LARGEST_MANIFEST:
            raise _damaged()
        yield Manifest.decoded(_file(tar, first).read()), tar


@contextmanager
def _as_damage() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, json.JSONDecodeError) as error:
        raise _damaged() from error


def manifest_of(path: Path, key: Key) -> Manifest:
    """Reads the whole file and checks every SHA-256. BackupError says what is wrong with it."""
    return walk(path, key, _ignore)


def _ignore(_entry: Entry, pieces: Iterator[bytes]) -> None:
    for _piece in pieces:
        pass


def walk(path: Path, key: Key, take: Take, *, accept: Callable[[Manifest], Any] = lambda _manifest: None) -> Manifest:
    """Hand every file to `take`, after `accept` has seen the manifest. BackupError `damaged` when one is not as said.

    What `take` was given is only known to be whole once this has returned.
    """
    with _contents(path, key) as (manifest, tar):
        accept(manifest)
        for entry in manifest.members:
            header = tar.next()
            if header is None or (header.name, header.size) != (entry.name, entry.size):
                raise _damaged()
            if not header.isreg() or not _KNOWN_NAME.fullmatch(entry.name):
                raise _damaged()
            take(entry, _checked(_file(tar, header), entry))
        if tar.next() is not None:
            raise _damaged()
    return manifest


def _checked(file: IO[bytes], entry: Entry) -> Iterator[bytes]:
    digest = hashlib.sha256()
    while piece := file.read(PIECE):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != entry.sha256:
        raise _damaged()


def _file(tar: tarfile.TarFile, header: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(header)
    if file is None:
        raise _damaged()
    return file


def _damaged() -> BackupError:
    return BackupError("damaged", _("The files in this backup are not as its manifest says. Nothing was changed."))
