"""A running export keeps its range from the purge, in whichever order the two meet."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from compliance import deletion, retention
from compliance.models import Export, ExportState
from compliance.retention import purge
from messaging.models import Message
from provisioning.models import Organization
from tests import factories
from tests.compliance.rows import CUTOFF, INSTANT, conversation_of, export_of, text, texts
from tests.compliance.threads import at_once
from tests.factories import NOW

DAY = timedelta(days=1)


@pytest.fixture
def conversation(user):
    return conversation_of(user)


def left():
    return set(Message.objects.values_list("pk", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("state", [ExportState.WAITING, ExportState.RUNNING])
def test_an_export_that_waits_or_runs_keeps_its_range(conversation, officer, state):
    inside, before = text(conversation, CUTOFF - 2 * DAY), text(conversation, CUTOFF - 3 * DAY - INSTANT)
    export_of(officer, state=state, begins_at=CUTOFF - 3 * DAY, ends_at=CUTOFF - DAY)
    at_the_end = text(conversation, CUTOFF - DAY)
    [run] = purge(NOW)
    assert left() == {inside.pk}
    assert before.pk not in left()
    assert at_the_end.pk not in left()
    assert (run.messages_deleted, run.messages_kept) == (2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("state", [ExportState.READY, ExportState.FAILED, ExportState.EXPIRED])
def test_an_export_that_is_over_keeps_nothing(conversation, officer, state):
    text(conversation, CUTOFF - DAY)
    export_of(officer, state=state)
    purge(NOW)
    assert left() == set()


@pytest.mark.django_db
def test_an_export_keeps_its_range_for_24_hours_at_most(conversation, officer):
    kept = text(conversation, CUTOFF - DAY)
    export = export_of(officer, held_until=NOW + INSTANT)
    purge(NOW)
    assert left() == {kept.pk}
    Export.objects.filter(pk=export.pk).update(held_until=NOW + DAY)
    purge(NOW + DAY)
    assert left() == set()


@pytest.mark.django_db
def test_an_export_of_people_or_numbers_keeps_only_theirs(conversation, officer, organization):
    colleague = factories.texting_user(organization)
    theirs = text(conversation_of(colleague), CUTOFF - DAY)
    number = text(conversation_of(conversation.user, counterpart="+12065550199"), CUTOFF - DAY)
    text(conversation, CUTOFF - DAY)
    nobodys = factories.MessageFactory(conversation=conversation, user=None, seq=None, accepted_at=CUTOFF - DAY)
    export_of(officer, users=[colleague])
    export_of(officer, numbers=["+12065550199"])
    purge(NOW)
    assert left() == {theirs.pk, number.pk}
    assert nobodys.pk not in left()


@pytest.mark.django_db
def test_another_organizations_export_keeps_nothing_here(conversation, other_organization):
    text(conversation, CUTOFF - DAY)
    export_of(factories.UserFactory(organization=other_organization, location=None))
    purge(NOW)
    assert left() == set()


@pytest.mark.django_db
def test_an_export_asked_for_between_two_batches_keeps_what_is_left_of_its_range(conversation, officer, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 10)
    ids = [message.pk for message in texts(conversation, 30, CUTOFF - DAY)]
    delete = deletion.delete_texts

    def then_somebody_exports(batch):
        receipts = delete(batch)
        if not Export.objects.exists():
            export_of(officer)
        return receipts

    monkeypatch.setattr(retention, "delete_texts", then_somebody_exports)
    [run] = purge(NOW)
    assert left() == set(ids[10:])
    assert (run.messages_deleted, run.messages_kept) == (10, 20)


def hold_everything(officer):
    """As compliance/exports.py does: the organization's row first, then the export."""
    with transaction.atomic():
        Organization.objects.select_for_update(no_key=True).get(pk=officer.organization_id)
        return export_of(officer)


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_began_first_is_over_before_the_export_begins(shared_database, monkeypatch):
    conversation = conversation_of(factories.texting_user())
    officer = factories.UserFactory(organization=conversation.organization, location=None)
    monkeypatch.setattr(retention, "BATCH", 10)
    ids = [message.pk for message in texts(conversation, 30, CUTOFF - DAY)]
    in_batch, asked = threading.Event(), threading.Event()
    delete = deletion.delete_texts

    def while_somebody_asks(batch):
        in_batch.set()
        asked.wait(timeout=30)
        return delete(batch)

    monkeypatch.setattr(retention, "delete_texts", while_somebody_asks)

    def export():
        in_batch.wait(timeout=30)
        asked.set()
        hold_everything(officer)
        return left()

    _runs, seen = at_once(lambda: purge(NOW), export)
    # What the export saw once it held its range is still there: at least the first batch was gone by then.
    assert seen == left()
    assert seen <= set(ids[10:])


@pytest.mark.django_db(transaction=True)
def test_a_batch_waits_for_an_export_that_began_first_and_leaves_its_range(shared_database, monkeypatch):
    conversation = conversation_of(factories.texting_user())
    officer = factories.UserFactory(organization=conversation.organization, location=None)
    ids = {message.pk for message in texts(conversation, 30, CUTOFF - DAY)}
    locked, purging = threading.Event(), threading.Event()
    lock = retention._lock

    def about_to_wait(organization_id):
        purging.set()
        lock(organization_id)

    monkeypatch.setattr(retention, "_lock", about_to_wait)

    def export():
        with transaction.atomic():
            Organization.objects.select_for_update(no_key=True).get(pk=officer.organization_id)
            locked.set()
            purging.wait(timeout=5)
            export_of(officer)

    def run():
        locked.wait(timeout=30)
        return purge(NOW)

    at_once(export, run)
    assert left() == ids


@pytest.mark.django_db(transaction=True)
def test_two_purges_at_once_count_every_text_once(shared_database, monkeypatch):
    conversation = conversation_of(factories.texting_user())
    monkeypatch.setattr(retention, "BATCH", 7)
    texts(conversation, 100, CUTOFF - DAY)
    start = threading.Barrier(2)

    def run():
        start.wait(timeout=30)
        return purge(NOW)

    [first], [second] = at_once(run, run)
    assert first == second
    assert not Message.objects.exists()
    assert retention.PurgeRun.objects.get().messages_deleted == 100


class AnyHolds(TestCase):
    """Any exports and any ages: exactly the too old and unheld texts go."""

    HOURS = st.integers(min_value=-60, max_value=20)

    @given(
        ages=st.lists(HOURS, min_size=1, max_size=12),
        holds=st.lists(st.tuples(st.none() | HOURS, st.none() | HOURS, st.booleans(), st.booleans()), max_size=4),
    )
    def test_exactly_what_is_too_old_and_not_held_goes(self, ages, holds):
        users = [factories.texting_user(), None]
        users[1] = factories.texting_user(users[0].organization)
        officer = factories.UserFactory(organization=users[0].organization, location=None)
        conversations = [conversation_of(user) for user in users]
        rows = [(text(conversations[n % 2], CUTOFF + timedelta(hours=h)), h, n % 2) for n, h in enumerate(ages)]
        for begins, ends, narrowed, lapsed in holds:
            export_of(
                officer,
                begins_at=None if begins is None else CUTOFF + timedelta(hours=begins),
                ends_at=None if ends is None else CUTOFF + timedelta(hours=ends),
                users=users[:1] if narrowed else [],
                held_until=NOW if lapsed else NOW + DAY,
            )

        def stays(hour, whose):
            return hour >= 0 or any(
                not lapsed
                and (begins is None or hour >= begins)
                and (ends is None or hour < ends)
                and (whose == 0 or not narrowed)
                for begins, ends, narrowed, lapsed in holds
            )

        purge(NOW)
        assert left() == {message.pk for message, hour, whose in rows if stays(hour, whose)}
