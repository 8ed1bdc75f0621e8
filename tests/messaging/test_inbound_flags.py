"""What is noted of a text that arrives: it may be a repeat, its sender is blocked, its keyword was answered already."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from messaging.inbound import accept_inbound
from messaging.models import BlockedPerson, CarrierAccount, DailyCount, Message, OptOut
from messaging.models.messages import Kind
from provisioning.models import User
from tests.factories import NOW
from tests.messaging.carrier_events import PERSON, account_of, inbound

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(user: User) -> CarrierAccount:
    return account_of(user.primary_number)


def arrives(account: CarrierAccount, user: User, body: str, seconds: float = 0, **fields: Any) -> Message:
    text = inbound(user.primary_number.e164, body, **fields)
    filed = accept_inbound(account, text, NOW + timedelta(seconds=seconds))
    assert filed is not None
    return filed.message


def test_the_same_words_within_seconds_are_flagged_and_kept(
    account: CarrierAccount, user: User, signed_in_as: Any
) -> None:
    first, second = arrives(account, user, "Yes please"), arrives(account, user, "Yes please", 9)
    assert (first.looks_repeated, second.looks_repeated) == (False, True)
    assert Message.objects.count() == 2
    client: Client = signed_in_as(user)
    page = client.get(reverse("conversation", args=[first.conversation_id])).content.decode()
    assert page.count("This may be a repeat.") == 1


@pytest.mark.parametrize(
    ("body", "seconds", "sender"),
    [("Yes please", 11, PERSON), ("Yes, please", 1, PERSON), ("Yes please", 1, "+12065550199")],
)
def test_what_differs_or_comes_later_is_no_repeat(
    account: CarrierAccount, user: User, body: str, seconds: float, sender: str
) -> None:
    arrives(account, user, "Yes please")
    assert not arrives(account, user, body, seconds, sender=sender).looks_repeated


def test_a_repeat_is_looked_for_among_what_was_received(account: CarrierAccount, user: User) -> None:
    from messaging.compose import compose

    compose(user=user, to=PERSON, body="OK", now=NOW)
    assert not arrives(account, user, "OK", 1).looks_repeated


def test_a_blocked_person_reaches_nobody_and_their_keywords_count(account: CarrierAccount, user: User) -> None:
    BlockedPerson.objects.create(
        organization=user.organization, user=user, counterpart=PERSON, blocked_at=NOW
    )  # fmt: skip
    text = arrives(account, user, "Hello?")
    assert (text.withheld, text.conversation_id) == ("blocked", None)
    assert not Message.objects.filter(kind=Kind.AUTOMATIC).exists()
    arrives(account, user, "STOP", 20)
    assert OptOut.objects.filter(counterpart=PERSON, lifted_at__isnull=True).exists()
    BlockedPerson.objects.update(lifted_at=NOW)
    assert arrives(account, user, "Hello again", 40).withheld == ""


@pytest.mark.parametrize("by_account", [True, False])
def test_a_keyword_that_the_carrier_answered_is_only_recorded(
    account: CarrierAccount, user: User, by_account: bool
) -> None:
    if by_account:
        account.answers_keywords = True
    arrives(account, user, "STOP", carrier_replied=not by_account)
    assert OptOut.objects.filter(counterpart=PERSON, lifted_at__isnull=True).exists()
    arrives(account, user, "START", 5, carrier_replied=not by_account)
    assert not OptOut.objects.filter(lifted_at__isnull=True).exists()
    assert not Message.objects.filter(kind=Kind.AUTOMATIC).exists()


def test_a_picture_is_answered_although_the_carrier_answers_keywords(account: CarrierAccount, user: User) -> None:
    account.answers_keywords = True
    arrives(account, user, "Look", media_count=1)
    assert Message.objects.filter(kind=Kind.AUTOMATIC).count() == 1


def test_who_opts_out_is_counted_once_a_day_and_number(account: CarrierAccount, user: User) -> None:
    for second, word in enumerate(["STOP", "STOP", "START", "STOP"]):
        arrives(account, user, word, second * 20)
    assert DailyCount.objects.get().opted_out == 2
