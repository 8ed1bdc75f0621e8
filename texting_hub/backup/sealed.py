"""An age file from an iterator of bytes, and a stream of bytes from an age file. In pieces of 64 KiB, both ways.

age authenticates every piece, their order and the end: a bit that flipped, a piece that is missing, a file that was cut
off or lengthened are all found, at the latest when the stream is read to its end.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyrage
from django.utils.translation import gettext as _

from texting_hub.backup import BackupError
from texting_hub.backup.locks import Key, Lock, unlocked

PIECE = 1 << 20


class _Pulled:
    """An iterator of bytes as the file that pyrage reads from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)


def seal(pieces: Iterator[bytes], target: BinaryIO, lock: Lock) -> None:
    """Write the age file. OSError as the disk gives it; what `pieces` raises is raised."""
    target.write(lock.front)
    pyrage.encrypt_io(_Pulled(pieces), target, list(lock.recipients))


@contextmanager
def opened(path: Path, key: Key) -> Iterator[BinaryIO]:
    """What was sealed, as a stream, read on to its end when the block ends without an error.

    BackupError `damaged`, `wrong_identity`, and those of locks.unlocked. What the block raises because the stream
    stopped short is told as the reason why it did.
    """
    with unlocked(path, key) as (source, identities):
        opening = _Opening(source, identities)
        try:
            yield opening.stream
            while opening.stream.read(PIECE):
                pass
        except Exception:
            opening.end()
            raise
        opening.end()


class _Opening:
    """A thread that decrypts into a pipe. pyrage pushes and tarfile pulls: neither can wait for the other."""

    def __init__(self, source: BinaryIO, identities: list[pyrage.x25519.Identity]) -> None:
        reading, self._writing = os.pipe()
        self.stream: BinaryIO = os.fdopen(reading, "rb", buffering=PIECE)
        self._source, self._identities = source, identities
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._decrypt, daemon=True)
        self._thread.start()

    def _decrypt(self) -> None:
        try:
            with os.fdopen(self._writing, "wb", buffering=PIECE) as target:
                pyrage.decrypt_io(self._source, target, self._identities)
        except Exception as error:
            self._trouble = error

    def end(self) -> None:
        """Close the stream; raises what went wrong in the thread, unless nobody was listening any more."""
        with contextlib.suppress(OSError):
            self.stream.close()
        self._thread.join()
        if self._trouble is not None and getattr(self._trouble, "errno", None) != errno.EPIPE:
            raise _told(self._trouble) from self._trouble


def _told(error: Exception) -> Exception:
    """pyrage's errors in our words. An OSError with a number is the disk's own."""
    if isinstance(error, pyrage.DecryptError) and "No matching keys" in str(error):
        sentence = _("This identity does not open the backup: it is another's, or the file's beginning is damaged.")
        return BackupError("wrong_identity", sentence)
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return BackupError("damaged", _("This backup is damaged, cut off, or no backup at all. Nothing was changed."))
