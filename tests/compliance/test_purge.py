"""The nightly purge: what goes, what stays, what is mended, what is left to show for it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, OperationalError

from compliance import certificates, deletion, retention
from compliance.models import AuditEvent, PurgeRun
from compliance.retention import purge
from messaging.models import Conversation, DailyCount, Message, OptOut, Receipt
from messaging.models.messages import Status
from provisioning.changes import Actor
from tests import factories
from tests.compliance.rows import CUTOFF, INSTANT, ReceiptFactory, conversation_of, export_of, text, texts
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(user):
    return conversation_of(user)


def left():
    return set(Message.objects.all())


def test_exactly_four_hundred_days_old_stays_and_a_microsecond_more_goes(conversation):
    older, exact = text(conversation, CUTOFF - INSTANT), text(conversation, CUTOFF)
    younger = text(conversation, CUTOFF + INSTANT)
    purge(NOW)
    assert older not in left()
    assert left() == {exact, younger}


def test_a_day_is_24_hours_whatever_clocks_do_in_spring(conversation):
    """NOW and the cutoff are 400 x 86,400 seconds apart, across changes to and from daylight saving time."""
    assert (NOW - CUTOFF).total_seconds() == 400 * 86_400
    assert retention.cutoff_at(NOW) == CUTOFF


@pytest.mark.parametrize("direction", ["in", "out"])
def test_received_and_sent_texts_go_alike(conversation, direction):
    text(conversation, CUTOFF - INSTANT, direction=direction)
    purge(NOW)
    assert left() == set()


@pytest.mark.parametrize("status", [Status.UNCONFIRMED, Status.FAILED, Status.BLOCKED, Status.CANCELLED])
def test_texts_that_ended_badly_go_too(conversation, status):
    text(conversation, CUTOFF - INSTANT, status=status)
    purge(NOW)
    assert left() == set()


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.QUEUED, Status.SENDING])
def test_a_text_still_on_its_way_is_never_deleted_and_is_counted(conversation, status):
    waiting = text(conversation, CUTOFF - INSTANT, status=status)
    [run] = purge(NOW)
    assert left() == {waiting}
    assert (run.messages_deleted, run.messages_unfinished, run.messages_kept) == (0, 1, 0)


def test_texts_that_nobody_could_read_go_too(organization, user):
    factories.MessageFactory(
        conversation=None, organization=organization, user=None, number=user.primary_number, own_e164="+14155550000",
        counterpart="+445551234", seq=None, direction="in", status="received", withheld="unassigned",
        accepted_at=CUTOFF - INSTANT,
    )  # fmt: skip
    purge(NOW)
    assert left() == set()


def test_receipts_go_with_their_message_and_the_others_stay(conversation):
    gone, kept = text(conversation, CUTOFF - INSTANT), text(conversation, CUTOFF)
    ReceiptFactory(message=gone, received_at=NOW)
    ReceiptFactory(message=gone)
    receipt = ReceiptFactory(message=kept)
    [run] = purge(NOW)
    assert set(Receipt.objects.all()) == {receipt}
    assert (run.messages_deleted, run.receipts_deleted) == (1, 2)


def test_receipts_that_never_found_their_message_go_on_the_same_clock(organization):
    ReceiptFactory(organization=organization, event_at=CUTOFF - INSTANT)
    ReceiptFactory(event_at=CUTOFF - INSTANT)
    stay = {ReceiptFactory(organization=organization, event_at=CUTOFF), ReceiptFactory(event_at=CUTOFF)}
    [run] = purge(NOW)
    assert set(Receipt.objects.all()) == stay
    assert run.receipts_deleted == 1
    event = AuditEvent.objects.get(chain="platform")
    assert (event.action, event.after["receipts_deleted"]) == ("purge.run", 1)


def test_a_snippet_that_stays_is_not_moved(conversation):
    text(conversation, CUTOFF - INSTANT)
    newest = text(conversation, NOW)
    purge(NOW)
    conversation.refresh_from_db()
    assert conversation.last_message == newest


def test_a_snippet_moves_back_to_an_older_text_that_is_held(conversation, officer):
    kept = text(conversation, CUTOFF - timedelta(days=9))
    export_of(officer, ends_at=CUTOFF - timedelta(days=5))
    text(conversation, CUTOFF - timedelta(days=1))
    purge(NOW)
    conversation.refresh_from_db()
    assert conversation.last_message == kept


def test_an_emptied_conversation_keeps_its_row_and_its_place_but_no_snippet(conversation):
    text(conversation, CUTOFF - INSTANT)
    before = Conversation.objects.get()
    purge(NOW)
    conversation.refresh_from_db()
    assert conversation.last_message is None
    assert (conversation.last_seq, conversation.changed_at) == (before.last_seq, before.changed_at)


def test_unread_counts_never_exceed_the_received_texts_left(conversation, user):
    for _ in range(3):
        text(conversation, CUTOFF - INSTANT, direction="in")
    text(conversation, NOW, direction="in")
    text(conversation, NOW)
    Conversation.objects.update(unread_count=4)
    untouched = conversation_of(user, unread_count=2)
    purge(NOW)
    conversation.refresh_from_db()
    untouched.refresh_from_db()
    assert (conversation.unread_count, untouched.unread_count) == (1, 2)


def test_what_pointed_to_a_deleted_text_points_to_nothing(conversation):
    first = text(conversation, CUTOFF - INSTANT, status=Status.FAILED)
    again = text(conversation, CUTOFF, resend_of=first)
    question = text(conversation, CUTOFF - INSTANT, direction="in")
    answer = text(conversation, CUTOFF, in_reply_to=question, kind="automatic")
    purge(NOW)
    again.refresh_from_db()
    answer.refresh_from_db()
    assert (again.resend_of, answer.in_reply_to) == (None, None)


def test_opt_outs_counters_and_earlier_runs_stay(conversation, organization, user):
    text(conversation, CUTOFF - INSTANT)
    OptOut.objects.create(organization=organization, counterpart="+12065550100", keyword="STOP", opted_out_at=CUTOFF)
    DailyCount.objects.create(
        organization=organization, user=user, number=user.primary_number, day=date(2025, 1, 1), accepted=1
    )
    purge(NOW)
    purge(NOW + timedelta(days=500))
    assert OptOut.objects.count() == DailyCount.objects.count() == 1
    assert PurgeRun.objects.count() == 2


def test_one_organization_can_be_purged_and_the_other_is_not_touched(conversation, organization, stranger):
    text(conversation, CUTOFF - INSTANT)
    theirs = text(conversation_of(stranger), CUTOFF - INSTANT)
    purge(NOW, organization=organization)
    assert left() == {theirs}
    assert set(PurgeRun.objects.values_list("organization", flat=True)) == {organization.pk}
    purge(NOW)
    assert left() == set()


def test_every_organization_gets_a_run_a_night_even_with_nothing_to_delete(organization, other_organization):
    runs = purge(NOW)
    assert {run.organization for run in runs} == {organization, other_organization}
    assert all(run.finished_at == NOW and run.night == date(2026, 11, 23) for run in runs)


def test_a_second_call_of_the_night_finds_the_run_finished(conversation):
    [first] = purge(NOW)
    text(conversation, CUTOFF - INSTANT)
    [second] = purge(NOW + timedelta(hours=1))
    assert second == first
    assert Message.objects.count() == 1
    purge(NOW + timedelta(days=1))
    assert Message.objects.count() == 0


def test_texts_go_in_batches_with_a_transaction_each(conversation, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 10)
    texts(conversation, 25, CUTOFF - timedelta(days=1))
    batches = []
    delete = deletion.delete_texts
    monkeypatch.setattr(retention, "delete_texts", lambda ids: batches.append(len(ids)) or delete(ids))
    [run] = purge(NOW)
    assert batches == [10, 10, 5]
    assert run.messages_deleted == 25


class Killed(BaseException):
    """The process is gone: nothing catches this."""


def kill_after(batches, monkeypatch):
    """The worker dies in the middle of a batch, after so many whole ones."""
    delete, done = deletion.delete_texts, []

    def dying(ids):
        receipts = delete(ids)
        done.append(ids)
        if len(done) > batches:
            raise Killed
        return receipts

    monkeypatch.setattr(retention, "delete_texts", dying)


def certificates_but_for_times(run):
    return {name: value for name, value in certificates.certificate(run).items() if not name.endswith("_at")}


@pytest.mark.parametrize("batches", [0, 1, 2, 3])
def test_a_run_killed_in_any_batch_is_taken_up_again_and_certifies_the_same(conversation, monkeypatch, batches):
    monkeypatch.setattr(retention, "BATCH", 10)
    for message in texts(conversation, 35, CUTOFF - timedelta(days=1)):
        ReceiptFactory(message=message)
    everything = list(Message.objects.order_by("accepted_at", "pk").values_list("pk", flat=True))
    with monkeypatch.context() as patch:
        kill_after(batches, patch)
        with pytest.raises(Killed):
            purge(NOW)
    run = PurgeRun.objects.get()
    assert run.finished_at is None
    assert run.messages_deleted == batches * 10 == 35 - Message.objects.count()
    [run] = purge(NOW + timedelta(hours=3))
    assert Message.objects.count() == Receipt.objects.count() == 0
    assert (run.messages_deleted, run.receipts_deleted) == (35, 35)
    assert run.cutoff == CUTOFF
    assert run.running_digest == certificates.fold("", everything)
    assert PurgeRun.objects.count() == 1
    assert AuditEvent.objects.filter(action="purge.run").count() == 1


def test_a_run_of_an_earlier_night_is_finished_before_tonights_begins(conversation, monkeypatch):
    text(conversation, CUTOFF - INSTANT)
    with monkeypatch.context() as patch:
        kill_after(0, patch)
        with pytest.raises(Killed):
            purge(NOW)
    [tonight] = purge(NOW + timedelta(days=1))
    earlier = PurgeRun.objects.get(night=date(2026, 11, 23))
    assert earlier.finished_at is not None
    assert (earlier.messages_deleted, tonight.messages_deleted) == (1, 0)
    assert tonight.previous == earlier


def test_a_run_that_lost_its_worker_is_resumed_and_one_at_work_is_not(conversation, monkeypatch):
    text(conversation, CUTOFF - INSTANT)
    with monkeypatch.context() as patch:
        kill_after(0, patch)
        with pytest.raises(Killed):
            purge(NOW)
    assert retention.resume(NOW + timedelta(minutes=10)) == []
    [run] = retention.resume(NOW + timedelta(minutes=10) + INSTANT)
    assert run.messages_deleted == 1
    assert run.finished_at is not None
    assert retention.resume(NOW + timedelta(days=1)) == []


@pytest.mark.parametrize("error", [OperationalError, IntegrityError])
def test_a_batch_that_lost_a_deadlock_is_tried_again(conversation, monkeypatch, error):
    text(conversation, CUTOFF - INSTANT)
    delete, tries = deletion.delete_texts, []

    def unlucky(ids):
        tries.append(ids)
        if len(tries) < 3:
            raise error("deadlock detected")
        return delete(ids)

    monkeypatch.setattr(retention, "delete_texts", unlucky)
    [run] = purge(NOW)
    assert (run.messages_deleted, len(tries)) == (1, 3)


def test_one_organization_that_fails_does_not_keep_the_others_texts(conversation, stranger, monkeypatch):
    text(conversation, CUTOFF - INSTANT)
    theirs = text(conversation_of(stranger), CUTOFF - INSTANT)
    delete = deletion.delete_texts

    def failing(ids):
        if theirs.pk in ids:
            raise RuntimeError("body of a text")
        return delete(ids)

    monkeypatch.setattr(retention, "delete_texts", failing)
    with pytest.raises(retention.IncompleteError, match=r"^RuntimeError$"):
        purge(NOW)
    assert left() == {theirs}
    assert PurgeRun.objects.filter(finished_at__isnull=False).count() == 1


def test_a_certificate_has_counts_and_a_digest_linked_to_the_one_before(conversation, organization):
    gone = text(conversation, CUTOFF - INSTANT, body="confidential")
    ReceiptFactory(message=gone)
    [first] = purge(NOW)
    [second] = purge(NOW + timedelta(days=1))
    assert certificates.certificate(first) == {
        "organization_id": str(organization.pk), "night": "2026-11-23", "cutoff": "2025-10-19T15:00:00.000000+00:00",
        "started_at": "2026-11-23T15:00:00.000000+00:00", "finished_at": "2026-11-23T15:00:00.000000+00:00",
        "messages_deleted": 1, "receipts_deleted": 1, "messages_kept": 0, "messages_unfinished": 0,
        "deleted_digest": certificates.fold("", [gone.pk]), "previous_digest": "",
    }  # fmt: skip
    assert first.previous is None
    assert second.previous == first
    assert certificates.certificate(second)["previous_digest"] == first.digest
    for run in PurgeRun.objects.all():
        assert certificates.seal(run) == run.digest
    assert "confidential" not in str(certificates.certificate(first))


def test_a_restores_run_is_one_of_its_own_and_the_chain_goes_on_through_it(conversation):
    """Before the night's run or after it, as often as there are restores."""
    actor = Actor(user_id=None, label="restore_backup", via="command")
    text(conversation, CUTOFF - INSTANT)
    [first] = retention.purge_restored(NOW - timedelta(hours=1), actor)
    text(conversation, CUTOFF - timedelta(hours=2))
    [nightly] = purge(NOW)
    text(conversation, CUTOFF - INSTANT)
    [second] = retention.purge_restored(NOW, actor)
    [tomorrow] = purge(NOW + timedelta(days=1))
    runs = [first, nightly, second, tomorrow]
    assert [run.messages_deleted for run in runs] == [0, 2, 1, 0]
    assert [run.previous for run in runs] == [None, first, nightly, second]
    assert [certificates.certificate(run).get("after_restore") for run in runs] == [True, None, True, None]


def test_a_run_that_was_stopped_before_a_restore_closes_behind_its_run(conversation, monkeypatch):
    text(conversation, CUTOFF - INSTANT)
    with monkeypatch.context() as patch:
        kill_after(0, patch)
        with pytest.raises(Killed):
            purge(NOW)
    actor = Actor(user_id=None, label="restore_backup", via="command")
    [own] = retention.purge_restored(NOW + timedelta(hours=1), actor)
    [nightly] = retention.resume(NOW + timedelta(hours=1, minutes=1))
    [tomorrow] = purge(NOW + timedelta(days=1))
    assert [run.messages_deleted for run in (own, nightly, tomorrow)] == [1, 0, 0]
    assert (own.previous, nightly.previous, tomorrow.previous) == (None, own, nightly)


def test_a_certificate_that_was_edited_no_longer_has_its_digest(conversation):
    [run] = purge(NOW)
    PurgeRun.objects.update(messages_deleted=5)
    run = PurgeRun.objects.get()
    assert certificates.seal(run) != run.digest


def test_a_purge_is_recorded_with_who_and_its_certificate(organization):
    [run] = purge(NOW, actor=Actor(user_id=None, label="purge_messages", via="command"))
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label, event.via) == ("purge.run", "purge_messages", "command")
    assert (event.target_type, event.target_id) == ("purgerun", str(run.pk))
    assert event.after["digest"] == run.digest
    assert event.after["messages_deleted"] == 0


def test_the_cost_of_a_batch_does_not_grow_with_it(conversation, monkeypatch, django_assert_max_num_queries):
    texts(conversation, 400, CUTOFF - timedelta(days=1))
    with django_assert_max_num_queries(60):
        purge(NOW)
