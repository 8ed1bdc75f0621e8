"""Carriers post in parallel: two first texts, two STOPs and two copies of one webhook at the same time."""

from __future__ import annotations

import pytest

from messaging.inbound import Filed, accept_inbound
from messaging.models import Conversation, DailyCount, Message, OptOut
from messaging.models.messages import Kind
from tests import factories
from tests.compliance.threads import at_once
from tests.factories import NOW
from tests.messaging.carrier_events import account_of, inbound

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shared_database")]

THREADS = 4


def test_first_texts_at_once_make_one_conversation_with_every_place_taken_once() -> None:
    number = factories.texting_user().primary_number
    account = account_of(number)
    texts = [inbound(number.e164, f"text {place}") for place in range(THREADS)]
    at_once(*[lambda text=text: accept_inbound(account, text, NOW) for text in texts])
    conversation = Conversation.objects.get()
    places = Message.objects.filter(conversation=conversation).values_list("seq", flat=True)
    assert sorted(places) == list(range(1, THREADS + 1))
    assert (conversation.last_seq, conversation.unread_count) == (THREADS, THREADS)
    assert DailyCount.objects.get().received == THREADS


def test_copies_of_one_webhook_at_once_are_one_text() -> None:
    number = factories.texting_user().primary_number
    account, text = account_of(number), inbound(number.e164, "HELP")
    filed = at_once(*[lambda: accept_inbound(account, text, NOW) for _copy in range(THREADS)])
    assert sorted(one.replayed for one in filed if isinstance(one, Filed)) == [False] + [True] * (THREADS - 1)
    assert Message.objects.filter(direction="in").count() == 1
    assert Message.objects.filter(kind=Kind.AUTOMATIC).count() == 1
    assert Conversation.objects.get().unread_count == 1


def test_stops_at_once_opt_out_once_and_are_confirmed_once() -> None:
    user = factories.texting_user()
    second = factories.PhoneNumberFactory(organization=user.organization)
    account = account_of(user.primary_number)
    texts = [inbound(e164, "STOP") for e164 in (user.primary_number.e164, second.e164) * 2]
    at_once(*[lambda text=text: accept_inbound(account, text, NOW) for text in texts])
    assert OptOut.objects.count() == 1
    assert Message.objects.filter(kind=Kind.AUTOMATIC).count() == 1
    assert Message.objects.filter(direction="in").count() == THREADS
