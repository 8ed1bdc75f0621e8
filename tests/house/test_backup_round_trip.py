"""What was backed up comes back: rows, secrets, packages; and what it must not bring back stays away."""

from __future__ import annotations

import stat
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from compliance import certificates, packages, retention, verification
from compliance.models import AuditEvent, Export, PurgeRun
from messaging import clock, leases, policy, states, sweep
from messaging.models import CarrierAccount, Conversation, Message, SendingNumber
from messaging.models.messages import Status
from provisioning import heartbeats, vault
from provisioning.models import Heartbeat, Organization, RegistrySubmission, Session
from provisioning.registration import submissions
from tests import factories
from tests.compliance.rows import CUTOFF, INSTANT, conversation_of, text
from tests.house.backups import PASSPHRASE, Place, fast_lock, make_at, needs_client, passphrase_lock, quiet
from tests.provisioning.registration import rows as registrations
from texting_hub.backup import BackupError, archive, databases
from texting_hub.backup.locks import Key
from texting_hub.backup.making import make

CREDENTIALS = {"api_key": "k-123"}


@pytest.fixture
def place(shared_database: Path | None, tmp_path: Path, settings: Any) -> Iterator[Place]:
    """An empty place; the test's own database and a data folder of its own are what is backed up."""
    if reason := needs_client():
        pytest.skip(reason)
    settings.DATA_DIR, settings.EXPORT_DIR = tmp_path / "data", tmp_path / "data" / "exports"
    settings.DATA_DIR.mkdir()
    made = Place(tmp_path / "another place", settings)
    yield made
    made.drop()


@pytest.fixture
def user(place: Place) -> Any:
    return factories.texting_user(factories.OrganizationFactory(name="Northwind Dental Supply"))


@pytest.fixture
def conversation(user: Any) -> Conversation:
    return conversation_of(user)


def waiting(conversation: Conversation, status: Status, **fields: Any) -> Message:
    """A text under way."""
    now = timezone.now()
    return text(conversation, now, **{"status": status, "due_at": now, "delivered_at": None, **fields})


def test_everything_comes_back_as_it_was(
    place: Place, conversation: Conversation, tmp_path: Path, settings: Any
) -> None:
    sent = text(conversation, timezone.now(), body="Your crown is ready. ♥")
    CarrierAccount.objects.update(sealed_credentials=vault.seal(CREDENTIALS))
    path = make_at(tmp_path / "one.backup", passphrase_lock())
    place.restore(path, Key(passphrase=PASSPHRASE))
    found = place.found(Message.objects.all)
    assert [(one.pk, one.body, one.status) for one in found] == [(sent.pk, sent.body, Status.DELIVERED)]
    assert place.found(lambda: Organization.objects.values_list("name", flat=True)) == ["Northwind Dental Supply"]
    kept = (place.folder / "secrets.json").read_text()
    assert all(key in kept for key in (settings.SECRET_KEY, *settings.FIELD_KEYS))
    sealed = place.found(lambda: CarrierAccount.objects.values_list("sealed_credentials", flat=True))
    assert {vault.unseal(one)["api_key"] for one in sealed} == {"k-123"}


def test_a_packages_bytes_come_back_and_an_expired_one_does_not(place: Place, user: Any, tmp_path: Path) -> None:
    now = timezone.now()
    fields = {"organization": user.organization, "requested_by": user, "state": "ready", "created_at": now}
    fields |= {"held_until": now, "file_name": "a.zip"}
    ready = Export.objects.create(**fields, expires_at=now + timedelta(days=1))
    over = Export.objects.create(**fields, expires_at=now - timedelta(days=1))
    for export in (ready, over):
        packages.write_at(export.pk, packages.PACKAGE, 0, b"PK package")
    place.restore(make_at(tmp_path / "one.backup"), fast_lock().key)
    assert (place.folder / "exports" / str(ready.pk) / "package.zip").read_bytes() == b"PK package"
    assert not (place.folder / "exports" / str(over.pk)).exists()
    assert place.found(lambda: Export.objects.filter(state="expired").values_list("pk", flat=True)) == [over.pk]


def test_what_was_under_way_is_unconfirmed_and_never_sent(
    place: Place, conversation: Conversation, tmp_path: Path
) -> None:
    now = timezone.now()
    lease = {"lease_token": uuid.uuid4(), "leased_until": now + timedelta(minutes=1)}
    waiting(conversation, Status.SENDING, **lease)
    waiting(conversation, Status.QUEUED, **lease)
    waiting(conversation, Status.QUEUED, retry_at=now + timedelta(minutes=1))
    due = waiting(conversation, Status.SCHEDULED, due_at=now - timedelta(minutes=1))
    later = waiting(conversation, Status.SCHEDULED, due_at=now + timedelta(days=2))
    Message.objects.filter(pk__in=[due.pk, later.pk]).update(seq=None)
    SendingNumber.objects.update(next_due_at=now)
    place.restore(make_at(tmp_path / "one.backup"), fast_lock().key)
    with place.opened():
        assert Message.objects.filter(status=Status.UNCONFIRMED).count() == 4
        assert Message.objects.get(status=Status.SCHEDULED).pk == later.pk
        assert Message.objects.get(pk=due.pk).seq is not None
        assert not Message.objects.exclude(lease_token=None).exists()
        assert not SendingNumber.objects.exclude(next_due_at=None).exists()
        hence = clock.database_now() + timedelta(minutes=2)
        assert sweep.sweep(hence) is False
        assert leases.take(hence, 10) is None


def test_in_batches_until_none_is_left_and_a_person_may_send_each_again(conversation: Conversation) -> None:
    before = [waiting(conversation, Status.QUEUED, leased_until=timezone.now()) for _text in range(3)]
    now = clock.database_now()
    assert [states.after_restore(now, limit=2) for _batch in range(3)] == [2, 1, 0]
    after = Message.objects.filter(pk__in=[one.pk for one in before])
    assert all(policy.may_resend(one, now) for one in after)
    assert {one.unconfirmed_at for one in after} == {now}
    conversation.refresh_from_db()
    assert conversation.changed_at == now


def test_a_registration_that_waited_is_looked_up_and_not_handed_in_again(place: Place) -> None:
    brand = registrations.brand_of(factories.OrganizationFactory())
    account = registrations.registry_account()
    now = timezone.now()
    waits = RegistrySubmission.objects.create(
        organization=brand.organization, account=account, brand=brand, document={}, created_at=now, look_at=now
    )
    assert submissions.after_restore(now) == 1
    submissions.send(waits.pk)
    found = RegistrySubmission.objects.get()
    assert (found.state, found.attempts) == ("sending", 0)
    assert found.look_at == now + submissions.LONGEST_REQUEST


def test_what_has_expired_is_purged_before_anything_opens(
    place: Place, conversation: Conversation, tmp_path: Path
) -> None:
    text(conversation, timezone.now() - timedelta(days=401), body="too old")
    kept = text(conversation, timezone.now() - timedelta(days=399))
    place.restore(make_at(tmp_path / "one.backup"), fast_lock().key)
    assert place.found(lambda: Message.objects.values_list("pk", flat=True)) == [kept.pk]
    assert place.found(lambda: PurgeRun.objects.values_list("messages_deleted", flat=True)) == [1]
    if connection.vendor == "sqlite":
        everything = b"".join(content for name, content in place.files().items() if name.startswith("hub.sqlite3"))
        assert b"too old" not in everything


@pytest.fixture
def after_the_days_purge(place: Place, conversation: Conversation, tmp_path: Path) -> Path:
    """A backup with that day's finished run, made before anything else expired."""
    text(conversation, CUTOFF - INSTANT)
    [nightly] = retention.purge(factories.NOW)
    assert nightly.messages_deleted == 1
    text(conversation, CUTOFF + timedelta(hours=1))
    text(conversation, CUTOFF + timedelta(hours=3))
    return make_at(tmp_path / "one.backup")


def restore_at(now: datetime, place: Place, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "database_now", lambda: now)
    place.restore(path, fast_lock().key)


def test_what_expired_since_the_days_purge_goes_with_a_certificate_of_the_restores_own(
    place: Place, after_the_days_purge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_at(factories.NOW + timedelta(hours=2), place, after_the_days_purge, monkeypatch)
    with place.opened():
        assert Message.objects.get().accepted_at == CUTOFF + timedelta(hours=3)
        assert AuditEvent.objects.get(action="backup.restored").after["purged"] == 1
        nightly, own = PurgeRun.objects.order_by("started_at")
        assert (own.messages_deleted, own.previous, own.night) == (1, nightly, nightly.night)
        assert own.digest == certificates.seal(own)


def test_what_was_purged_before_the_backup_is_not_told_again(
    place: Place, after_the_days_purge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_at(factories.NOW + timedelta(minutes=30), place, after_the_days_purge, monkeypatch)
    with place.opened():
        assert Message.objects.count() == 2
        assert AuditEvent.objects.get(action="backup.restored").after["purged"] == 0


def test_the_nightly_purge_goes_on_as_if_nothing_had_been_restored(
    place: Place, after_the_days_purge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_at(factories.NOW + timedelta(hours=2), place, after_the_days_purge, monkeypatch)
    with place.opened():
        nightly, own = PurgeRun.objects.order_by("started_at")
        assert retention.purge(factories.NOW + timedelta(hours=4)) == [nightly]
        [tomorrow] = retention.purge(factories.NOW + timedelta(days=1))
        assert (tomorrow.messages_deleted, tomorrow.previous) == (1, own)


def test_what_a_running_export_holds_is_not_purged_by_a_restore(
    place: Place, user: Any, after_the_days_purge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"organization": user.organization, "requested_by": user, "created_at": factories.NOW}
    Export.objects.create(**fields, state="running", held_until=factories.NOW + timedelta(hours=24))
    restore_at(factories.NOW + timedelta(hours=2), place, make_at(tmp_path / "two.backup"), monkeypatch)
    with place.opened():
        assert Message.objects.count() == 2
        own = PurgeRun.objects.get(after_restore=True)
        assert (own.messages_deleted, own.messages_kept) == (0, 1)


def test_sessions_end_and_the_audit_log_tells(place: Place, user: Any, tmp_path: Path) -> None:
    Session.objects.create(session_key="a" * 32, session_data="x", expire_date=timezone.now() + timedelta(days=1))
    place.restore(make_at(tmp_path / "one.backup"), fast_lock().key)
    with place.opened():
        assert not Session.objects.exists()
        assert AuditEvent.objects.get(action="backup.restored").chain == "platform"
        assert verification.verify() == []


def test_a_backup_is_noted_and_told_to_the_audit_log(place: Place, user: Any, tmp_path: Path) -> None:
    path = make_at(tmp_path / "one.backup")
    assert Heartbeat.objects.filter(name=heartbeats.BACKUP).exists()
    assert AuditEvent.objects.get(action="backup.made").target_label == path.name


def test_only_the_owner_reads_it_and_nothing_else_stays(place: Place, user: Any, tmp_path: Path, settings: Any) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    path = make(folder, fast_lock(), quiet)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in folder.iterdir()] == [path.name]
    assert {entry.name for entry in settings.DATA_DIR.iterdir()} <= {"backup.lock"}


def test_a_backup_that_fails_leaves_nothing(
    place: Place, user: Any, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("texting_hub.backup.making.seal", full)
    with pytest.raises(OSError, match="No space"):
        make_at(tmp_path / "one.backup")
    assert not list(tmp_path.glob("one*"))
    assert {entry.name for entry in settings.DATA_DIR.iterdir()} <= {"backup.lock"}
    assert not Heartbeat.objects.filter(name=heartbeats.BACKUP).exists()


def test_a_backup_before_an_upgrade_is_good_though_it_cannot_be_noted(
    place: Place, user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def older(*_arguments: Any) -> None:
        raise OperationalError("no such column")

    monkeypatch.setattr(heartbeats, "beat", older)
    told: list[str] = []
    path = make(tmp_path / "one.backup", fast_lock(), told.append)
    assert any("could not be noted" in line for line in told)
    assert archive.manifest_of(path, fast_lock().key).rows["provisioning_user"] == 1


def test_what_a_killed_backup_left_is_gone_with_the_next(
    place: Place, user: Any, tmp_path: Path, settings: Any
) -> None:
    left = settings.DATA_DIR / "backup-work"
    left.mkdir()
    (left / "database.sqlite3").write_bytes(b"texts in the clear")
    make_at(tmp_path / "one.backup")
    assert not left.exists()


def test_a_file_that_is_there_is_not_written_over(place: Place, user: Any, tmp_path: Path) -> None:
    (tmp_path / "one.backup").write_bytes(b"precious")
    with pytest.raises(BackupError, match="exists already"):
        make_at(tmp_path / "one.backup")
    assert (tmp_path / "one.backup").read_bytes() == b"precious"


def test_it_is_opened_again_and_what_was_not_written_well_is_no_backup(
    place: Place, user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = archive.packed

    def rotten(*arguments: Any) -> Iterator[bytes]:
        pieces = list(written(*arguments))
        at = max(range(len(pieces)), key=lambda place: len(pieces[place]))
        pieces[at] = bytes([pieces[at][0] ^ 1]) + pieces[at][1:]
        return iter(pieces)

    monkeypatch.setattr(archive, "packed", rotten)
    with pytest.raises(BackupError, match="not as its manifest says"):
        make(tmp_path / "one.backup", fast_lock(), quiet)
    assert not list(tmp_path.glob("one*"))


def test_a_copy_that_is_written_to_meanwhile_is_backed_up_as_of_one_moment(
    place: Place, conversation: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each transaction writes a text and moves the conversation on: no moment has one without the other."""
    monkeypatch.setattr(databases, "PAGES_A_STEP", 1)
    stop, troubles = threading.Event(), []

    def write() -> None:
        from django.db import transaction

        try:
            mine = Conversation.objects.get(pk=conversation.pk)
            while not stop.is_set():
                with transaction.atomic():
                    text(mine, timezone.now())
        except Exception as error:
            troubles.append(error)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not Message.objects.exists():
            connection.close()
        path = make_at(tmp_path / "one.backup")
    finally:
        stop.set()
        writer.join()
    assert troubles == []
    manifest = place.restore(path, fast_lock().key)
    with place.opened():
        found = Conversation.objects.get()
        assert found.last_seq == Message.objects.count() == manifest.rows["messaging_message"]
        assert found.last_message_id == Message.objects.get(seq=found.last_seq).pk
    assert Message.objects.count() > manifest.rows["messaging_message"] > 0
