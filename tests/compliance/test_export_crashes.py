"""Killed anywhere, an export goes on and ends in the same bytes; what can't go on says why."""

from __future__ import annotations

import errno
import tracemalloc
from datetime import timedelta

import pytest
from django.db import OperationalError

from compliance import export_runs, packages
from compliance.export_runs import LEASE, run_export
from compliance.models import AuditEvent, Export, ExportState
from compliance.retention import purge
from messaging.models import Message
from provisioning.ids import new_id
from tests import factories
from tests.compliance.packages import documents, sha256
from tests.compliance.rows import CUTOFF, conversation_of, export_of, text, texts
from tests.compliance.threads import at_once
from tests.factories import NOW

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(export_runs, "BATCH", 10)


@pytest.fixture
def conversation(user):
    return conversation_of(user)


class Clock:
    """A second a look."""

    def __init__(self, at=NOW):
        self.at = at

    def __call__(self):
        self.at += timedelta(seconds=1)
        return self.at


def package_bytes(export):
    export.refresh_from_db()
    assert (export.state, export.error_code) == (ExportState.READY, "")
    return packages.package_of(export.pk).read_bytes()


def uninterrupted(officer, **fields):
    """The same export (same id and all), never stopped: its bytes; then it is made to have never been."""
    export = export_of(officer, **fields)
    run_export(export.pk, now=Clock())
    content = package_bytes(export)
    packages.remove(export.pk)
    Export.objects.filter(pk=export.pk).update(
        state=ExportState.WAITING, checkpoint={}, snapshot_at=None, lease_token=None, leased_until=None,
        messages_done=0, manifest={},
    )  # fmt: skip
    return export, content


def crash_between(export, clock, monkeypatch, batches):
    """Die after so many batches were committed, before the next one began."""
    commit, calls = export_runs._commit, []

    def dying(*arguments):
        if len(calls) > batches:  # the file heads are the first commit
            raise Killed
        calls.append(1)
        return commit(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(export_runs, "_commit", dying)
        with pytest.raises(Killed):
            run_export(export.pk, now=clock)


@pytest.mark.parametrize("batches", range(5))
def test_a_crash_at_any_batch_boundary_ends_in_the_same_bytes(
    conversation, officer, monkeypatch, small_batches, batches
):
    texts(conversation, 43, NOW - timedelta(hours=1))
    export, expected = uninterrupted(officer)
    clock = Clock()
    crash_between(export, clock, monkeypatch, batches)
    export.refresh_from_db()
    assert (export.state, export.messages_done) == (ExportState.RUNNING, min(batches * 10, 43))
    clock.at = export.leased_until
    text(conversation, clock.at, body="came in while the worker was away")
    run_export(export.pk, now=clock)
    assert sha256(package_bytes(export)) == sha256(expected)


def crash_while_writing(export, clock, monkeypatch, writes):
    """Die with a batch's bytes on disk and its transaction not committed (rolled back, as the database does)."""
    write, calls = packages.write_at, []

    def dying(*arguments):
        end = write(*arguments)
        calls.append(1)
        if len(calls) > writes:
            raise Killed
        return end

    with monkeypatch.context() as patch:
        patch.setattr(packages, "write_at", dying)
        with pytest.raises(Killed):
            run_export(export.pk, now=clock)


@pytest.mark.parametrize("writes", range(15))
def test_a_crash_with_bytes_written_and_not_committed_ends_in_the_same_bytes(
    conversation, officer, monkeypatch, small_batches, writes
):
    texts(conversation, 43, NOW - timedelta(hours=1))
    export, expected = uninterrupted(officer)
    clock = Clock()
    crash_while_writing(export, clock, monkeypatch, writes)
    export.refresh_from_db()
    clock.at = export.leased_until
    run_export(export.pk, now=clock)
    assert sha256(package_bytes(export)) == sha256(expected)


@pytest.mark.parametrize("step", ["pack", "describe"])
def test_a_crash_while_packing_ends_in_the_same_bytes(conversation, officer, monkeypatch, small_batches, step):
    texts(conversation, 25, NOW - timedelta(hours=1))
    export, expected = uninterrupted(officer)
    clock = Clock()
    original = getattr(packages, step)

    def dying(*arguments, **keywords):
        original(*arguments, **keywords)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(packages, step, dying)
        with pytest.raises(Killed):
            run_export(export.pk, now=clock)
    export.refresh_from_db()
    clock.at = export.leased_until
    run_export(export.pk, now=clock)
    assert sha256(package_bytes(export)) == sha256(expected)
    assert [path.name for path in packages.folder_of(export.pk).iterdir()] == ["package.zip"]


def test_files_that_were_lost_are_made_anew_as_of_the_same_snapshot(conversation, officer, monkeypatch, small_batches):
    texts(conversation, 43, NOW - timedelta(hours=1))
    export, expected = uninterrupted(officer)
    clock = Clock()
    crash_between(export, clock, monkeypatch, 3)
    packages.remove(export.pk)
    export.refresh_from_db()
    clock.at = export.leased_until
    run_export(export.pk, now=clock)
    assert sha256(package_bytes(export)) == sha256(expected)


def test_a_second_worker_does_nothing_while_the_first_has_the_lease(conversation, officer, monkeypatch, small_batches):
    texts(conversation, 25, NOW - timedelta(hours=1))
    export = export_of(officer)
    clock = Clock()
    crash_between(export, clock, monkeypatch, 1)
    before = Export.objects.values().get()
    run_export(export.pk, now=lambda: before["leased_until"] - timedelta(microseconds=1))
    assert Export.objects.values().get() == before


def test_a_worker_that_woke_up_late_touches_nothing(conversation, officer, monkeypatch, small_batches):
    texts(conversation, 25, NOW - timedelta(hours=1))
    export, expected = uninterrupted(officer)
    commit, calls = export_runs._commit, []

    def overtaken(*arguments):
        """In the middle of the first worker's second batch another one takes over and finishes."""
        calls.append(1)
        if len(calls) == 3:
            run_export(export.pk, now=Clock(NOW + LEASE + timedelta(minutes=1)))
            assert package_bytes(export) == expected
        return commit(*arguments)

    monkeypatch.setattr(export_runs, "_commit", overtaken)
    run_export(export.pk, now=Clock())
    assert package_bytes(export) == expected
    assert AuditEvent.objects.filter(action="export.finished").count() == 2  # the uninterrupted one, and this


def test_an_export_that_is_over_is_not_made_again(conversation, officer):
    export = export_of(officer)
    run_export(export.pk, now=Clock())
    before = Export.objects.values().get()
    run_export(export.pk, now=Clock(NOW + timedelta(days=1)))
    assert Export.objects.values().get() == before


def test_an_export_that_is_unknown_is_nothing_to_do(db):
    run_export(new_id(), now=Clock())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (PermissionError(errno.EACCES, "Permission denied"), "storage"),
        (RuntimeError("quoting a body"), "unexpected"),
    ],
)
def test_a_failure_has_a_code_leaves_no_file_and_says_no_body(conversation, officer, monkeypatch, caplog, error, code):
    text(conversation, NOW)
    export = export_of(officer)
    write = packages.write_at

    def failing(export_id, name, place, content):
        if place:
            raise error
        return write(export_id, name, place, content)

    monkeypatch.setattr(packages, "write_at", failing)
    run_export(export.pk, now=Clock())
    export.refresh_from_db()
    assert (export.state, export.error_code) == (ExportState.FAILED, code)
    assert not packages.folder_of(export.pk).exists()
    assert AuditEvent.objects.get().action == "export.failed"
    assert "quoting a body" not in caplog.text


def test_a_database_error_leaves_the_export_to_the_next_worker(conversation, officer, monkeypatch):
    export = export_of(officer)
    monkeypatch.setattr(export_runs, "_make", lambda *arguments: (_ for _ in ()).throw(OperationalError("gone")))
    with pytest.raises(OperationalError):
        run_export(export.pk, now=Clock())
    export.refresh_from_db()
    assert export.state == ExportState.RUNNING
    monkeypatch.undo()
    run_export(export.pk, now=Clock(export.leased_until))
    package_bytes(export)


def test_an_export_that_took_longer_than_it_holds_its_range_fails(conversation, officer, monkeypatch, small_batches):
    texts(conversation, 25, CUTOFF - timedelta(hours=1))
    export = export_of(officer)
    clock = Clock()
    crash_between(export, clock, monkeypatch, 1)
    purge(export.held_until)
    assert Message.objects.count() == 0
    run_export(export.pk, now=lambda: export.held_until)
    export.refresh_from_db()
    assert (export.state, export.error_code) == (ExportState.FAILED, "took_too_long")


def test_an_export_whose_time_ran_out_while_packing_is_not_ready(conversation, officer, monkeypatch):
    text(conversation, NOW)
    export = export_of(officer)
    moments = iter([*[NOW] * 6, *[NOW + timedelta(hours=24)] * 9])
    run_export(export.pk, now=lambda: next(moments))
    export.refresh_from_db()
    assert (export.state, export.error_code) == (ExportState.FAILED, "took_too_long")


def test_texts_that_are_too_old_tonight_are_still_in_an_export_asked_for_before(
    conversation, officer, monkeypatch, small_batches
):
    texts(conversation, 25, CUTOFF - timedelta(hours=1))
    export = export_of(officer)
    clock = Clock()
    crash_between(export, clock, monkeypatch, 1)
    purge(NOW + timedelta(hours=11))
    clock.at = NOW + timedelta(hours=12)
    run_export(export.pk, now=clock)
    package_bytes(export)
    assert len(documents(export)) == 25
    purge(NOW + timedelta(hours=35))
    assert Message.objects.count() == 0


@pytest.mark.once
def test_memory_does_not_grow_with_the_export(officer, user, monkeypatch):
    monkeypatch.setattr(export_runs, "BATCH", 100)
    monkeypatch.setattr(packages, "CHUNK", 1 << 16)

    def peak(conversation):
        export = export_of(officer, numbers=[conversation.counterpart])
        tracemalloc.start()
        run_export(export.pk, now=Clock())
        _current, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        package_bytes(export)
        return highest

    few, many = conversation_of(user), conversation_of(user)
    texts(few, 300, NOW - timedelta(days=1), body="x" * 1000)
    texts(many, 2400, NOW - timedelta(days=1), body="x" * 1000)
    # The lowest of three: what else the process allocates meanwhile is not the export's.
    assert min(peak(many) for _ in range(3)) < 1.3 * min(peak(few) for _ in range(3))


def test_the_statements_a_batch_takes_do_not_grow_with_it(conversation, officer, django_assert_max_num_queries):
    texts(conversation, 400, NOW - timedelta(hours=1))
    export = export_of(officer)
    with django_assert_max_num_queries(40):
        run_export(export.pk, now=Clock())


def test_exports_of_two_organizations_run_side_by_side(conversation, officer, stranger):
    theirs = factories.with_role(
        factories.UserFactory(organization=stranger.organization, location=None), "compliance_officer"
    )
    text(conversation, NOW)
    text(conversation_of(stranger), NOW)
    for export in (export_of(officer), export_of(theirs)):
        run_export(export.pk, now=Clock())
        package_bytes(export)
        assert len(documents(export)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_package(shared_database, small_batches):
    conversation = conversation_of(factories.texting_user())
    officer = factories.UserFactory(organization=conversation.organization, location=None)
    texts(conversation, 55, NOW - timedelta(hours=1))
    export = export_of(officer)
    at_once(*[lambda: run_export(export.pk, now=Clock())] * 2)
    package_bytes(export)
    assert len(documents(export)) == 55
    assert AuditEvent.objects.filter(action="export.finished").count() == 1
