"""The conversation list: whose, in which order, found how, at what price."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from messaging.inbox import conversation_page
from provisioning.models import User
from tests import factories
from tests.factories import NOW
from tests.messaging.inbox_texts import conversation_of, heard, said


@pytest.fixture
def client(user: User, signed_in_as: Any, time_machine: Any) -> Client:
    time_machine.move_to(NOW, tick=False)
    browser: Client = signed_in_as(user)
    return browser


def page(client: Client, **parameters: str) -> str:
    response = client.get(reverse("inbox"), parameters)
    assert response.status_code == 200
    return str(response.content.decode())


def numbers(html: str) -> list[str]:
    return re.findall(r'class="who clip num">([^<]+)<', html)


def test_the_newest_change_stands_first(client: Client, user: User) -> None:
    conversation_of(user, "older", at=NOW - timedelta(hours=2), counterpart="+12065550101")
    conversation_of(user, "newer", at=NOW - timedelta(hours=1), counterpart="+12065550102")
    assert numbers(page(client)) == ["+1 206 555 0102", "+1 206 555 0101"]


def test_nobody_sees_another_persons_conversations(client: Client, user: User, stranger: User) -> None:
    colleague = factories.texting_user(user.organization)
    conversation_of(colleague, "a colleague's secret", counterpart="+12065550103")
    conversation_of(stranger, "another organization's secret", counterpart="+12065550104")
    for html in (page(client), page(client, q="secret"), page(client, show="unread")):
        assert "secret" not in re.sub(r'value="secret"|“secret”|q=secret', "", html)
        assert numbers(html) == []


def test_a_row_says_who_wrote_last_and_what_became_of_it(client: Client, user: User) -> None:
    said(conversation_of(user), "On its way", at=NOW)
    heard(conversation_of(user), "Thank you", at=NOW)
    said(conversation_of(user), "Shipped", at=NOW, status="undelivered")
    said(conversation_of(user), "Are you there?", at=NOW, status="unconfirmed")
    said(conversation_of(user), "You are opted out.", at=NOW, kind="automatic")
    html = page(client)
    assert "You: On its way<" in html
    assert "Automatic reply: You are opted out.<" in html
    assert ">Thank you<" in html
    assert 'is-failed" dir="auto">Not delivered: Shipped<' in html
    assert "Outcome unknown: Are you there?<" in html


def test_a_purged_snippet_is_gone(client: Client, user: User) -> None:
    conversation = conversation_of(user, "the only text")
    conversation.last_message = None
    conversation.save()
    html = page(client)
    assert "the only text" not in html
    assert "No texts kept" in html


def test_unread_conversations_are_bold_and_counted(client: Client, user: User) -> None:
    conversation = conversation_of(user, counterpart="+12065550101")
    heard(conversation, "one")
    heard(conversation, "two")
    conversation_of(user, "read", counterpart="+12065550102")
    html = page(client)
    assert "<title>(1) Inbox" in html
    assert 'Unread <span class="num">(1)</span>' in html
    assert ", 2 unread</span>" in html
    assert numbers(page(client, show="unread")) == ["+1 206 555 0101"]


def test_more_than_ninety_nine_unread_are_not_counted_out(client: Client, user: User) -> None:
    for n in range(101):
        factories.ConversationFactory(user=user, counterpart=f"+1206555{n:04d}", unread_count=1)
    assert "<title>(99+) Inbox" in page(client)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("dock", ["+1 206 555 0101"]),
        ("DOCK loading", ["+1 206 555 0101"]),
        ("straße", ["+1 206 555 0102"]),
        ("STRASSE", ["+1 206 555 0102"]),
        ("café", ["+1 206 555 0102"]),
        ("dock strasse", []),
        ("0102", ["+1 206 555 0102"]),
        ("(206) 555-0101", ["+1 206 555 0101"]),
        ("100%", []),
        ("under_score", ["+1 206 555 0103"]),
        ("under%score", []),
        ("\x00", ["+1 206 555 0101", "+1 206 555 0102", "+1 206 555 0103"]),
    ],
)
def test_words_and_numbers_are_found(client: Client, user: User, query: str, found: list[str]) -> None:
    conversation_of(user, "See you at the loading dock", counterpart="+12065550101", at=NOW)
    conversation_of(user, "Café, Hauptstraße 5", counterpart="+12065550102", at=NOW - timedelta(minutes=1))
    conversation_of(user, "it is under_score", counterpart="+12065550103", at=NOW - timedelta(minutes=2))
    assert numbers(page(client, q=query)) == found


def test_an_older_text_of_the_thread_is_found_too(client: Client, user: User) -> None:
    conversation_of(user, "the gate code is 4711", "ok", counterpart="+12065550101")
    assert numbers(page(client, q="gate code")) == ["+1 206 555 0101"]


def test_a_withheld_text_is_not_found(client: Client, user: User) -> None:
    conversation = conversation_of(user, "hello")
    heard(conversation, "picture of the invoice", withheld="mms")
    assert numbers(page(client, q="invoice")) == []


def test_an_empty_search_says_what_was_looked_for(client: Client, user: User) -> None:
    conversation_of(user, "hello")
    html = page(client, q="<b>zzz</b>")
    assert "Nothing in your conversations has “&lt;b&gt;zzz&lt;/b&gt;”" in html


def test_an_empty_inbox_says_where_texts_would_arrive(client: Client, user: User) -> None:
    number = user.primary_number
    number.e164 = "+14155550123"
    number.save()
    assert "Texts to <span" in page(client)
    assert "+1 415 555 0123" in page(client)


def test_pages_follow_each_other_without_gap_or_repetition(user: User) -> None:
    made = [
        factories.ConversationFactory(
            user=user, changed_at=NOW - timedelta(seconds=n // 3), counterpart=f"+1206555{n:04d}"
        )
        for n in range(23)
    ]
    seen, cursor = [], ""
    while True:
        part = conversation_page(user, before=cursor, size=5)
        seen += [conversation.pk for conversation in part.conversations]
        cursor = part.older
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 23
    assert set(seen) == {conversation.pk for conversation in made}


@pytest.mark.parametrize("cursor", ["x", "~", "2026-11-23T15:00:00~x", "2026-11-23T15:00:00+00:00~", "9" * 300])
def test_a_cursor_that_means_nothing_is_the_first_page(client: Client, user: User, cursor: str) -> None:
    conversation_of(user, "hello", counterpart="+12065550101")
    assert numbers(page(client, page=cursor)) == ["+1 206 555 0101"]


def test_the_list_costs_the_same_however_many_conversations(client: Client, user: User) -> None:
    for n in range(60):
        conversation_of(user, f"text {n}", counterpart=f"+1206555{n:04d}")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        html = page(client)
    assert len(numbers(html)) == 50
    assert len(queries) <= 8, [query["sql"] for query in queries]


def test_bodies_are_escaped_in_the_list(client: Client, user: User) -> None:
    conversation_of(user, "<script>alert(1)</script>")
    html = page(client)
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(minutes=5), "06:55"),
        (timedelta(hours=8), "Yesterday"),
        (timedelta(days=3), "Fri"),
        (timedelta(days=30), "24 Oct 2026"),
    ],
)
def test_times_are_the_organizations(client: Client, user: User, age: timedelta, shown: str) -> None:
    user.organization.time_zone = "America/Los_Angeles"
    user.organization.save()
    conversation_of(user, "hello", at=NOW - age)
    assert f'class="when num">{shown}<' in page(client)


def test_an_unknown_time_zone_is_utc(client: Client, user: User) -> None:
    user.organization.time_zone = "Mars/Olympus_Mons"
    user.organization.save()
    conversation_of(user, "hello", at=NOW - timedelta(minutes=5))
    assert 'class="when num">14:55<' in page(client)


def test_htmx_gets_the_list_alone_with_the_number_of_unread(client: Client, user: User) -> None:
    heard(conversation_of(user, counterpart="+12065550101"), "hello")
    response = client.get(reverse("inbox_list"), headers={"HX-Request": "true"})
    html = response.content.decode()
    assert "<html" not in html
    assert numbers(html) == ["+1 206 555 0101"]
    assert 'hx-swap-oob="true"' in html
    assert 'data-unread="1"' in html


def test_nothing_of_the_inbox_is_kept_by_caches(client: Client, user: User) -> None:
    conversation = conversation_of(user, "hello")
    addresses = [
        reverse("inbox"),
        reverse("inbox_list"),
        reverse("conversation", args=[conversation.pk]),
        reverse("conversation_thread", args=[conversation.pk]),
    ]
    for address in addresses:
        assert "no-store" in client.get(address)["Cache-Control"]


def test_an_administrator_finds_the_way_back_to_the_portal(full_admin: User, signed_in_as: Any, user: User) -> None:
    html = signed_in_as(full_admin).get(reverse("inbox")).content.decode()
    assert reverse("service_settings") in html
    assert reverse("service_settings") not in signed_in_as(user).get(reverse("inbox")).content.decode()


def test_nothing_on_the_page_needs_a_looser_content_security_policy(client: Client, user: User) -> None:
    conversation = conversation_of(user, "hello")
    html = client.get(reverse("conversation", args=[conversation.pk])).content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    assert re.findall(r"\s(?:style|on[a-z]+|hx-on[^=]*)=", html) == []
