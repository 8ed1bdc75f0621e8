"""Migrates the database that the environment names, one of two ways: `python -m tests.house.upgrading at_once`.

`at_once` is a new copy. `by_single_files` is a copy of before the migrations were squashed: it stops in the middle,
where one app has all of what its squashed file replaces and the others only some, and goes on with the code as it is.
"""

from __future__ import annotations

import os
import sys
from unittest import mock

import django
from django.core.management import call_command

MIDDLE = (
    ("provisioning", "0012_numbers_to_ask"),
    ("messaging", "0004_carrier_health"),
    ("compliance", "0005_audit_actors"),
)


def at_once() -> None:
    call_command("migrate", verbosity=0)
    forget_squashed()
    call_command("migrate", check_unapplied=True)


def forget_squashed() -> None:
    """What remains recorded is what a copy has that came to the end by the single files."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    applied = MigrationRecorder(connection).migration_qs.filter(app__in=[app for app, _name in MIDDLE])
    assert applied.filter(name__contains="_squashed_").delete()[0] == len(MIDDLE)


def by_single_files() -> None:
    from django.db.migrations.loader import MigrationLoader

    load = MigrationLoader.load_disk
    ours = {app for app, _name in MIDDLE}

    def load_single_files(loader: MigrationLoader) -> None:
        load(loader)
        for key, migration in list(loader.disk_migrations.items()):
            if key[0] in ours and migration.replaces:
                del loader.disk_migrations[key]

    with mock.patch.object(MigrationLoader, "load_disk", load_single_files):
        for app, name in MIDDLE:
            call_command("migrate", app, name, verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("migrate", check_unapplied=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
    django.setup()
    {"at_once": at_once, "by_single_files": by_single_files}[sys.argv[1]]()
