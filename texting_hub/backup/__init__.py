"""Backups: one encrypted file that brings a copy back, without a text sent twice or kept too long.

locks.py        who can open a backup: a passphrase, or the holders of age identities
sealed.py       bytes in, an age file out, and back; in pieces, so memory does not grow with the database
archive.py      the tar inside: manifest first, each file with its SHA-256
manifests.py    what a backup says of itself, and whether this code can take it
databases.py    a consistent copy of the running database, and back into an empty one
making.py       make a backup, then open it again to check it
restoring.py    put a backup's files and database in place
settling.py     what a restored database goes through before anything opens it
marker.py       the sign of a restore that has not ended, and the refusal to start with it

What must never happen
- A text goes out twice because the database forgot that it was sent. Everything in line when the backup was made is
  `unconfirmed` before any process of ours may start; a restore that was cut off leaves the marker, with which nothing
  starts (settling.py, marker.py).
- A restore brings back what had to go: the purge runs before anything opens.
- A broken or foreign file costs the data that was there: a backup is read to its end and checked before anything is
  changed, and what was there is set aside, never deleted.
- Content lies about in the clear: the copy that a backup is made of is readable by its owner alone, overwritten and
  deleted when it ends; what a killed one left is deleted by the next (databases.py).
- A backup that cannot be opened is found out when it is needed: each is opened again when it is made.
"""

from __future__ import annotations


class BackupError(Exception):
    """Why a backup was not made or not restored: a stable code, and a sentence that says what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence
