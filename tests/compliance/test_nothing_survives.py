"""After the purge no body is left: in no column of any table, and on SQLite in no byte of the file or its log."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, models

from compliance.retention import purge
from messaging.models import Message
from tests import factories
from tests.compliance.rows import CUTOFF, INSTANT, ReceiptFactory, conversation_of, export_of, text
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)
MARKER = "xylophonequartz"
TEXTUAL = (models.CharField, models.TextField, models.JSONField)


def columns_with(marker):
    """Every text column of every table that has the marker somewhere."""
    found = set()
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if isinstance(field, TEXTUAL):
                values = model.objects.values_list(field.attname, flat=True)
                if any(marker in str(value).casefold() for value in values):
                    found.add(f"{model._meta.label}.{field.name}")
    return found


def files_with(marker: str, database: Path) -> set[str]:
    return {
        path.name for path in database.parent.glob(f"{database.name}*") if marker.encode() in path.read_bytes().lower()
    }


@pytest.fixture
def marked_texts(shared_database):
    """Long bodies too: SQLite keeps what does not fit a page in pages of its own."""
    user = factories.texting_user()
    conversation = conversation_of(user)
    for place in range(30):
        body = f"{MARKER} {place} " * (1 if place % 2 else 400)
        message = text(conversation, CUTOFF - INSTANT, body=body, direction="in" if place % 3 else "out")
        ReceiptFactory(message=message, raw=f'{{"text": "{body}"}}')
    ReceiptFactory(event_at=CUTOFF - INSTANT, raw=MARKER)
    ReceiptFactory(organization=user.organization, event_at=CUTOFF - INSTANT, raw=MARKER)
    export_of(user, name="An export of another range", begins_at=NOW)
    return user


def test_no_body_survives_in_any_column(marked_texts):
    assert columns_with(MARKER) == {
        "messaging.Message.body", "messaging.Message.search_text", "messaging.Receipt.raw",
    }  # fmt: skip
    purge(NOW)
    assert not Message.objects.exists()
    assert columns_with(MARKER) == set()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Postgres overwrites in its own time (VACUUM)")
def test_no_body_survives_in_the_database_file_or_its_log(marked_texts, shared_database):
    assert f"{shared_database.name}-wal" in files_with(MARKER, shared_database)
    purge(NOW)
    assert files_with(MARKER, shared_database) == set()
    assert (shared_database.parent / f"{shared_database.name}-wal").stat().st_size == 0


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's log")
def test_a_reader_in_the_way_of_the_checkpoint_is_told_in_the_log(marked_texts, shared_database, monkeypatch, caplog):
    reader = connection.copy()
    connection.connection.execute("PRAGMA busy_timeout = 50")
    try:
        with reader.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM messaging_message")
            purge(NOW)
            cursor.execute("ROLLBACK")
        assert "write_ahead_log_in_use" in caplog.text
    finally:
        reader.close()
