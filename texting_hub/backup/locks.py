"""Who can open a backup: whoever knows its passphrase, or holds an identity (a private key) of one of its recipients.

age encrypts in pieces only to recipients. So a passphrase locks an identity that was made for this one file, and the
locked identity stands, as text, in front of the age file:

    sed '/END AGE/q' FILE | age -d > identity                                   (asks for the passphrase)
    sed '1,/END AGE/d' FILE | age -d -i identity | tar x                        (or with the identity of a recipient)
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import pyrage
from django.utils.translation import gettext as _

from texting_hub.backup import BackupError

VARIABLE: Final = "HUB_BACKUP_PASSPHRASE"
RECIPIENT_VARIABLE: Final = "HUB_BACKUP_RECIPIENT"
SHORTEST_PASSPHRASE: Final = 12
_LAST_LINE: Final = b"-----END AGE ENCRYPTED FILE-----"
_FIRST_LINE: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_LONGEST_FRONT: Final = 4096


@dataclass(frozen=True, slots=True)
class Key:
    """What opens a backup: a passphrase, or identities."""

    passphrase: str = ""
    identities: Sequence[pyrage.x25519.Identity] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """How a backup is closed: for whom, and what stands in front of it."""

    recipients: Sequence[pyrage.x25519.Recipient]
    front: bytes
    key: Key
    """Opens this backup to check it. For recipients: an identity of this run, which is then forgotten."""


def lock_by_passphrase(passphrase: str) -> Lock:
    """BackupError `passphrase_too_short` below 12 characters."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        sentence = _("The passphrase is shorter than {count} characters. Choose a longer one.")
        raise BackupError("passphrase_too_short", sentence.format(count=SHORTEST_PASSPHRASE))
    own = pyrage.x25519.Identity.generate()
    front = pyrage.passphrase.encrypt(str(own).encode(), passphrase, armored=True)
    return Lock([own.to_public()], front, Key(passphrase=passphrase))


def lock_to_recipients(given: Sequence[str]) -> Lock:
    """BackupError `bad_recipient` for what is no age public key."""
    own = pyrage.x25519.Identity.generate()
    return Lock([own.to_public(), *map(_recipient, given)], b"", Key(identities=[own]))


def _recipient(given: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(given.strip())
    except pyrage.RecipientError as error:
        sentence = _("{given} is no age recipient (age1...). Make one with age-keygen.")
        raise BackupError("bad_recipient", sentence.format(given=given)) from error


def chosen_lock(recipients: Sequence[str], passphrase_file: Path | None) -> Lock:
    """As the command line, the environment or a person at the terminal says, in this order."""
    if recipients:
        return lock_to_recipients(recipients)
    if passphrase_file is not None:
        return lock_by_passphrase(_first_line(passphrase_file))
    if os.environ.get(VARIABLE):
        return lock_by_passphrase(os.environ[VARIABLE])
    if os.environ.get(RECIPIENT_VARIABLE):
        return lock_to_recipients(os.environ[RECIPIENT_VARIABLE].split(","))
    return lock_by_passphrase(_asked(twice=True))


def chosen_key(identity_file: Path | None, passphrase_file: Path | None, path: Path) -> Key:
    """What opens the backup at `path`; a person is asked only when a passphrase closes it."""
    if identity_file is not None:
        return Key(identities=_identities(identity_file))
    if passphrase_file is not None:
        return Key(passphrase=_first_line(passphrase_file))
    if os.environ.get(VARIABLE):
        return Key(passphrase=os.environ[VARIABLE])
    if not needs_passphrase(path):
        raise BackupError("identity_missing", _("This backup was made for age recipients. Name one's --identity FILE."))
    return Key(passphrase=_asked(twice=False))


def needs_passphrase(path: Path) -> bool:
    """Whether a passphrase closes this file. OSError as the disk gives it."""
    with path.open("rb") as file:
        return file.read(len(_FIRST_LINE)) == _FIRST_LINE


@contextmanager
def unlocked(path: Path, key: Key) -> Iterator[tuple[BinaryIO, list[pyrage.x25519.Identity]]]:
    """The age file inside, from its first byte, and the identities that may open it.

    BackupError `wrong_passphrase`, `passphrase_missing`, `identity_missing`.
    """
    with path.open("rb") as file:
        front = _read_front(file)
        if not front:
            if not key.identities:
                sentence = _("This backup was made for age recipients. Name one's --identity FILE.")
                raise BackupError("identity_missing", sentence)
            yield file, list(key.identities)
            return
        if not key.passphrase:
            raise BackupError("passphrase_missing", _("A passphrase closes this backup; an identity does not open it."))
        yield file, [_locked_identity(front, key.passphrase)]


def _read_front(file: BinaryIO) -> bytes:
    """The locked identity; nothing when the file begins with age's own header."""
    front = file.read(len(_FIRST_LINE))
    if front != _FIRST_LINE:
        file.seek(0)
        return b""
    while len(front) < _LONGEST_FRONT and (line := file.readline(200)):
        front += line
        if line.rstrip() == _LAST_LINE:
            return front
    raise BackupError("damaged", _("The beginning of this backup is damaged or cut off."))


def _locked_identity(front: bytes, passphrase: str) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(front, passphrase).decode())
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError) as error:
        sentence = _("This passphrase does not open the backup: it is another one, or the file's beginning is damaged.")
        raise BackupError("wrong_passphrase", sentence) from error


def _identities(path: Path) -> list[pyrage.x25519.Identity]:
    """The lines of a file as age-keygen writes it."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError as error:
        sentence = _("{path} holds a line that is no age identity (AGE-SECRET-KEY-1...).")
        raise BackupError("bad_identity", sentence.format(path=path)) from error
    if not found:
        raise BackupError("bad_identity", _("{path} holds no age identity.").format(path=path))
    return found


def _first_line(path: Path) -> str:
    return next(iter(path.read_text().splitlines()), "")


def _asked(*, twice: bool) -> str:
    """From the terminal, unseen; what locks is typed twice."""
    if not sys.stdin.isatty():
        sentence = _("There is nobody to ask for the passphrase. Give --passphrase-file FILE, or set {variable}.")
        raise BackupError("passphrase_missing", sentence.format(variable=VARIABLE))
    typed = getpass.getpass(_("Passphrase of the backup: "))
    if twice and getpass.getpass(_("The same again: ")) != typed:
        raise BackupError("passphrases_differ", _("The two passphrases differ. Nothing was written."))
    return typed
