"""`manage verify_backup`: read a backup to its end, and say what is in it. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from texting_hub.backup import BackupError, archive
from texting_hub.backup.databases import in_words
from texting_hub.backup.locks import chosen_key
from texting_hub.backup.manifests import Entry, Manifest
from texting_hub.backup.restoring import write_secrets


class Command(BaseCommand):
    help = str(gettext_lazy("Open a backup, check every SHA-256, and say what is in it."))
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE", help=_("the backup"))
        parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help=_("its first line is the passphrase"))
        parser.add_argument("--identity", type=Path, metavar="FILE", help=_("an age identity, as age-keygen writes it"))
        parser.add_argument(
            "--write-secrets",
            type=Path,
            metavar="FILE",
            help=_("also write its SECRET_KEY and FIELD_KEYS there (0600)"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        secrets: dict[str, str] = {}

        def take(entry: Entry, pieces: Iterator[bytes]) -> None:
            content = [piece for piece in pieces if entry.name == "secrets.json"]
            secrets.update(json.loads(b"".join(content)) if content else {})

        try:
            key = chosen_key(options["identity"], options["passphrase_file"], options["path"])
            manifest = archive.walk(options["path"], key, take)
            if options["write_secrets"]:
                write_secrets(secrets, options["write_secrets"])
        except BackupError as error:
            raise CommandError(f"{error.sentence} ({error.code})") from error
        except OSError as error:
            raise CommandError(_("The system refused: {why}").format(why=error)) from error
        self._tell(manifest)

    def _tell(self, manifest: Manifest) -> None:
        about = _("Whole. Made {made_at} by Texting Hub {application} from {vendor} ({tools}).")
        self.stdout.write(
            about.format(
                made_at=manifest.made_at, application=manifest.application, vendor=manifest.vendor, tools=manifest.tools
            )
        )
        for entry in manifest.members:
            self.stdout.write(f"  {entry.name}  {in_words(entry.size)}  SHA-256 {entry.sha256}")
        for table, rows in manifest.rows.items():
            self.stdout.write(_("  {table}: {rows} rows").format(table=table, rows=f"{rows:,}"))
