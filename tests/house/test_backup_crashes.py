"""A restore that was cut off anywhere: nothing starts, nothing old is lost, and the same command ends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from provisioning.models import Organization
from tests import factories
from tests.house.backups import Place, fast_lock, make_at, needs_client
from texting_hub.backup import BackupError, archive, marker, restoring, settling
from texting_hub.up.__main__ import main


class Killed(BaseException):
    """As sudden as the kernel: no `except Exception` catches it."""


@pytest.fixture
def place(shared_database: Path | None, tmp_path: Path, settings: Any) -> Iterator[Place]:
    if reason := needs_client():
        pytest.skip(reason)
    settings.DATA_DIR, settings.EXPORT_DIR = tmp_path / "data", tmp_path / "data" / "exports"
    settings.DATA_DIR.mkdir()
    factories.OrganizationFactory(name="Northwind Dental Supply")
    made = Place(tmp_path / "another place", settings)
    yield made
    made.drop()


@pytest.fixture
def backup(place: Place, tmp_path: Path) -> Path:
    return make_at(tmp_path / "one.backup")


def kill_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, nth: int = 1) -> None:
    """The nth call of that function is the end of the process."""
    real, calls = getattr(owner, name), iter(range(1, 1000))

    def call(*arguments: Any, **named: Any) -> Any:
        if next(calls) == nth:
            raise Killed
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, call)


MOMENTS = {
    "before anything was set aside": (restoring.Restore, "_set_files_aside", 1),
    "after it was set aside, before the load": (archive, "walk", 2),
    "after the load, before anything was settled": (settling, "settle", 1),
    "while the purge ran": (settling.retention, "purge_restored", 1),
    "when all was settled": (settling, "record", 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_starts_until_the_same_restore_has_ended(
    place: Place, backup: Path, moment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.restore(backup, fast_lock().key)
    place.found(lambda: [Organization.objects.update(name="Set aside")])
    with monkeypatch.context() as killing:
        kill_at(killing, *MOMENTS[moment])
        with pytest.raises(Killed):
            place.restore(backup, fast_lock().key, replace=True)
    with place.opened():
        with pytest.raises(SystemExit, match="has not ended"):
            marker.refuse_to_start()
        with pytest.raises(BackupError, match="has not ended"):
            marker.refuse_half_restored()
        connection.close()
    if connection.vendor == "sqlite":
        assert main(["up", "--data", str(place.folder), "--port", "8391", "--no-demo"]) == 1
        assert "has begun and has not ended" in capsys.readouterr().err
    place.restore(backup, fast_lock().key)
    with place.opened():
        marker.refuse_to_start()
        assert Organization.objects.get().name == "Northwind Dental Supply"
        connection.close()
    assert old_name(place) == "Set aside"


def old_name(place: Place) -> str:
    """The organization's name in what was set aside: once, and whole."""
    if connection.vendor == "sqlite":
        (aside,) = place.folder.glob("replaced-*/hub.sqlite3")
        with sqlite3.connect(aside) as old:
            return str(old.execute("SELECT name FROM provisioning_organization").fetchone()[0])
    with place.opened(), connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replaced_%' OR nspname = 'hub_halfway'")
        ((schema,),) = cursor.fetchall()
        cursor.execute(f"SELECT name FROM {schema}.provisioning_organization")
        return str(cursor.fetchone()[0])


def test_no_backup_is_made_of_half_a_restore(
    place: Place, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killing:
        kill_at(killing, settling, "settle")
        with pytest.raises(Killed):
            place.restore(backup, fast_lock().key)
    with place.opened(), pytest.raises(BackupError) as caught:
        make_at(tmp_path / "two.backup")
    assert caught.value.code == "half_restored"


def test_a_database_in_use_is_not_restored_into(place: Place, backup: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite: the data folder's lock (test_backup_commands.py)")
    import psycopg2

    parameters = connection.get_connection_params()
    kept = {name: parameters[name] for name in ("host", "port", "user", "password") if parameters.get(name)}
    other = psycopg2.connect(**kept, dbname=place.database)
    try:
        with pytest.raises(BackupError) as caught:
            place.restore(backup, fast_lock().key)
    finally:
        other.close()
    assert caught.value.code == "in_use"


def test_every_process_asks_before_it_starts() -> None:
    """Web, live stream, workers and beat."""
    from celery.signals import beat_init, worker_init

    from texting_hub.celery import refuse_a_half_restored_database
    from texting_hub.up.words import ROOT

    for signal in (worker_init, beat_init):
        assert refuse_a_half_restored_database in [receiver() for _key, receiver in signal.receivers] or any(
            receiver is refuse_a_half_restored_database for _key, receiver in signal.receivers
        )
    for entry in ("wsgi.py", "asgi.py"):
        assert "\nrefuse_to_start()\n" in (ROOT / "texting_hub" / entry).read_text()
