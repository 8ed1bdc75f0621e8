"""`manage make_backup`: what `./hub backup` runs, and what production runs by hand or by cron."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from texting_hub.backup import BackupError
from texting_hub.backup.locks import chosen_lock
from texting_hub.backup.making import make


class Command(BaseCommand):
    help = str(gettext_lazy("Write the database, the secrets and the exports into one encrypted file, and check it."))
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE", help=_("the file, or a folder: then named by the time"))
        parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help=_("its first line is the passphrase"))
        parser.add_argument("--recipient", action="append", default=[], metavar="age1...", help=_("who can open it"))
        parser.add_argument("--no-verify", dest="verify", action="store_false", help=_("do not open it again to check"))

    def handle(self, *args: Any, **options: Any) -> None:
        os.umask(0o077)
        # A stop ends it in order, so that the copy in the clear goes too.
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
        try:
            lock = chosen_lock(options["recipient"], options["passphrase_file"])
            make(options["path"], lock, self.stdout.write, verify=options["verify"])
        except BackupError as error:
            raise CommandError(f"{error.sentence} ({error.code})") from error
        except DatabaseError as error:
            raise CommandError(_("The database refused: {why} (database_refused)").format(why=error)) from error
        except OSError as error:
            raise CommandError(_("The system refused: {why}").format(why=error)) from error
