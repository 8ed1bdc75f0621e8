"""Kept SQL finds what the ORM finds, and a kept insert stores what save() stores."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from messaging.models import Conversation, Message
from provisioning.clock import DatabaseNow, database_now
from provisioning.models import RoleAssignment, User
from provisioning.prepared import PreparedInsert, PreparedModels, PreparedRows
from tests.factories import NOW, ConversationFactory, MessageFactory, with_role

pytestmark = pytest.mark.django_db
SOME_ID, SOME_TIME = uuid.UUID(int=0), datetime(2026, 1, 1, tzinfo=UTC)

BY_EMAIL = PreparedModels(
    lambda email: User.objects.select_related("organization", "location").filter(email=email), email=""
)
LATELY = PreparedModels(
    lambda user, since: Conversation.objects.annotate(
        late=Exists(Message.objects.filter(conversation=OuterRef("pk"), accepted_at__gt=since))
    ).filter(user_id=user, changed_at__lte=since),
    user=SOME_ID, since=SOME_TIME,
)  # fmt: skip


def test_a_row_comes_with_what_it_is_related_to_and_without_more_queries(
    user: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        found = BY_EMAIL.first(email=user.email)
        assert found is not None
        assert (found, found.organization, found.location) == (user, user.organization, user.location)
    fields = [field.attname for field in User._meta.concrete_fields]
    plain = User.objects.get(pk=user.pk)
    assert {name: getattr(found, name) for name in fields} == {name: getattr(plain, name) for name in fields}
    assert found._state.db == plain._state.db


def test_nobody_is_found_by_what_nobody_has(user: User) -> None:
    assert BY_EMAIL.first(email="nobody@example.com") is None
    assert BY_EMAIL.all(email="☃0") == []


def test_one_value_may_stand_in_several_places_and_what_is_annotated_is_there(user: User) -> None:
    conversation = ConversationFactory(user=user, changed_at=NOW)
    MessageFactory(conversation=conversation, accepted_at=NOW + timedelta(minutes=1))
    (found,) = LATELY.all(user=user.pk, since=NOW)
    assert (found, found.late, found.changed_at) == (conversation, True, NOW)
    (found,) = LATELY.all(user=user.pk, since=NOW + timedelta(minutes=2))
    assert found.late is False
    assert LATELY.all(user=user.pk, since=NOW - timedelta(seconds=1)) == []


def test_what_is_kept_for_one_user_says_nothing_of_another(user: User, stranger: User) -> None:
    ConversationFactory(user=user, changed_at=NOW)
    assert LATELY.all(user=stranger.pk, since=NOW) == []


AS_OF = PreparedRows(
    lambda user, since: Conversation.objects.annotate(
        late=Exists(Message.objects.filter(conversation=OuterRef("pk"), accepted_at__gt=since)), clock=DatabaseNow()
    ).filter(user_id=user).values_list("late", "changed_at", "pk", "clock"),
    user=SOME_ID, since=SOME_TIME,
)  # fmt: skip


def test_rows_are_what_values_list_has_in_its_order(user: User, stranger: User, django_assert_num_queries: Any) -> None:
    conversation = ConversationFactory(user=user, changed_at=NOW)
    MessageFactory(conversation=conversation, accepted_at=NOW + timedelta(minutes=1))
    with django_assert_num_queries(1):
        found = AS_OF.first(user=user.pk, since=NOW)
    assert found is not None
    assert found[:3] == (True, NOW, conversation.pk)
    later = AS_OF.first(user=user.pk, since=NOW + timedelta(minutes=2))
    assert later is not None
    assert later[0] is False
    assert AS_OF.first(user=stranger.pk, since=NOW) is None
    assert AS_OF.first(user=None, since=NOW) is None


def test_the_databases_clock_comes_along_and_goes_on(user: User) -> None:
    ConversationFactory(user=user, changed_at=NOW)
    before = database_now()
    told = [AS_OF.first(user=user.pk, since=NOW) for _ in range(2)]
    clocks = [found[3] for found in told if found is not None]
    assert before <= clocks[0] <= clocks[1] <= database_now()
    assert clocks[0].utcoffset() == timedelta(0)


def test_a_kept_insert_stores_what_save_stores(user: User) -> None:
    saved = MessageFactory(conversation=ConversationFactory(user=user), body="’ñ😀 %s")
    fields = [field for field in Message._meta.concrete_fields if field.name not in ("id", "seq", "carrier_message_id")]
    copy = Message(**{field.attname: getattr(saved, field.attname) for field in fields}, seq=saved.seq + 1)
    PreparedInsert(Message).insert(copy)
    assert copy._state.adding is False
    stored, original = Message.objects.get(pk=copy.pk), Message.objects.get(pk=saved.pk)
    assert [getattr(stored, field.attname) for field in fields] == [
        getattr(original, field.attname) for field in fields
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        PreparedInsert(Message).insert(copy)


def test_roles_are_read_as_they_are_now(user: User) -> None:
    from provisioning.roles import assignments_of

    assert assignments_of(User.objects.get(pk=user.pk)) == []
    with_role(user, "user_admin")
    fresh = assignments_of(User.objects.get(pk=user.pk))
    assert fresh == list(RoleAssignment.objects.filter(user=user))
