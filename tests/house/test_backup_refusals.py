"""A backup that is not whole, not ours, not for this key or not for this code changes nothing, and says why."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from provisioning.models import Organization
from tests import factories
from tests.house.backups import PASSPHRASE, Place, fast_lock, make_at, needs_client, passphrase_lock, quiet
from texting_hub.backup import BackupError, archive, manifests
from texting_hub.backup.locks import Key, chosen_key, chosen_lock, lock_by_passphrase
from texting_hub.backup.restoring import Restore, write_secrets
from texting_hub.backup.sealed import seal


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


def refused(place: Place, path: Path, key: Key | None = None, **switches: bool) -> str:
    """The code of the refusal; nothing in the folder and no table is there afterwards that was not before."""
    before = place.files()
    with pytest.raises(BackupError) as caught:
        place.restore(path, key or fast_lock().key, **switches)
    assert place.files() == before
    with place.opened():
        assert connection.introspection.table_names() == []
        connection.close()
        if connection.vendor == "sqlite":  # which makes an empty file by being asked
            Path(place.database).unlink()
    assert caught.value.sentence
    return caught.value.code


def test_a_bit_that_flipped_anywhere_is_found(place: Place, backup: Path) -> None:
    whole = backup.read_bytes()
    for at in (5, 60, 230, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        backup.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert refused(place, backup) in {"damaged", "wrong_identity"}, at


def test_a_file_that_was_cut_off_or_grew_is_found(place: Place, backup: Path) -> None:
    whole = backup.read_bytes()
    # At the end of a piece too: age's pieces are 64 KiB and 16 bytes.
    header = whole.index(b"\n---") + 48 + 16
    for content in (b"", whole[:10], whole[:100], whole[: header + 2 * 65552], whole[:-1], whole + b"more"):
        backup.write_bytes(content)
        assert refused(place, backup) == "damaged", len(content)


def test_another_passphrase_or_identity_opens_nothing(place: Place, backup: Path, tmp_path: Path) -> None:
    locked = make_at(tmp_path / "two.backup", passphrase_lock())
    assert refused(place, locked, Key(passphrase="another passphrase")) == "wrong_passphrase"
    assert refused(place, locked, fast_lock().key) == "passphrase_missing"
    assert refused(place, backup, Key(identities=[pyrage.x25519.Identity.generate()])) == "wrong_identity"
    assert refused(place, backup, Key(passphrase=PASSPHRASE)) == "identity_missing"
    front = locked.read_bytes()
    locked.write_bytes(front[:100] + b"?" + front[101:])
    assert refused(place, locked, Key(passphrase=PASSPHRASE)) in {"wrong_passphrase", "damaged"}
    locked.write_bytes(front[:200])
    assert refused(place, locked, Key(passphrase=PASSPHRASE)) == "damaged"


def forged(path: Path, change: Callable[[dict[str, Any]], None], files: dict[str, bytes]) -> None:
    """A well sealed backup whose manifest, or whose files, are others."""
    manifest = archive.manifest_of(path, fast_lock().key)
    content = json.loads(manifest.encoded())
    change(content)

    class Told:
        members = [dataclasses.replace(manifest.members[0], name=name, size=len(of)) for name, of in files.items()]

        def encoded(self) -> bytes:
            return json.dumps(content).encode()

    def pieces() -> Iterator[bytes]:
        import io

        yield from archive.packed(Told(), [archive.Member(name, io.BytesIO(of)) for name, of in files.items()])  # type: ignore[arg-type]

    with path.open("wb") as target:
        seal(pieces(), target, fast_lock())


def test_another_format_a_newer_schema_and_another_database_are_refused(place: Place, backup: Path) -> None:
    original = backup.read_bytes()
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[connection.vendor]
    for code, change in (
        ("other_format", {"format": 2}),
        ("damaged", {"kind": "a shopping list"}),
        ("damaged", {"rows": None, "nonsense": 1}),
        ("newer_than_code", {"migrations": {"messaging": "9999_teleportation"}}),
        ("other_database", {"vendor": other}),
    ):
        backup.write_bytes(original)
        forged(backup, lambda content, change=change: content.update(change), {})
        assert refused(place, backup) == code, change


def test_only_files_that_the_manifest_names_and_that_we_know_are_taken(place: Place, backup: Path) -> None:
    original = backup.read_bytes()
    evil = {"name": "../../outside", "size": 4, "sha256": "0" * 64}
    for members, files in (([evil], {"../../outside": b"evil"}), ([], {"secrets.json": b"{}"}), ([evil], {})):
        backup.write_bytes(original)
        forged(backup, lambda content, members=members: content.update(members=members), files)
        assert refused(place, backup) == "damaged", files
    assert not list(place.folder.parent.rglob("outside"))


def test_what_is_no_backup_is_refused(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(b"\xff\xd8" * 1000)
    assert refused(place, path) == "damaged"


def test_a_database_that_is_there_is_kept_unless_it_is_to_be_set_aside(place: Place, backup: Path) -> None:
    place.restore(backup, fast_lock().key)
    place.found(lambda: [Organization.objects.update(name="Still here")])
    with pytest.raises(BackupError) as caught:
        place.restore(backup, fast_lock().key)
    assert caught.value.code == "database_exists"
    assert place.found(lambda: Organization.objects.values_list("name", flat=True)) == ["Still here"]
    place.restore(backup, fast_lock().key, replace=True)
    assert place.found(lambda: Organization.objects.values_list("name", flat=True)) == ["Northwind Dental Supply"]
    assert _set_aside(place) == "Still here"


def _set_aside(place: Place) -> str:
    """The organization's name in what was set aside."""
    import sqlite3

    if connection.vendor == "sqlite":
        (aside,) = place.folder.glob("replaced-*/hub.sqlite3")
        with sqlite3.connect(aside) as old:
            return str(old.execute("SELECT name FROM provisioning_organization").fetchone()[0])
    with place.opened(), connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replaced_%'")
        ((schema,),) = cursor.fetchall()
        cursor.execute(f"SELECT name FROM {schema}.provisioning_organization")
        return str(cursor.fetchone()[0])


def test_keys_of_the_environment_that_open_nothing_are_told_before_anything_happens(
    place: Place, backup: Path, tmp_path: Path, settings: Any
) -> None:
    kept = list(settings.FIELD_KEYS)
    with place.opened():
        settings.FIELD_KEYS = [Fernet.generate_key().decode()]
        with pytest.raises(BackupError) as caught:
            Restore(backup, fast_lock().key, quiet).run()
        assert caught.value.code == "other_keys"
        settings.FIELD_KEYS = [*settings.FIELD_KEYS, *kept]
        Restore(backup, fast_lock().key, quiet).run()
    assert not (place.folder / "secrets.json").exists()
    write_secrets({"FIELD_KEYS": ",".join(kept)}, tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == f"FIELD_KEYS={','.join(kept)}\n"


def test_a_recipients_identity_opens_it_and_a_file_may_hold_several(place: Place, tmp_path: Path) -> None:
    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    (tmp_path / "identities").write_text(f"# created: today\n{other}\n{mine}\n")
    path = make_at(tmp_path / "one.backup", chosen_lock([str(mine.to_public())], None))
    place.restore(path, chosen_key(tmp_path / "identities", None, path))
    assert place.found(Organization.objects.all)


def test_passphrases_and_keys_come_from_where_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUB_BACKUP_PASSPHRASE", "HUB_BACKUP_RECIPIENT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "short").write_text("short\n")
    for arguments, code in (
        (([], tmp_path / "short"), "passphrase_too_short"),
        ((["age1nonsense"], None), "bad_recipient"),
        (([], None), "passphrase_missing"),  # nobody sits at the terminal of a test
    ):
        with pytest.raises(BackupError) as caught:
            chosen_lock(*arguments)
        assert caught.value.code == code
    monkeypatch.setenv("HUB_BACKUP_PASSPHRASE", PASSPHRASE)
    assert chosen_lock([], None).key == Key(passphrase=PASSPHRASE)
    (tmp_path / "key").write_text("AGE-SECRET-KEY-NONSENSE\n")
    with pytest.raises(BackupError, match="no age identity"):
        chosen_key(tmp_path / "key", None, tmp_path / "key")
    assert lock_by_passphrase(PASSPHRASE).front.startswith(b"-----BEGIN AGE")


def test_the_commands_say_the_sentence_and_the_code(
    place: Place, backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "identity").write_text(str(fast_lock().key.identities[0]))
    call_command("verify_backup", str(backup), identity=tmp_path / "identity")
    assert "provisioning_organization: 1 rows" in capsys.readouterr().out
    backup.write_bytes(backup.read_bytes()[:-20])
    with pytest.raises(CommandError, match=r"damaged, cut off, or no backup at all.*\(damaged\)"):
        call_command("verify_backup", str(backup), identity=tmp_path / "identity")
    with pytest.raises(CommandError, match="No such file"):
        call_command("verify_backup", str(tmp_path / "nothing"), identity=tmp_path / "identity")
    if connection.vendor == "sqlite":
        with pytest.raises(CommandError, match="This copy is on SQLite"):
            call_command("restore_backup", str(backup))


def test_a_missing_or_too_old_client_program_is_said(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("of Postgres")
    from texting_hub.backup import databases

    assert databases._failed("pg_dump", b"aborting because of server version mismatch").code == "client_too_old"
    monkeypatch.setattr(databases.shutil, "which", lambda _name: None)
    with pytest.raises(BackupError, match="apt install postgresql-client"):
        make_at(tmp_path / "one.backup")


def test_the_version_in_a_backup_is_the_projects() -> None:
    import tomllib

    from texting_hub import __version__
    from texting_hub.up.words import ROOT

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__
    assert manifests.FORMAT == 1
