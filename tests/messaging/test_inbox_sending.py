"""Sending from the inbox: by plain forms and with htmx; refusals keep what was typed; nothing goes out twice."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from messaging.models import Conversation, Message
from messaging.models.messages import Status
from provisioning.models import PhoneNumber, TextingSetting, User
from tests import factories
from tests.factories import NOW
from tests.messaging.inbox_texts import conversation_of

HTMX = {"HX-Request": "true"}
TO = "(206) 555-0101"


@pytest.fixture
def client(user: User, signed_in_as: Any, time_machine: Any) -> Client:
    time_machine.move_to(NOW, tick=False)
    browser: Client = signed_in_as(user)
    return browser


@pytest.fixture
def conversation(user: User) -> Conversation:
    return factories.ConversationFactory(user=user, counterpart="+12065550101")


def send(client: Client, conversation: Conversation, body: str, **options: Any) -> Any:
    typed = {"body": body, "key": options.pop("key", str(uuid.uuid4()))} | options.pop("more", {})
    return client.post(reverse("conversation_send", args=[conversation.pk]), typed, **options)


def sent_texts(user: User) -> list[str]:
    queued = Message.objects.filter(user=user, direction="out", status=Status.QUEUED)
    return list(queued.order_by("id").values_list("body", flat=True))


def hidden_key(html: str) -> str:
    found = re.findall(r'name="key" value="([0-9a-f-]{36})"', html)
    return str(found[-1])


def test_a_text_is_sent_without_javascript(client: Client, user: User, conversation: Conversation) -> None:
    response = send(client, conversation, "On my way")
    assert response.status_code == 302
    assert response.url == reverse("conversation", args=[conversation.pk])
    assert sent_texts(user) == ["On my way"]


def test_with_htmx_an_empty_composer_with_another_key_comes_back(
    client: Client, user: User, conversation: Conversation
) -> None:
    key = str(uuid.uuid4())
    response = send(client, conversation, "On my way", key=key, headers=HTMX)
    html = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in html
    assert "On my way" not in html
    assert hidden_key(html) != key
    assert "inbox:sent" in response["HX-Trigger-After-Settle"]
    assert sent_texts(user) == ["On my way"]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_pressing_send_twice_sends_once(
    client: Client, user: User, conversation: Conversation, headers: dict[str, str]
) -> None:
    key = str(uuid.uuid4())
    first = send(client, conversation, "On my way", key=key, headers=headers)
    second = send(client, conversation, "On my way", key=key, headers=headers)
    assert first.status_code == second.status_code
    assert sent_texts(user) == ["On my way"]


def test_two_forms_send_two_texts(client: Client, user: User, conversation: Conversation) -> None:
    send(client, conversation, "ok")
    send(client, conversation, "ok")
    assert sent_texts(user) == ["ok", "ok"]


def test_each_rendered_form_has_a_key_of_its_own(client: Client, conversation: Conversation) -> None:
    address = reverse("conversation", args=[conversation.pk])
    keys = re.findall(r'name="key" value="([^"]+)"', "".join(client.get(address).content.decode() for _ in range(2)))
    assert len(keys) == len(set(keys)) == 4


def test_an_old_form_with_another_text_is_asked_about(client: Client, user: User, conversation: Conversation) -> None:
    key = str(uuid.uuid4())
    send(client, conversation, "first", key=key)
    response = send(client, conversation, "second", key=key)
    html = response.content.decode()
    assert response.status_code == 409
    assert "This form was sent before with another text." in html
    assert "second</textarea>" in html
    send(client, conversation, "second", key=hidden_key(html.split("<dialog")[0]))
    assert sent_texts(user) == ["first", "second"]


def test_line_ends_arrive_as_they_were_typed(client: Client, user: User, conversation: Conversation) -> None:
    send(client, conversation, "  one\r\ntwo\r\n\r\nthree  ")
    assert sent_texts(user) == ["  one\ntwo\n\nthree  "]


REFUSED = [
    ("", "empty_body"),
    (" \n ", "empty_body"),
    ("a\x00b", "control_characters"),
    ("a\x07b", "control_characters"),
    ("x" * 1531, "too_long"),
]


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(("body", "code"), REFUSED)
def test_a_refusal_stands_beside_what_was_typed(
    client: Client, user: User, conversation: Conversation, body: str, code: str, headers: dict[str, str]
) -> None:
    response = send(client, conversation, body, headers=headers)
    html = response.content.decode()
    assert response.status_code == 422
    assert f'role="alert" data-code="{code}"' in html
    assert f"\n{body}</textarea>" in html
    assert sent_texts(user) == []


def test_typed_markup_comes_back_as_text(client: Client, conversation: Conversation) -> None:
    html = send(client, conversation, "</textarea><script>alert(1)</script>" + "x" * 1531).content.decode()
    assert "<script>alert(1)" not in html
    assert "&lt;/textarea&gt;&lt;script&gt;" in html


def test_texting_switched_off_meanwhile_is_said_and_the_text_kept(
    client: Client, user: User, conversation: Conversation
) -> None:
    User.objects.filter(pk=user.pk).update(texting_setting=TextingSetting.OFF)
    html = send(client, conversation, "half a novel", headers=HTMX).content.decode()
    assert 'data-code="texting_off"' in html
    assert "half a novel</textarea>" in html


def test_a_number_that_moved_away_sends_nothing(client: Client, user: User, conversation: Conversation) -> None:
    PhoneNumber.objects.filter(pk=conversation.number_id).update(user=factories.UserFactory(location=user.location))
    factories.SendingNumberFactory(number=factories.PhoneNumberFactory(organization=user.organization, user=user))
    response = send(client, conversation, "hello")
    assert response.status_code == 422
    assert 'data-code="number_gone"' in response.content.decode()
    assert sent_texts(user) == []


@pytest.mark.parametrize("page", ["conversation", "new"])
def test_an_attachment_is_refused(client: Client, user: User, conversation: Conversation, page: str) -> None:
    picture = SimpleUploadedFile("a.png", b"\x89PNG", content_type="image/png")
    typed = {"to": TO, "body": "look", "key": str(uuid.uuid4()), "picture": picture}
    address = reverse("conversation_send", args=[conversation.pk]) if page == "conversation" else reverse("new_message")
    response = client.post(address, typed)
    assert response.status_code == 422
    assert 'data-code="mms_not_supported"' in response.content.decode()
    assert sent_texts(user) == []


def test_somebody_elses_conversation_takes_no_text(client: Client, user: User, stranger: User) -> None:
    theirs = conversation_of(stranger)
    assert send(client, theirs, "hello").status_code == 404
    assert Message.objects.filter(direction="out").count() == 0


def test_a_form_without_the_csrf_token_is_refused_with_a_sentence(user: User, conversation: Conversation) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    for address in (
        reverse("conversation_send", args=[conversation.pk]),
        reverse("conversation_read", args=[conversation.pk]),
        reverse("new_message"),
    ):
        response = browser.post(address, {"body": "hello", "to": TO})
        assert response.status_code == 403
        assert "This form is too old to be sent." in response.content.decode()
    assert sent_texts(user) == []


def test_a_get_sends_nothing(client: Client, user: User, conversation: Conversation) -> None:
    assert client.get(reverse("conversation_send", args=[conversation.pk]), {"body": "x"}).status_code == 405


def new(client: Client, to: str, body: str = "hello", **options: Any) -> Any:
    return client.post(reverse("new_message"), {"to": to, "body": body, "key": str(uuid.uuid4())}, **options)


def test_a_new_message_opens_its_conversation(client: Client, user: User) -> None:
    response = new(client, TO)
    conversation = Conversation.objects.get(user=user)
    assert response.status_code == 302
    assert response.url == reverse("conversation", args=[conversation.pk])
    assert conversation.counterpart == "+12065550101"


def test_a_new_message_to_a_known_number_goes_into_its_conversation(
    client: Client, user: User, conversation: Conversation
) -> None:
    assert new(client, TO).url == reverse("conversation", args=[conversation.pk])


def test_from_the_dialog_the_browser_is_led_to_the_conversation(client: Client, user: User) -> None:
    response = new(client, TO, headers=HTMX)
    assert response["HX-Redirect"] == reverse("conversation", args=[Conversation.objects.get(user=user).pk])


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("", "invalid_destination"),
        ("Theo", "invalid_destination"),
        ("12345", "destination_not_allowed"),
        ("+1 876 5550101", "destination_not_allowed"),
        ("+44 20 7946 0018", "destination_not_allowed"),
        ("900 555 0101", "destination_not_allowed"),
        ("911", "emergency"),
        ("<script>alert(1)</script>", "invalid_destination"),
        ("206\x00555 0101", "invalid_destination"),
    ],
)
def test_a_number_that_cannot_be_texted_is_said_at_the_number(
    client: Client, user: User, to: str, code: str, headers: dict[str, str]
) -> None:
    response = new(client, to, "typed before", headers=headers)
    html = response.content.decode()
    assert response.status_code == 422
    assert f'id="to-e" role="alert" data-code="{code}"' in html
    assert 'aria-invalid="true" aria-describedby="to-e to-h"' in html
    assert "typed before</textarea>" in html
    assert "<script>alert" not in html
    assert sent_texts(user) == []


def test_an_empty_new_message_is_said_at_the_form_and_the_number_kept(client: Client) -> None:
    html = new(client, TO, "").content.decode()
    assert 'id="new-e" role="alert" data-code="empty_body"' in html
    assert 'value="(206) 555-0101"' in html


def test_the_new_message_page_works_without_javascript(client: Client) -> None:
    html = client.get(reverse("new_message"), {"to": "+12065550101"}).content.decode()
    assert f'<form method="post" action="{reverse("new_message")}"' in html
    assert 'value="+12065550101"' in html
    assert html.count('id="to"') == 1


def test_who_cannot_text_is_told_instead_of_asked(client: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(texting_setting=TextingSetting.OFF)
    html = client.get(reverse("new_message")).content.decode()
    assert "Business Texting is off for you." in html
    assert 'name="to"' not in html


def test_the_dialog_closes_and_opens_with_texting(client: Client, user: User) -> None:
    address = reverse("new_message")
    assert client.get(address, {"state": "open"}, headers=HTMX).status_code == 204
    User.objects.filter(pk=user.pk).update(texting_setting=TextingSetting.OFF)
    closing = client.get(address, {"state": "open"}, headers=HTMX).content.decode()
    assert "Business Texting is off for you." in closing
    assert 'name="to"' not in closing
    assert client.get(address, {"state": "texting_off"}, headers=HTMX).status_code == 204


def test_someone_without_a_number_still_has_an_inbox(full_admin: User, signed_in_as: Any) -> None:
    browser = signed_in_as(full_admin)
    assert browser.get(reverse("inbox")).status_code == 200
    assert browser.get(reverse("new_message")).status_code == 200
    assert new(browser, TO).status_code == 422


@pytest.mark.parametrize("name", ["inbox", "inbox_list", "new_message"])
def test_an_operator_has_no_inbox(signed_in_as: Any, db: Any, name: str) -> None:
    assert signed_in_as(factories.OperatorFactory()).get(reverse(name)).status_code == 403


def test_who_is_not_signed_in_is_sent_to_sign_in(db: Any) -> None:
    assert Client().get(reverse("inbox")).url.startswith(reverse("sign_in"))
