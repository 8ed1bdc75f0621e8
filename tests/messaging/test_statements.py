"""Kept statements: the same answers on both databases, any number of ids and rows in one text that never changes."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from messaging.models import Conversation, SendingNumber
from messaging.statements import Statement, distinct, id_of
from tests.compliance.threads import at_once
from tests.factories import NOW, ConversationFactory

pytestmark = pytest.mark.django_db

TOLD = Statement(
    "SELECT id, user_id, changed_at, last_seq, counterpart FROM messaging_conversation WHERE id {in ids} ORDER BY id",
    answers={"id": "uuid", "user_id": "uuid", "changed_at": "time", "last_seq": "int", "counterpart": "text"},
)
WRITTEN = Statement(
    "UPDATE messaging_conversation AS stored SET changed_at = given.at, last_seq = given.place, last_message_id = "
    "given.newest, counterpart = given.person FROM {given} WHERE stored.id = given.id AND stored.last_seq < %(most)s",
    given={"id": "uuid", "at": "time", "place": "int", "newest": "uuid", "person": "text"},
)


def test_rows_come_back_as_django_would_read_them() -> None:
    kept = sorted(
        (ConversationFactory(changed_at=NOW + timedelta(microseconds=7)) for _ in range(3)), key=lambda c: c.pk
    )
    rows = TOLD.rows(ids=[conversation.pk for conversation in kept])
    assert rows == [(c.pk, c.user_id, c.changed_at, c.last_seq, c.counterpart) for c in kept]
    assert rows[0][2].tzinfo is not None


@pytest.mark.parametrize("ids", [[], set(), (), {}.keys()])
def test_no_id_finds_nothing(ids: Any) -> None:
    ConversationFactory()
    assert TOLD.rows(ids=ids) == []


def test_each_row_is_written_with_values_of_its_own_and_what_does_not_match_is_left() -> None:
    first, second, full = (ConversationFactory() for _ in range(3))
    Conversation.objects.filter(pk=full.pk).update(last_seq=99)
    later = NOW + timedelta(days=1)
    people = {first.pk: "+1 '; DROP TABLE", second.pk: "%s \\ \N{SNOWMAN}", full.pk: "x"}
    rows = [(pk, later, place, None, people[pk]) for place, pk in enumerate(people, 1)]
    assert WRITTEN.write(rows, most=50) == 2
    for place, conversation in enumerate((first, second), 1):
        conversation.refresh_from_db()
        assert (conversation.last_seq, conversation.changed_at) == (place, later)
        assert (conversation.counterpart, conversation.last_message_id) == (people[conversation.pk], None)
    full.refresh_from_db()
    assert full.last_seq == 99


def test_no_row_is_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert WRITTEN.write([], most=50) == 0


def test_every_kind_of_value_travels_both_ways() -> None:
    kinds = {"a": "uuid", "b": "time", "c": "day", "d": "text", "e": "int", "f": "float", "g": "bool"}
    echo = Statement("SELECT a, b, c, d, e, f, g FROM {given} ORDER BY e", answers=kinds, given=kinds)
    rows = [
        (uuid.UUID(int=1), datetime(2026, 11, 1, 5, 59, 59, 999999, UTC), date(2026, 3, 8), "’ñ😀", -1, 0.1, True),
        (uuid.UUID(int=2**128 - 1), NOW, date(1999, 12, 31), "", 2**40, -1e9, False),
        (None, None, None, None, 2**41, None, None),
    ]
    assert echo.rows(given=rows) == rows


def test_an_id_is_read_as_the_standard_library_reads_it() -> None:
    for value in (uuid.uuid4(), uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)):
        assert id_of(str(value)) == value == id_of(value.hex)
        assert (str(id_of(str(value))), hash(id_of(value.hex))) == (str(value), hash(value))


def test_distinct_leaves_out_what_is_not_there() -> None:
    assert sorted(distinct([3, None, 1, 3])) == [1, 3]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("postgres" not in settings.DATABASES["default"]["ENGINE"], reason="SQLite has no row locks")
def test_a_lock_is_a_lock_and_a_free_one_skips(organization: Any) -> None:
    ConversationFactory()
    locked = Statement(
        "SELECT n.number_id FROM messaging_sendingnumber n ORDER BY n.number_id {lock free of n}",
        answers={"number_id": "uuid"},
    )
    with transaction.atomic():
        assert len(locked.rows()) == SendingNumber.objects.count() == 1
        assert at_once(locked.rows) == [[]]
