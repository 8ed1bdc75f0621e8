"""Reading: what was seen counts as read, what came after it does not, and fetching ahead changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from messaging.changes import ConversationChange, conversation_changed
from messaging.inbox import mark_read
from messaging.models import Conversation
from provisioning.models import User
from tests import factories
from tests.messaging.inbox_texts import conversation_of, heard


@pytest.fixture
def conversation(user: User) -> Conversation:
    conversation: Conversation = factories.ConversationFactory(user=user)
    for body in ("one", "two", "three"):
        heard(conversation, body)
    return conversation


def unread(conversation: Conversation) -> int:
    conversation.refresh_from_db()
    return conversation.unread_count


def test_opening_a_conversation_changes_nothing_by_itself(conversation: Conversation, signed_in_as: Any) -> None:
    browser: Client = signed_in_as(conversation.user)
    page = browser.get(reverse("conversation", args=[conversation.pk])).content.decode()
    assert unread(conversation) == 3
    assert 'name="up_to" value="3"' in page
    assert "<noscript><button" in page


def test_the_button_marks_what_was_shown_as_read(conversation: Conversation, signed_in_as: Any) -> None:
    browser: Client = signed_in_as(conversation.user)
    response = browser.post(reverse("conversation_read", args=[conversation.pk]), {"up_to": "3"})
    assert response.status_code == 302
    assert unread(conversation) == 0
    page = browser.get(reverse("conversation", args=[conversation.pk])).content.decode()
    assert 'name="up_to"' not in page


def test_what_came_after_the_page_was_shown_stays_unread(conversation: Conversation, user: User) -> None:
    heard(conversation, "four, while three was being read")
    mark_read(conversation.pk, user, up_to=3)
    assert unread(conversation) == 1


def test_reading_back_does_not_make_texts_unread_again(conversation: Conversation, user: User) -> None:
    mark_read(conversation.pk, user, up_to=3)
    mark_read(conversation.pk, user, up_to=1)
    assert unread(conversation) == 0


def test_reading_does_not_move_a_conversation_in_the_list(conversation: Conversation, user: User) -> None:
    before = conversation.changed_at
    mark_read(conversation.pk, user)
    conversation.refresh_from_db()
    assert conversation.changed_at == before


def test_reading_is_told_to_the_users_other_windows(
    conversation: Conversation, user: User, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[ConversationChange] = []

    def listen(changes: Sequence[ConversationChange], **kwargs: Any) -> None:
        told.extend(changes)

    conversation_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            mark_read(conversation.pk, user)
            mark_read(conversation.pk, user)
    finally:
        conversation_changed.disconnect(listen)
    assert told == [ConversationChange(user.pk, conversation.pk, conversation.changed_at)]


def test_somebody_elses_conversation_is_not_read(conversation: Conversation, stranger: User, signed_in_as: Any) -> None:
    response = signed_in_as(stranger).post(reverse("conversation_read", args=[conversation.pk]), {"up_to": "3"})
    assert response.status_code == 404
    assert unread(conversation) == 3


def test_a_get_is_refused(conversation: Conversation, signed_in_as: Any) -> None:
    browser: Client = signed_in_as(conversation.user)
    assert browser.get(reverse("conversation_read", args=[conversation.pk])).status_code == 405
    assert unread(conversation) == 3


def test_with_htmx_the_list_is_asked_for_again(conversation: Conversation, signed_in_as: Any) -> None:
    browser: Client = signed_in_as(conversation.user)
    address = reverse("conversation_read", args=[conversation.pk])
    response = browser.post(address, {"up_to": "3"}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert "inbox:list" in response["HX-Trigger"]


def test_a_withheld_text_does_not_count_as_unread(conversation: Conversation, user: User) -> None:
    heard(conversation, "a picture", withheld="mms")
    mark_read(conversation.pk, user, up_to=3)
    assert unread(conversation) == 0


def test_reading_one_conversation_leaves_the_others(conversation: Conversation, user: User) -> None:
    other = conversation_of(user)
    heard(other, "hello")
    mark_read(conversation.pk, user)
    assert unread(other) == 1
