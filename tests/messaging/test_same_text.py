"""The same words to many people: what counts, when it is refused, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging import same_text
from messaging.compose import Composed, compose
from messaging.models import DailyCount, Message, SameText
from messaging.tasks import count_outcomes
from provisioning.models import User
from provisioning.refusals import Refusal
from tests.factories import NOW, ConversationFactory, MessageFactory, texting_user

WORDS = "Our spring catalogue is out, ask for yours"


@pytest.fixture(autouse=True)
def twice_a_day(settings: Any) -> None:
    settings.SAME_TEXT_A_DAY = 2


def send(user: User, person: int, body: str = WORDS, **options: Any) -> Composed:
    return compose(user=user, to=f"+1206555{person:04d}", body=body, **{"now": NOW, **options})


def refused(user: User, *args: Any, **options: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        send(user, *args, **options)
    return caught.value


def test_the_limit_is_a_setting_with_a_default() -> None:
    from texting_hub import settings

    assert settings.SAME_TEXT_A_DAY == 50


def test_one_more_than_the_limit_is_refused_and_kept_as_blocked(user: User) -> None:
    for person in (1, 2):
        send(user, person)
    refusal = refused(user, 3)
    assert (refusal.code, refusal.http_status, refusal.extra["limit"]) == ("same_text", 422, 2)
    assert refusal.sentence.endswith(".")
    kept = Message.objects.get(pk=refusal.extra["message_id"])
    assert (kept.status, kept.reason, kept.blocked_by) == ("blocked", "content_rejected", "platform")
    assert DailyCount.objects.get().accepted == 2
    assert SameText.objects.get().texts == 2


@pytest.mark.parametrize(
    "body",
    [WORDS.upper(), WORDS.replace(" ", "  "), f" {WORDS}\n", WORDS.replace("g", "g\u200b"), WORDS.replace("O", "Ｏ")],
)
def test_the_same_words_dressed_up_are_the_same(user: User, body: str) -> None:
    for person in (1, 2):
        send(user, person)
    assert refused(user, 3, body).code == "same_text"


def test_other_digits_are_other_words(user: User) -> None:
    for person in range(5):
        send(user, person + 1, f"Your order {person} is ready at our counter")
    assert SameText.objects.count() == 5


def test_short_texts_do_not_count_and_cost_nothing(user: User) -> None:
    send(user, 1, "Thanks!")
    with CaptureQueriesContext(connection) as captured:
        for person in range(2, 6):
            send(user, person, "Thanks, see you!")
    assert not any("sametext" in query["sql"] for query in captured)
    assert not SameText.objects.exists()


def test_counting_costs_one_statement(user: User) -> None:
    send(user, 1)
    with CaptureQueriesContext(connection) as captured:
        send(user, 2)
    assert sum("sametext" in query["sql"] for query in captured) == 1


def test_each_number_and_day_has_a_count_of_its_own(user: User) -> None:
    colleague = texting_user(user.organization)
    for person in (1, 2):
        send(user, person)
        send(colleague, person)
        send(user, person, now=NOW + timedelta(days=1))
    for person, options in ((user, {}), (colleague, {}), (user, {"now": NOW + timedelta(days=1)})):
        assert refused(person, 3, **options).code == "same_text"


def test_a_person_counts_once_and_may_always_be_told_again(user: User) -> None:
    for person in (1, 2, 1, 2, 2):
        send(user, person)
    assert refused(user, 3).code == "same_text"
    assert send(user, 1).message.status == "queued"
    assert SameText.objects.get().texts == 2


def test_the_same_words_spread_over_an_organizations_numbers_are_refused(user: User, stranger: User) -> None:
    """Ten times what one number may; what others send is none of it."""
    team = [user, *(texting_user(user.organization) for _ in range(10))]
    for place in range(20):
        send(team[place // 2], place)
    refusal = refused(team[10], 20)
    assert (refusal.code, refusal.extra["limit"]) == ("same_text", 20)
    assert "organization" in refusal.sentence
    assert refused(team[0], 21).extra["limit"] == 2
    for sender, person, body in ((team[0], 0, WORDS), (team[10], 0, WORDS), (team[10], 22, f"{WORDS} now")):
        assert send(sender, person, body).message.status == "queued"
    assert send(stranger, 0).message.status == "queued"


def test_a_repeated_request_is_counted_once(user: User) -> None:
    for _ in range(4):
        send(user, 1, idempotency_key="k")
    assert SameText.objects.get().texts == 1


def test_neither_words_nor_people_are_kept(user: User) -> None:
    send(user, 1)
    send(user, 2)
    send(user, 1, f"{WORDS} today")
    row, other = SameText.objects.order_by("-texts")
    assert not any(words in str(row.__dict__).casefold() for words in ("catalogue", "2065550001"))
    assert len(row.digest) == 64
    assert [len(mark) for mark in row.people.split()] == [12, 12]
    assert not set(row.people.split()) & set(other.people.split()), "nobody can be followed from text to text"


def test_counts_are_dropped_after_two_days(user: User) -> None:
    for days in range(4):
        send(user, days + 1, now=NOW - timedelta(days=days))
    same_text.forget(NOW)
    today = NOW.date()
    assert set(SameText.objects.values_list("day", flat=True)) == {today, today - timedelta(days=1)}


def test_the_task_that_counts_drops_them(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    send(user, 1, now=NOW - timedelta(days=5))
    monkeypatch.setattr("messaging.clock.database_now", lambda: NOW)
    count_outcomes()
    assert not SameText.objects.exists()


# Bursts and answers, which compose notes beside it


def test_operators_see_how_many_texts_a_minute_had(user: User) -> None:
    at = NOW.replace(hour=10, minute=30)
    seconds = [0, 20, 40, 60, 61, 300]
    for place, second in enumerate(seconds):
        send(user, place + 1, f"Text {place}", now=at + timedelta(seconds=second))
    day = DailyCount.objects.get()
    assert (day.minute, day.minute_texts, day.busiest_minute) == (635, 1, 3)
    assert day.accepted == len(seconds)


def test_the_first_minute_of_a_day_counts_too(user: User) -> None:
    midnight = NOW.replace(hour=0, minute=0)
    for place in range(2):
        send(user, place + 1, f"Text {place}", now=midnight)
    day = DailyCount.objects.get()
    assert (day.minute, day.minute_texts, day.busiest_minute) == (0, 2, 2)


@pytest.mark.parametrize(
    ("hours", "later", "prompt"), [(1, 0, True), (23, 0, True), (25, 0, False), (1, 5, True), (1, 25, False)]
)
def test_an_answer_to_a_text_of_the_last_day_is_prompt(user: User, hours: int, later: int, prompt: bool) -> None:
    conversation = ConversationFactory(user=user, counterpart="+12065550001", last_seq=1 + later)
    MessageFactory(
        conversation=conversation, seq=1, direction="in", status="received", accepted_at=NOW - timedelta(hours=hours)
    )
    for place in range(later):
        MessageFactory(conversation=conversation, seq=2 + place)
    assert send(user, 1, "Hello").message.prompt is prompt


def test_what_nobody_waits_for_is_not_prompt(user: User) -> None:
    assert send(user, 1, "Hello").message.prompt is False
    assert send(user, 1, "Hello again").message.prompt is False
