"""manifest.json: what a backup holds and where it comes from; and whether this code can bring it back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from texting_hub.backup import BackupError

FORMAT: Final = 1
KIND: Final = "Texting Hub backup"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a backup: bytes, SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    made_at: str
    """UTC, ISO 8601, by the database's clock."""
    application: str
    vendor: str
    """Django's name of the database: sqlite or postgresql."""
    tools: str
    """What wrote the database's copy."""
    migrations: Mapping[str, str]
    """The last migration of each app that was applied."""
    rows: Mapping[str, int]
    """By table."""
    members: Sequence[Entry]

    @property
    def database(self) -> Entry:
        return self.members[0]

    def encoded(self) -> bytes:
        content = {"kind": KIND, "format": FORMAT, **asdict(self)}
        return json.dumps(content, indent=2).encode() + b"\n"

    @classmethod
    def decoded(cls, content: bytes) -> Manifest:
        """BackupError `other_format` for what another version of this program wrote, `damaged` for nonsense."""
        found: Any = json.loads(content)
        if not isinstance(found, dict) or found.pop("kind", None) != KIND:
            raise BackupError("damaged", _("This is no backup of Texting Hub."))
        version = found.pop("format", None)
        if version != FORMAT:
            sentence = _("This backup has format {found}, and this version of Texting Hub reads format {known}.")
            raise BackupError("other_format", sentence.format(found=version, known=FORMAT))
        try:
            members = [Entry(**entry) for entry in found.pop("members")]
            return cls(members=members, **found)
        except (KeyError, TypeError) as error:
            raise BackupError("damaged", _("The manifest of this backup is incomplete.")) from error


def refuse_unless_restorable(manifest: Manifest, vendor: str) -> None:
    """BackupError `other_database`, `newer_than_code`."""
    if manifest.vendor != vendor:
        sentence = _(
            "This backup is of {theirs}, and this copy uses {ours}. A backup goes back into what it came from."
        )
        raise BackupError("other_database", sentence.format(theirs=manifest.vendor, ours=vendor))
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    unknown = sorted(f"{app}.{name}" for app, name in manifest.migrations.items() if (app, name) not in known)
    if unknown:
        sentence = _(
            "This backup is newer than the code: {names} is not known here. Restore it with version {version}."
        )
        raise BackupError(
            "newer_than_code", sentence.format(names=", ".join(unknown), version=manifest.application)
        )  # fmt: skip
