"""A thread: what became of each text, days, older pages, sending again, and why the composer is closed."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from messaging.models import Conversation, Message, OptOut
from messaging.models.messages import Status
from provisioning.models import PhoneNumber, TextingSetting, User
from tests import factories
from tests.factories import NOW
from tests.messaging.inbox_texts import conversation_of, heard, said

HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(user: User, signed_in_as: Any, time_machine: Any) -> Client:
    user.organization.time_zone = "America/Los_Angeles"
    user.organization.save()
    time_machine.move_to(NOW, tick=False)
    browser: Client = signed_in_as(user)
    return browser


@pytest.fixture
def conversation(user: User) -> Conversation:
    return factories.ConversationFactory(user=user, counterpart="+12065550101")


def shown(client: Client, conversation: Conversation, **parameters: Any) -> str:
    response = client.get(reverse("conversation", args=[conversation.pk]), parameters)
    assert response.status_code == 200
    return str(response.content.decode())


def bodies(html: str) -> list[str]:
    return re.findall(r'class="bubble" dir="auto">([^<]*)<', html)


def words(html: str) -> str:
    """The page's text with one space between words."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize("page", ["conversation", "conversation_thread", "conversation_composer"])
@pytest.mark.parametrize("whose", ["stranger", "colleague", "nobody"])
def test_somebody_elses_conversation_is_not_found(
    client: Client, user: User, stranger: User, page: str, whose: str
) -> None:
    owner = {"stranger": stranger, "colleague": factories.texting_user(user.organization)}.get(whose)
    identifier = conversation_of(owner, "secret").pk if owner else uuid.uuid4()
    response = client.get(reverse(page, args=[identifier]))
    assert response.status_code == 404
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("queued", "Queued"),
        ("sending", "Sending"),
        ("sent", "Sent 07:00"),
        ("delivered", "Delivered 07:00"),
        ("unconfirmed", "Outcome unknown 07:00"),
        ("failed", "Failed 07:00"),
        ("blocked", "Blocked 07:00"),
        ("undelivered", "Not delivered 07:00"),
        ("cancelled", "Cancelled 07:00"),
    ],
)
def test_every_state_has_a_word_and_an_icon(client: Client, conversation: Conversation, status: str, word: str) -> None:
    said(conversation, "hello", status=status)
    html = shown(client, conversation)
    assert f"hello {word}" in words(html)
    receipt = re.search(r'class="receipt[^"]*">(.*?)</p>', html)
    assert receipt is not None
    assert "#i-" in receipt[1]


def test_sent_without_a_report_says_so_after_three_days(client: Client, conversation: Conversation) -> None:
    said(conversation, "old", status="sent", at=NOW - timedelta(hours=72, seconds=5))
    said(conversation, "young", status="sent", at=NOW - timedelta(hours=71))
    page = words(shown(client, conversation))
    assert "old Sent, no delivery report" in page
    assert "young Sent 08:00" in page


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("not_textable", "it may be a landline"),
        ("", "The carrier gave no reason."),
        ("something_new", "The carrier gave no reason."),
    ],
)
def test_a_failure_says_why_and_what_to_do(
    client: Client, conversation: Conversation, reason: str, sentence: str
) -> None:
    said(conversation, "hello", status="undelivered", reason=reason)
    page = words(shown(client, conversation))
    assert "This text didn’t arrive." in page
    assert sentence in page


def test_an_automatic_reply_is_told_apart(client: Client, conversation: Conversation) -> None:
    said(conversation, "You are opted out.", kind="automatic")
    assert "Automatic reply, delivered" in shown(client, conversation)


def test_a_late_receipt_carries_its_day(client: Client, conversation: Conversation) -> None:
    said(conversation, "hello", at=NOW - timedelta(days=2), delivered_at=NOW)
    assert "Delivered 23 Nov, 07:00" in words(shown(client, conversation))


def test_days_are_named_in_the_organizations_time(client: Client, conversation: Conversation) -> None:
    # 23 Nov, 07:00 in Los Angeles. 07:30 UTC on the 23rd is still the 22nd there.
    for hours in (24 * 400, 72, 7.5, 1):
        said(conversation, f"{hours} hours ago", at=NOW - timedelta(hours=hours))
    days = re.findall(r'class="day" id="day-([0-9-]+)">([^<]+)<', shown(client, conversation))
    assert days == [
        ("2025-10-19", "Sunday 19 October 2025"),
        ("2026-11-20", "Friday 20 November"),
        ("2026-11-22", "Yesterday"),
        ("2026-11-23", "Today"),
    ]


def test_a_body_is_text_and_never_markup(client: Client, conversation: Conversation) -> None:
    heard(conversation, "<img src=x onerror=alert(1)>\n  & \x9d https://example.com")
    html = shown(client, conversation)
    assert "&lt;img src=x onerror=alert(1)&gt;\n  &amp; \x9d https://example.com" in html
    assert "<img" not in html
    assert 'href="https://example.com' not in html


def test_a_wish_to_be_left_alone_is_pointed_out(client: Client, conversation: Conversation) -> None:
    heard(conversation, "please stop texting me", asks_to_stop=True)
    assert "This person may want no more texts." in words(shown(client, conversation))


def test_the_thread_begins_with_how_long_texts_are_kept(client: Client, conversation: Conversation) -> None:
    heard(conversation, "hello")
    assert f"Texts are kept for {settings.MESSAGE_RETENTION_DAYS} days." in shown(client, conversation)


def test_older_texts_are_pages_that_meet(client: Client, conversation: Conversation) -> None:
    for n in range(1, 121):
        heard(conversation, f"text {n}")
    newest = shown(client, conversation)
    assert bodies(newest) == [f"text {n}" for n in range(71, 121)]
    assert "Texts are kept" not in newest
    older = shown(client, conversation, before=71)
    assert bodies(older) == [f"text {n}" for n in range(21, 71)]
    assert "Newest texts" in older
    oldest = shown(client, conversation, before=21)
    assert bodies(oldest) == [f"text {n}" for n in range(1, 21)]
    assert "The conversation begins here." in oldest


@pytest.mark.parametrize("before", ["x", "-1", "1e9", "９", "9" * 30])
def test_a_place_that_means_nothing_is_the_newest(client: Client, conversation: Conversation, before: str) -> None:
    heard(conversation, "hello")
    assert bodies(shown(client, conversation, before=before)) == ["hello"]


def test_withheld_texts_stay_with_compliance(client: Client, conversation: Conversation) -> None:
    heard(conversation, "a picture", withheld="mms")
    assert bodies(shown(client, conversation)) == []


def test_a_thread_costs_the_same_however_many_texts(client: Client, conversation: Conversation) -> None:
    for n in range(60):
        said(conversation, f"text {n}", status="undelivered")
    with CaptureQueriesContext(connection) as queries:
        assert len(bodies(shown(client, conversation))) == 50
    assert len(queries) <= 14, [query["sql"][:200] for query in queries]


def closed(client: Client, conversation: Conversation) -> str:
    """The sentences in place of the composer."""
    html = shown(client, conversation)
    assert '<textarea id="body"' not in html
    found = re.search(r'class="closed banner.*?</div></div>', html, re.DOTALL)
    assert found is not None
    return words("<" + found[0])


def test_the_composer_is_open_for_who_can_text(client: Client, conversation: Conversation) -> None:
    html = shown(client, conversation)
    assert '<textarea id="body"' in html
    assert 'data-state="open"' in html


def test_texting_off_closes_the_composer_and_keeps_the_history(client: Client, conversation: Conversation) -> None:
    heard(conversation, "an earlier text")
    User.objects.filter(pk=conversation.user_id).update(texting_setting=TextingSetting.OFF)
    assert "Business Texting is off for you." in closed(client, conversation)
    assert bodies(shown(client, conversation)) == ["an earlier text"]


def test_an_unmet_requirement_closes_the_composer_with_its_sentence(client: Client, conversation: Conversation) -> None:
    PhoneNumber.objects.filter(pk=conversation.number_id).update(capability="incapable")
    assert "Your primary number does not support texting." in closed(client, conversation)


def test_a_number_that_moved_away_closes_the_composer_and_opens_it_when_it_comes_back(
    client: Client, user: User, conversation: Conversation
) -> None:
    colleague = factories.UserFactory(location=user.location)
    PhoneNumber.objects.filter(pk=conversation.number_id).update(user=colleague)
    assert "This number is no longer yours" in closed(client, conversation)
    PhoneNumber.objects.filter(pk=conversation.number_id).update(user=user)
    assert 'data-state="open"' in shown(client, conversation)


def test_a_stop_closes_the_composer_and_says_when(client: Client, conversation: Conversation) -> None:
    opt_out = OptOut.objects.create(
        organization=conversation.organization,
        counterpart=conversation.counterpart,
        keyword="stop",
        opted_out_at=NOW - timedelta(days=1),
    )
    assert "This person replied STOP on 22 Nov 2026 at 07:00. You can’t text them until they reply START." in closed(
        client, conversation
    )
    assert "Opted out" in shown(client, conversation)
    opt_out.lifted_at = NOW
    opt_out.save()
    assert 'data-state="open"' in shown(client, conversation)


def test_a_composer_that_did_not_change_is_left_alone(client: Client, conversation: Conversation) -> None:
    address = reverse("conversation_composer", args=[conversation.pk])
    assert client.get(address, {"state": "open"}, headers=HTMX).status_code == 204
    User.objects.filter(pk=conversation.user_id).update(texting_setting=TextingSetting.OFF)
    closing = client.get(address, {"state": "open"}, headers=HTMX)
    assert closing.status_code == 200
    assert "Business Texting is off for you. Ask your administrator to turn it on.</p>" in closing.content.decode()
    assert client.get(address, {"state": "texting_off"}, headers=HTMX).status_code == 204


AGAIN = re.compile(r'id="again-([0-9a-f-]+)"')


def again(client: Client, message: Message) -> Any:
    address = reverse("send_again", args=[message.conversation_id, message.pk])
    return client.post(address)


@pytest.mark.parametrize("status", ["failed", "undelivered", "unconfirmed"])
def test_what_did_not_arrive_may_be_sent_again(client: Client, conversation: Conversation, status: str) -> None:
    first = said(conversation, "hello", status=status)
    assert AGAIN.findall(shown(client, conversation)) == [str(first.pk)]
    assert again(client, first).status_code == 302
    resend = Message.objects.get(resend_of=first)
    assert (resend.body, resend.status, resend.counterpart) == ("hello", Status.QUEUED, first.counterpart)
    page = shown(client, conversation)
    assert AGAIN.findall(page) == []
    assert "Sent again " in words(page)


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "delivered", "blocked", "cancelled"])
def test_nothing_else_may_be_sent_again(client: Client, conversation: Conversation, status: str) -> None:
    first = said(conversation, "hello", status=status)
    assert AGAIN.findall(shown(client, conversation)) == []
    response = client.post(reverse("send_again", args=[conversation.pk, first.pk]), follow=True)
    assert "This text can’t be sent again now." in response.content.decode()
    assert Message.objects.filter(resend_of=first).count() == 0


@pytest.mark.parametrize("reason", ["invalid_destination", "not_textable"])
def test_a_number_that_takes_no_texts_is_not_offered_the_same_again(
    client: Client, conversation: Conversation, reason: str
) -> None:
    first = said(conversation, "hello", status="undelivered", reason=reason)
    assert AGAIN.findall(shown(client, conversation)) == []
    again(client, first)
    assert Message.objects.filter(resend_of=first).count() == 0


def test_two_presses_send_one_text(client: Client, conversation: Conversation) -> None:
    first = said(conversation, "hello", status="failed")
    again(client, first)
    again(client, first)
    assert Message.objects.filter(resend_of=first).count() == 1


def test_an_unknown_outcome_is_asked_about_before_it_is_sent_again(client: Client, conversation: Conversation) -> None:
    first = said(conversation, "<b>hello</b>", status="unconfirmed")
    address = reverse("send_again", args=[conversation.pk, first.pk])
    assert f'href="{address}"' in shown(client, conversation)
    for headers in ({}, HTMX):
        asked = client.get(address, headers=headers).content.decode()
        assert "If it did, this person gets it twice." in asked
        assert "&lt;b&gt;hello&lt;/b&gt;" in asked


def test_an_unknown_outcome_waits_for_the_lease_and_the_carriers_timeout(
    client: Client, conversation: Conversation, time_machine: Any
) -> None:
    first = said(conversation, "hello", status="unconfirmed", leased_until=NOW + timedelta(seconds=30))
    assert AGAIN.findall(shown(client, conversation)) == []
    assert 'data-again-at="2026-11-23T07:00:40-08:00"' in shown(client, conversation)
    assert "can’t be sent again now" in again(client, first).wsgi_request._messages._queued_messages[0].message
    time_machine.move_to(NOW + timedelta(seconds=41), tick=False)
    assert AGAIN.findall(shown(client, conversation)) == [str(first.pk)]


def test_nothing_is_offered_again_while_the_composer_is_closed(client: Client, conversation: Conversation) -> None:
    said(conversation, "hello", status="failed")
    User.objects.filter(pk=conversation.user_id).update(texting_setting=TextingSetting.OFF)
    assert AGAIN.findall(shown(client, conversation)) == []


def test_somebody_elses_text_is_not_sent_again(client: Client, conversation: Conversation, stranger: User) -> None:
    theirs = said(conversation_of(stranger), "secret", status="failed")
    assert again(client, theirs).status_code == 404
    address = reverse("send_again", args=[conversation.pk, theirs.pk])
    assert client.post(address).status_code == 404
    assert Message.objects.filter(resend_of=theirs).count() == 0


def test_htmx_gets_the_thread_alone(client: Client, conversation: Conversation) -> None:
    heard(conversation, "hello")
    html = client.get(reverse("conversation_thread", args=[conversation.pk]), headers=HTMX).content.decode()
    assert "<html" not in html
    assert bodies(html) == ["hello"]
    assert 'id="mark-read" hx-swap-oob="true"' in html


def test_the_local_time_of_an_area_code_with_one_zone_is_shown(client: Client, user: User) -> None:
    assert "Their local time" in shown(client, conversation_of(user, counterpart="+12065550101"))
    assert "Their local time" not in shown(client, conversation_of(user, counterpart="+18005550101"))
