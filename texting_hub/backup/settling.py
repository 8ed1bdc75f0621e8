"""What a restored database goes through before anything opens it. A crash in here: the restore loads it anew.

The database is as it was when the backup was made, and the world went on. So nothing that was under way then may be
taken for not done, and what has expired since must not come back:

1. The schema is brought up to this code's.
2. Texts in line, and scheduled ones whose time has come, become `unconfirmed`; registrations that waited are looked up.
3. No number has plans: the relay looks at a number when a text of after the restore is for it.
4. Every session ends: one may have been ended since. API tokens stay, as they were when the backup was made; one that
   was revoked since works again, so this is said.
5. What is older than the retention by now is purged, by runs of its own (holds count, as every night), and expired
   packages go.
6. Postgres counts its tables anew, which a restore leaves uncounted: plans would be poor until autovacuum came.
7. The platform's audit chain tells of the restore.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.core.management import call_command
from django.db import connection
from django.utils.translation import gettext as _

from compliance import exports, retention
from messaging import clock, states
from messaging.models import SendingNumber
from provisioning.changes import Actor, Change, record
from provisioning.models import Session
from provisioning.registration import submissions
from texting_hub.backup import BackupError, databases
from texting_hub.backup.databases import Tell

ACTOR = Actor(user_id=None, label="restore_backup", via="command")


def settle(made_at: str, rows: Mapping[str, int], tell: Tell) -> None:
    """Bring a database that was just loaded to where it may be opened. BackupError when it is not as it was said."""
    _compare(rows)
    call_command("migrate", interactive=False, verbosity=0)
    unconfirmed, looked_up, sessions = _forget_what_was_under_way(tell)
    purged = _purge(tell)
    _analyze()
    after = {"made_at": made_at, "unconfirmed": unconfirmed, "sessions_ended": sessions, "purged": purged}
    record(Change("backup.restored", ACTOR, None, "backup", "", made_at, after=after | {"looked_up": looked_up}))
    connection.close()


def _analyze() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _compare(rows: Mapping[str, int]) -> None:
    """The tables hold what they held when they were copied."""
    found = databases.counts()
    if found != rows:
        different = ", ".join(f"{table} {found[table]:,}/{rows.get(table, 0):,}" for table in found)
        raise BackupError(
            "incomplete", _("The restored tables differ from the backup’s: {what}").format(what=different)
        )


def _forget_what_was_under_way(tell: Tell) -> tuple[int, int, int]:
    now, unconfirmed = clock.database_now(), 0
    while moved := states.after_restore(now):
        unconfirmed += moved
    looked_up = submissions.after_restore(now)
    SendingNumber.objects.exclude(next_due_at=None).update(next_due_at=None)
    sessions, _by_model = Session.objects.all().delete()
    sentence = _("{texts} texts that were under way: outcome unknown, never sent by themselves.")
    tell(sentence.format(texts=f"{unconfirmed:,}"))
    tell(
        _("{sessions} sessions ended. API tokens stay: revoke again what was revoked since.").format(sessions=sessions)
    )
    return unconfirmed, looked_up, sessions


def _purge(tell: Tell) -> int:
    now = clock.database_now()
    try:
        runs = retention.purge_restored(now, ACTOR)
    except retention.IncompleteError as error:
        sentence = _("What has expired could not be purged ({errors}). Run the restore again.")
        raise BackupError("not_purged", sentence.format(errors=error)) from error
    exports.expire(now)
    purged = sum(run.messages_deleted for run in runs)
    tell(_("{texts} texts older than the retention purged.").format(texts=f"{purged:,}"))
    return purged
