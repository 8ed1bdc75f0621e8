"""What the beat and the queue start: each task by its name, and each name of the beat a task."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compliance.models import Export, ExportState, PurgeRun
from messaging import clock
from messaging.models import Message
from tests.compliance.rows import CUTOFF, INSTANT, conversation_of, export_of, text
from tests.factories import NOW
from texting_hub.celery import BEAT, app

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock_stands_still(monkeypatch):
    monkeypatch.setattr(clock, "database_now", lambda: NOW)


def run(name, *arguments):
    app.loader.import_default_modules()
    app.tasks[name](*arguments)


def test_every_task_of_the_beat_exists():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in BEAT.values()} <= set(app.tasks)


def test_the_nightly_purge_and_its_resumption(user):
    text(conversation_of(user), CUTOFF - INSTANT)
    run("compliance.purge_messages")
    assert not Message.objects.exists()
    PurgeRun.objects.update(finished_at=None, last_batch_at=NOW - timedelta(hours=1))
    run("compliance.resume_purges")
    assert PurgeRun.objects.get().finished_at == NOW


def test_an_export_is_made_and_expired(user, officer):
    text(conversation_of(user), NOW)
    # A task may have taken its clock before this one stood still: the export must not seem to take too long.
    export = export_of(officer, held_until=NOW + timedelta(days=36_500))
    run("compliance.run_export", str(export.pk))
    assert Export.objects.get().state == ExportState.READY
    Export.objects.update(expires_at=NOW)
    run("compliance.expire_exports")
    assert Export.objects.get().state == ExportState.EXPIRED
