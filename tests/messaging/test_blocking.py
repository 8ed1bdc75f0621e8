"""Blocking a person: whom it binds, what it stops, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent
from messaging import blocking
from messaging.changes import conversation_changed
from messaging.compose import Composed, compose
from messaging.composer import composer_of
from messaging.models import BlockedPerson, Conversation, Message, OptOut
from messaging.relay import Relay
from provisioning.changes import Actor
from provisioning.models import User
from provisioning.refusals import Refusal
from tests.factories import NOW, ConversationFactory, PhoneNumberFactory, texting_user
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier

__all__ = ["carrier"]

PERSON = "+12065550122"
ACTOR = Actor.system("test")


@pytest.fixture
def conversation(user: User) -> Conversation:
    return ConversationFactory(user=user, counterpart=PERSON)


@pytest.fixture
def worker(carrier: CarrierInMemory) -> Iterator[Relay]:
    with Relay(lambda: NOW) as worker:
        yield worker


@pytest.fixture
def browser(user: User, signed_in_as: Any) -> Client:
    client: Client = signed_in_as(user)
    return client


def block(conversation: Conversation) -> bool:
    return blocking.block(conversation.user, conversation, ACTOR, NOW)


def unblock(conversation: Conversation) -> bool:
    return blocking.unblock(conversation.user, conversation, ACTOR, NOW)


def send(user: User, body: str = "Hello", to: str = PERSON) -> Composed:
    return compose(user=user, to=to, body=body, now=NOW)


def refused(user: User) -> Refusal:
    with pytest.raises(Refusal) as caught:
        send(user)
    return caught.value


def test_a_blocked_person_is_not_texted_and_the_attempt_is_kept(conversation: Conversation) -> None:
    assert block(conversation)
    refusal = refused(conversation.user)
    assert (refusal.code, refusal.http_status) == ("person_blocked", 422)
    kept = Message.objects.get(pk=refusal.extra["message_id"])
    assert (kept.status, kept.reason, kept.blocked_by) == ("blocked", "person_blocked", "platform")


def test_a_block_binds_the_user_alone(conversation: Conversation, stranger: User) -> None:
    colleague = texting_user(conversation.user.organization)
    block(conversation)
    for person in (colleague, stranger):
        assert not blocking.is_blocked(person.pk, PERSON)
        assert send(person).message.status == "queued"
    assert send(conversation.user, to="+12065550123").message.status == "queued"


def test_a_block_counts_on_any_number_of_the_user(conversation: Conversation) -> None:
    other = PhoneNumberFactory(organization=conversation.organization)
    elsewhere = ConversationFactory(user=conversation.user, number=other, counterpart=PERSON)
    block(conversation)
    assert blocking.with_blocked(Conversation.objects.filter(pk=elsewhere.pk)).get().blocked  # type: ignore[attr-defined]


def test_what_waits_for_the_person_is_blocked_and_nothing_else(conversation: Conversation) -> None:
    colleague = texting_user(conversation.user.organization)
    waiting, other = send(conversation.user).message, send(conversation.user, to="+12065550123").message
    of_a_colleague = send(colleague).message
    block(conversation)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason, waiting.blocked_by) == ("blocked", "person_blocked", "platform")
    for text in (other, of_a_colleague):
        text.refresh_from_db()
        assert text.status == "queued"


def test_a_text_that_was_composed_at_the_same_moment_is_stopped_at_dispatch(
    conversation: Conversation, worker: Relay, carrier: CarrierInMemory
) -> None:
    text = send(conversation.user).message
    stranger = texting_user()
    send(stranger, "Hello from elsewhere")
    BlockedPerson.objects.create(
        organization=conversation.organization, user=conversation.user, counterpart=PERSON, blocked_at=NOW
    )
    worker.run()
    worker.run()
    assert carrier.bodies == ["Hello from elsewhere"]
    text.refresh_from_db()
    assert (text.status, text.reason) == ("blocked", "person_blocked")


def test_an_unblocked_person_is_texted_again_but_what_was_stopped_stays_so(conversation: Conversation) -> None:
    stopped = send(conversation.user).message
    block(conversation)
    assert unblock(conversation)
    assert send(conversation.user, "Hello again").message.status == "queued"
    stopped.refresh_from_db()
    assert stopped.status == "blocked"


def test_blocking_and_unblocking_twice_is_done_once(conversation: Conversation) -> None:
    assert [block(conversation), block(conversation)] == [True, False]
    assert [unblock(conversation), unblock(conversation)] == [True, False]
    assert [block(conversation), block(conversation)] == [True, False]
    assert BlockedPerson.objects.count() == 2
    assert AuditEvent.objects.count() == 3


def test_an_unblocked_person_who_opted_out_is_still_opted_out(conversation: Conversation) -> None:
    block(conversation)
    OptOut.objects.create(organization=conversation.organization, counterpart=PERSON, keyword="stop", opted_out_at=NOW)
    unblock(conversation)
    assert refused(conversation.user).code == "opted_out"


def test_the_audit_log_says_who_blocked_which_number_and_no_text(browser: Client, conversation: Conversation) -> None:
    send(conversation.user, "A body that is in no log")
    browser.post(reverse("conversation_block", args=[conversation.pk]))
    browser.post(reverse("conversation_unblock", args=[conversation.pk]))
    blocked, unblocked = AuditEvent.objects.filter(action__startswith="person.").order_by("sequence")
    assert (blocked.action, unblocked.action) == ("person.blocked", "person.unblocked")
    assert blocked.actor == conversation.user
    assert (blocked.after, unblocked.before) == ({"number": PERSON}, {"number": PERSON})
    assert "A body" not in str([event.__dict__ for event in (blocked, unblocked)])


def test_a_block_that_can_not_be_recorded_does_not_happen(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compliance import audit

    monkeypatch.setattr(audit, "append_many", lambda change: (_ for _ in ()).throw(RuntimeError))
    text = send(conversation.user).message
    with pytest.raises(RuntimeError):
        block(conversation)
    text.refresh_from_db()
    assert text.status == "queued"
    assert not BlockedPerson.objects.exists()


def test_open_composers_are_told_and_the_conversation_keeps_its_place(
    conversation: Conversation, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[Any] = []

    def listen(**signal: Any) -> None:
        told.extend(signal.get("changes") or [signal["change"]])

    conversation_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            block(conversation)
    finally:
        conversation_changed.disconnect(listen)
    assert {change.conversation_id for change in told} == {conversation.pk}
    changed_at = conversation.changed_at
    conversation.refresh_from_db()
    assert conversation.changed_at == changed_at


def test_the_look_is_one_query(conversation: Conversation, django_assert_num_queries: Any) -> None:
    block(conversation)
    with django_assert_num_queries(1):
        assert blocking.is_blocked(conversation.user_id, PERSON)


# In the inbox


def page_of(browser: Client, conversation: Conversation) -> str:
    return browser.get(reverse("conversation", args=[conversation.pk])).content.decode()


def test_the_composer_closes_with_a_way_back(browser: Client, conversation: Conversation) -> None:
    assert "Block this person" in page_of(browser, conversation)
    answer = browser.post(reverse("conversation_block", args=[conversation.pk]))
    assert answer["Location"] == reverse("conversation", args=[conversation.pk])
    page = page_of(browser, conversation)
    assert 'data-state="person_blocked"' in page
    assert "You blocked this person" in page
    assert page.count(reverse("conversation_unblock", args=[conversation.pk])) == 2  # The menu, and the composer.
    assert 'name="body"' not in page.split('id="composer"')[1].split("</aside>")[0]
    browser.post(reverse("conversation_unblock", args=[conversation.pk]))
    assert composer_of(conversation, conversation.user).is_open
    assert "no longer blocked" in page_of(browser, conversation)


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_it_is_asked_first_on_a_page_or_in_a_dialog(
    browser: Client, conversation: Conversation, headers: dict[str, str]
) -> None:
    answer = browser.get(reverse("conversation_block", args=[conversation.pk]), headers=headers)
    page = answer.content.decode()
    assert f'action="{reverse("conversation_block", args=[conversation.pk])}"' in page
    assert 'id="dlg-again-t"' in page
    assert ("<html" in page) is not bool(headers)
    assert not BlockedPerson.objects.exists()


def test_nobody_blocks_from_somebody_elses_conversation(conversation: Conversation, signed_in_as: Any) -> None:
    colleague = texting_user(conversation.user.organization)
    client = signed_in_as(colleague)
    for name in ("conversation_block", "conversation_unblock"):
        assert client.post(reverse(name, args=[conversation.pk])).status_code == 404
    assert not BlockedPerson.objects.exists()


# Over the API


def test_the_api_blocks_and_unblocks(browser: Client, conversation: Conversation) -> None:
    address = f"/api/v1/conversations/{conversation.pk}/block"
    for _ in range(2):
        answer = browser.post(address)
        assert (answer.status_code, answer.json()["blocked"]) == (200, True)
        assert answer.json()["composer"]["code"] == "person_blocked"
    listed = browser.get("/api/v1/conversations").json()["results"]
    assert [row["blocked"] for row in listed] == [True]
    answer = browser.delete(address)
    assert (answer.status_code, answer.json()["blocked"], answer.json()["composer"]["open"]) == (200, False, True)
    assert AuditEvent.objects.get(action="person.blocked").via == "api"
