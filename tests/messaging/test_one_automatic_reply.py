"""A text has one automatic reply, also in a Postgres database of before, where a migration had dropped that index."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from messaging.models import Message
from messaging.models.messages import Kind
from tests.factories import ConversationFactory, MessageFactory

pytestmark = pytest.mark.django_db


def reply_to(inbound: Message) -> Message:
    return MessageFactory(
        conversation=inbound.conversation, in_reply_to=inbound, kind=Kind.AUTOMATIC, status="queued", body="reply"
    )


@pytest.fixture
def inbound() -> Message:
    return MessageFactory(conversation=ConversationFactory(), direction="in", status="received")


def refused(inbound: Message) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        reply_to(inbound)


def test_the_database_refuses_a_second_automatic_reply(inbound: Message) -> None:
    reply_to(inbound)
    refused(inbound)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite never lost the index")
def test_the_index_is_put_back_and_the_first_of_two_replies_stays_the_reply(inbound: Message) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP INDEX one_automatic_reply")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    first, second = reply_to(inbound), reply_to(inbound)
    migration = import_module("messaging.migrations.0007_one_automatic_reply")
    with connection.schema_editor() as editor:
        migration.put_back(apps, editor)
        migration.put_back(apps, editor)
    assert list(Message.objects.filter(in_reply_to=inbound)) == [first]
    assert Message.objects.filter(pk=second.pk, in_reply_to=None, body="reply").exists()
    refused(inbound)
