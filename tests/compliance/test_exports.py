"""What an officer gets: the chosen texts, each once, as of the snapshot, with a manifest that checks."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from compliance import exports, packages
from compliance.export_runs import run_export
from compliance.models import AuditEvent, Export, ExportState
from messaging.models import Message
from provisioning.changes import Actor
from provisioning.refusals import Refusal
from tests import factories
from tests.compliance.packages import documents, read, rows, sha256
from tests.compliance.rows import ReceiptFactory, conversation_of, export_of, text
from tests.compliance.test_export_formats import NASTY
from tests.factories import NOW

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def conversation(user):
    return conversation_of(user)


def made(export, at=LATER):
    run_export(export.pk, now=lambda: at)
    export.refresh_from_db()
    assert export.error_code == ""
    assert export.state == ExportState.READY
    return export


def exported(export):
    return {document["message_id"] for document in documents(export)}


def ids(*messages):
    return {str(message.pk) for message in messages}


def test_a_package_has_the_texts_in_both_formats_with_a_manifest_that_checks(conversation, officer, user):
    first = text(
        conversation, NOW, body="Your sample kit is ready.", sent_at=NOW + SECOND, delivered_at=NOW + 2 * SECOND
    )
    second = text(conversation, NOW + SECOND, direction="in", body="Thanks")
    export = made(export_of(officer))
    files = read(export)
    assert list(files) == ["messages.csv", "messages.jsonl", "errors.csv", "manifest.json"]
    manifest = json.loads(files["manifest.json"])
    assert manifest["counts"] == {"messages": 2, "conversations": 1, "errors": 0}
    assert manifest["snapshot_at"] == "2026-11-23T15:05:00.000000+00:00"
    assert manifest["export"]["organization"]["name"] == "Northwind Dental Supply"
    for described in manifest["files"]:
        assert described["sha256"] == sha256(files[described["name"]])
        assert described["size"] == len(files[described["name"]])
    [one, two] = documents(export)
    assert one == {
        "message_id": str(first.pk), "conversation_id": str(conversation.pk),
        "accepted_at": "2026-11-23T15:00:00.000000+00:00", "direction": "out", "kind": "person",
        "user_id": str(user.pk), "user_name": user.display_name, "user_email": user.email,
        "own_number": user.primary_number.e164, "other_number": conversation.counterpart,
        "body": "Your sample kit is ready.", "status": "delivered", "reason": None, "blocked_by": None,
        "withheld": None, "segments": 1, "encoding": "gsm7", "sent_at": "2026-11-23T15:00:01.000000+00:00",
        "delivered_at": "2026-11-23T15:00:02.000000+00:00", "undelivered_at": None, "failed_at": None,
        "blocked_at": None, "cancelled_at": None, "unconfirmed_at": None, "resend_of": None, "in_reply_to": None,
        "carrier": None, "carrier_message_id": None, "carrier_code": None,
    }  # fmt: skip
    assert (two["message_id"], two["direction"], two["status"]) == (str(second.pk), "in", "received")
    as_text = [{column: "" if value is None else str(value) for column, value in row.items()} for row in (one, two)]
    assert rows(files["messages.csv"]) == as_text
    assert rows(files["errors.csv"]) == []


def test_the_row_says_what_came_out(conversation, officer):
    text(conversation, NOW)
    export = made(export_of(officer, name="Glove recall, all custodians"))
    package = packages.package_of(export.pk).read_bytes()
    assert export.file_sha256 == sha256(package)
    assert export.file_size == len(package)
    assert export.file_name == "glove-recall-all-custodians-2026-11-23.zip"
    assert (export.messages_done, export.messages_total) == (1, 1)
    assert export.expires_at == LATER + timedelta(days=30)
    assert export.lease_token is None


def test_bodies_of_every_kind_come_back(conversation, officer):
    for place, body in enumerate(NASTY):
        text(conversation, NOW + place * SECOND, body=body)
    export = made(export_of(officer))
    assert [document["body"] for document in documents(export)] == NASTY
    assert [row["body"] for row in rows(read(export)["messages.csv"])] == NASTY


def test_people_numbers_and_dates_each_narrow(conversation, officer, organization, user):
    colleague = factories.texting_user(organization)
    theirs = text(conversation_of(colleague), NOW)
    number = text(conversation_of(user, counterpart="+12065550199"), NOW + SECOND)
    early = text(conversation, NOW - timedelta(days=2))
    mine = text(conversation, NOW)
    assert exported(made(export_of(officer))) == ids(theirs, number, early, mine)
    assert exported(made(export_of(officer, users=[colleague]))) == ids(theirs)
    assert exported(made(export_of(officer, numbers=["+12065550199"]))) == ids(number)
    assert exported(made(export_of(officer, numbers=[user.primary_number.e164]))) == ids(number, early, mine)
    assert exported(made(export_of(officer, users=[colleague], numbers=["+12065550199"]))) == set()
    assert exported(made(export_of(officer, begins_at=NOW))) == ids(theirs, number, mine)
    assert exported(made(export_of(officer, begins_at=NOW, ends_at=NOW + SECOND))) == ids(theirs, mine)


def test_texts_that_users_never_saw_are_there_with_the_reason(officer, organization, user):
    withheld = factories.MessageFactory(
        conversation=None, organization=organization, user=None, number=user.primary_number,
        own_e164=user.primary_number.e164, counterpart="+445551234", seq=None, direction="in", status="received",
        withheld="international", accepted_at=NOW,
    )  # fmt: skip
    blocked = text(
        conversation_of(user), NOW, status="blocked", blocked_at=NOW, reason="opted_out", blocked_by="platform"
    )
    export = made(export_of(officer))
    seen = {document["message_id"]: document for document in documents(export)}
    assert seen[str(withheld.pk)]["withheld"] == "international"
    assert (seen[str(blocked.pk)]["status"], seen[str(blocked.pk)]["reason"]) == ("blocked", "opted_out")


def test_another_organizations_texts_are_never_there(conversation, officer, stranger):
    mine = text(conversation, NOW)
    text(conversation_of(stranger, counterpart=conversation.counterpart), NOW)
    assert exported(made(export_of(officer))) == ids(mine)
    assert exported(made(export_of(officer, numbers=[conversation.counterpart]))) == ids(mine)


def test_an_export_of_nothing_is_a_package_with_no_rows(officer):
    export = made(export_of(officer))
    assert documents(export) == []
    assert rows(read(export)["messages.csv"]) == []
    assert json.loads(read(export)["manifest.json"])["counts"]["messages"] == 0


def test_what_happens_after_the_snapshot_is_not_in_it(conversation, officer):
    row = text(conversation, NOW, status="delivered", sent_at=NOW, delivered_at=LATER + SECOND)
    ReceiptFactory(message=row, event_at=LATER + SECOND)
    text(conversation, LATER + SECOND, direction="in", body="too late")
    export = made(export_of(officer), at=LATER)
    [document] = documents(export)
    assert (document["status"], document["delivered_at"]) == ("sent", None)


def test_a_text_that_can_not_be_told_is_listed_and_the_rest_is_there(conversation, officer, monkeypatch):
    told, gone = text(conversation, NOW), text(conversation, NOW + SECOND)
    in_bulk = type(Message.objects.all()).in_bulk

    def without_one(queryset, ids):
        return {pk: row for pk, row in in_bulk(queryset, ids).items() if pk != gone.pk}

    monkeypatch.setattr(type(Message.objects.all()), "in_bulk", without_one)
    export = made(export_of(officer))
    assert exported(export) == ids(told)
    [row] = rows(read(export)["errors.csv"])
    assert row == {"message_id": str(gone.pk), "accepted_at": (NOW + SECOND).isoformat(), "code": "message_gone"}
    assert export.manifest["counts"] == {"messages": 1, "conversations": 1, "errors": 1}


def test_files_are_for_our_eyes_only_and_only_the_package_stays(conversation, officer, export_folder):
    text(conversation, NOW)
    export = made(export_of(officer))
    folder = packages.folder_of(export.pk)
    assert [path.name for path in folder.iterdir()] == ["package.zip"]
    assert (folder / "package.zip").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == export_folder.stat().st_mode & 0o777 == 0o700


ACTOR = Actor(user_id=None, label="Ingrid Solberg", via="portal", ip="192.0.2.9")


def test_asking_is_recorded_with_what_was_chosen_and_wakes_a_worker(
    officer, user, organization, django_capture_on_commit_callbacks, monkeypatch
):
    started = []
    monkeypatch.setattr(exports, "start", started.append)
    with django_capture_on_commit_callbacks(execute=True):
        export = exports.request_export(
            officer, ACTOR, name="Recall", users=[user], numbers=["+12065550101", "+12065550101"], ends_at=NOW, now=NOW
        )
    assert started == [export.pk]
    assert (export.state, export.organization, export.requested_by) == (ExportState.WAITING, organization, officer)
    assert export.held_until == NOW + timedelta(hours=24)
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label, event.ip) == ("export.requested", "Ingrid Solberg", "192.0.2.9")
    assert event.content_access is True
    assert event.after == {
        "name": "Recall", "users": [user.email], "numbers": ["+12065550101"], "begins_at": None,
        "ends_at": NOW.isoformat(),
    }  # fmt: skip


def test_a_finished_export_is_recorded_with_its_counts_and_digest(conversation, officer):
    text(conversation, NOW)
    export = made(export_of(officer))
    event = AuditEvent.objects.get(action="export.finished")
    assert event.after["counts"]["messages"] == 1
    assert event.after["sha256"] == export.file_sha256
    assert "sample kit" not in str(event.after)


def test_a_download_is_counted_and_recorded(conversation, officer):
    export = made(export_of(officer))
    assert exports.download(export, ACTOR, now=LATER) == export.file_name
    export.refresh_from_db()
    assert export.downloads == 1
    event = AuditEvent.objects.get(action="export.downloaded")
    assert (event.actor_label, event.ip, event.content_access) == ("Ingrid Solberg", "192.0.2.9", True)
    assert event.after["sha256"] == export.file_sha256


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("waiting", "export_not_ready"),
        ("running", "export_not_ready"),
        ("failed", "export_gone"),
        ("expired", "export_gone"),
    ],
)
def test_an_export_without_a_package_is_not_downloaded(officer, state, code):
    with pytest.raises(Refusal) as refused:
        exports.download(export_of(officer, state=state), ACTOR, now=NOW)
    assert refused.value.code == code
    assert not AuditEvent.objects.exists()


def test_a_package_past_its_end_is_not_downloaded_even_before_the_sweep(conversation, officer):
    export = made(export_of(officer))
    with pytest.raises(Refusal, match="export_gone"):
        exports.download(export, ACTOR, now=export.expires_at)


def test_a_package_expires_after_30_days_and_its_file_is_deleted(conversation, officer):
    export, younger = made(export_of(officer)), made(export_of(officer), at=LATER + SECOND)
    assert exports.expire(export.expires_at - SECOND) == 0
    assert exports.expire(export.expires_at) == 1
    export.refresh_from_db()
    assert export.state == ExportState.EXPIRED
    assert not packages.folder_of(export.pk).exists()
    assert packages.package_of(younger.pk).exists()
    assert AuditEvent.objects.filter(action="export.expired").count() == 1


def test_files_that_no_export_needs_are_swept_and_needed_ones_are_not(officer, export_folder):
    failed, running = export_of(officer, state="failed"), export_of(officer, state="running")
    for export in (failed, running):
        packages.write_at(export.pk, "messages.csv", 0, b"x")
    (export_folder / "not-an-export").mkdir()
    nobodys = factories.OrganizationFactory().pk
    packages.write_at(nobodys, "messages.csv", 0, b"x")
    exports.expire(NOW)
    assert {path.name for path in export_folder.iterdir()} == {str(running.pk), "not-an-export"}


def test_only_a_failed_export_starts_again_and_as_of_a_new_snapshot(conversation, officer):
    export = export_of(officer, state="failed", error_code="disk_full", snapshot_at=NOW, messages_total=9)
    exports.start_again(export, ACTOR, now=LATER)
    export.refresh_from_db()
    assert (export.state, export.error_code, export.snapshot_at) == (ExportState.WAITING, "", None)
    assert export.held_until == LATER + timedelta(hours=24)
    with pytest.raises(Refusal, match="export_not_failed"):
        exports.start_again(export, ACTOR, now=LATER)
    assert AuditEvent.objects.get().action == "export.started_again"
    made(export, at=LATER + SECOND)
    assert export.snapshot_at == LATER + SECOND


def test_exports_that_nobody_works_on_are_found(officer):
    waiting = export_of(officer)
    export_of(officer, created_at=LATER)
    export_of(officer, state="running", leased_until=LATER + SECOND)
    lost = export_of(officer, state="running", leased_until=LATER, created_at=NOW + SECOND)
    export_of(officer, state="ready")
    assert exports.unattended(LATER) == [waiting.pk, lost.pk]


def test_unfinished_exports_are_taken_up_by_the_beat(officer, monkeypatch):
    from compliance import tasks
    from messaging import clock

    export = export_of(officer)
    started = []
    monkeypatch.setattr(exports, "start", started.append)
    monkeypatch.setattr(clock, "database_now", lambda: LATER)
    tasks.resume_exports()
    assert started == [export.pk]
    assert Export.objects.get().state == ExportState.WAITING
