"""`manage restore_backup`: what `./hub restore` runs, and production for the database of DATABASE_URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from texting_hub.backup import BackupError
from texting_hub.backup.locks import chosen_key
from texting_hub.backup.restoring import Restore


class Command(BaseCommand):
    help = str(
        gettext_lazy(
            "Bring a backup back into an empty database. Texts that were under way become 'Outcome unknown', and what "
            "has expired is purged, before anything may start. Cut off, it is run again."
        )
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE", help=_("the backup"))
        parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help=_("its first line is the passphrase"))
        parser.add_argument("--identity", type=Path, metavar="FILE", help=_("an age identity, as age-keygen writes it"))
        parser.add_argument("--replace", action="store_true", help=_("set aside what is there; nothing is deleted"))
        parser.add_argument(
            "--keys-from-backup", action="store_true",
            help=_("write SECRET_KEY and FIELD_KEYS into the data folder, where the environment gives none"),
        )  # fmt: skip
        parser.add_argument(
            "--other-keys", action="store_true", help=_("go on without the keys of the backup's credentials")
        )
        parser.add_argument("--held", action="store_true", help=_("the data folder is held already (./hub restore)"))

    def handle(self, *args: Any, **options: Any) -> None:
        os.umask(0o077)
        if connection.vendor == "sqlite" and not options["held"]:
            raise CommandError(_("This copy is on SQLite: use ./hub restore FILE --data DIR. (use_hub_restore)"))
        try:
            Restore(
                path=options["path"],
                key=chosen_key(options["identity"], options["passphrase_file"], options["path"]),
                tell=self.stdout.write,
                replace=options["replace"],
                keys_from_backup=options["keys_from_backup"],
                other_keys=options["other_keys"],
            ).run()
        except BackupError as error:
            raise CommandError(f"{error.sentence} ({error.code})") from error
        except DatabaseError as error:
            raise CommandError(_("The database refused: {why} (database_refused)").format(why=error)) from error
        except OSError as error:
            raise CommandError(_("The system refused: {why}").format(why=error)) from error
