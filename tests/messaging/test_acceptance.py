"""Writing a text that is accepted: all of it or nothing, and on Postgres at once what the steps would have written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from unittest import mock

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given
from hypothesis import strategies as st

from messaging import acceptance, policy
from messaging.compose import Composed, compose
from messaging.models import ContentRule, Conversation, DailyCount, Message, SameText, SendingNumber
from provisioning.models import User
from provisioning.refusals import Refusal
from tests import factories
from tests.compliance.threads import at_once
from tests.factories import NOW

PERSON = "+12065550122"
WORDS = "Our spring catalogue is out, ask for yours"
THREADS = 6

only_postgres = pytest.mark.skipif("postgres" not in django_settings.DATABASES["default"]["ENGINE"], reason="Postgres")
committed = pytest.mark.django_db(transaction=True)
together = pytest.mark.usefixtures("shared_database")


def send(user: User, body: str = WORDS, to: str = PERSON, **options: Any) -> Composed:
    return compose(user=user, to=to, body=body, **{"now": NOW, **options})


def answer(act: Callable[[], Composed]) -> str:
    """How it ended: accepted, repeated, or a refusal's code."""
    try:
        return "repeated" if act().replayed else "accepted"
    except Refusal as refusal:
        return refusal.code


class Step(NamedTuple):
    """Something that happens to a user: a text to or from a person, after so many minutes."""

    what: str
    person: int
    body: int
    key: str
    minutes: int


BODIES = ("Yes", WORDS, WORDS.upper(), "😀" * 80, "Your order is on its way. " * 9, "ñ" * 29)
STEPS = st.builds(
    Step,
    what=st.sampled_from(["out", "out", "out", "in", "again", "ask", "looked at", "long due", "due later", "newer"]),
    person=st.integers(0, 1), body=st.integers(0, len(BODIES) - 1), key=st.sampled_from(["", "a", "b"]),
    minutes=st.sampled_from([0, 0, 1, 30, 23 * 60, 25 * 60]),
)  # fmt: skip


def told(*words: str | int) -> list[Step]:
    """Short texts to and from one person; a number is how many minutes pass."""
    steps, minutes = [], 0
    for word in words:
        if isinstance(word, int):
            minutes = word
        else:
            steps.append(Step(word, 0, 0, "", minutes))
            minutes = 0
    return steps


def play(user: User, steps: list[Step]) -> list[str]:
    """Each step's outcome."""
    now, answers = NOW, []
    for step in steps:
        now += timedelta(minutes=step.minutes)
        answers.append(happens(user, step, now))
    return answers


def happens(user: User, step: Step, now: datetime) -> str:
    person, number = f"+1206555012{step.person}", SendingNumber.objects.filter(number__user=user)
    theirs = Conversation.objects.filter(user=user, counterpart=person)
    told: dict[str, Any] = {"user": user, "to": person, "body": BODIES[step.body], "now": now}
    if step.what == "out":
        return answer(lambda: compose(**told, idempotency_key=step.key))
    if step.what == "ask":
        return answer(lambda: compose(**{**told, "body": f"A refund? {BODIES[step.body]}"}, confirmed=True))
    if step.what == "again":
        failed = Message.objects.filter(user=user, direction="out", status="queued").order_by("seq").first()
        if failed is not None:
            Message.objects.filter(pk=failed.pk).update(status="failed")
            failed.status = "failed"
        return answer(lambda: compose(**told, resend_of=failed))
    if step.what == "in":
        came_in(theirs.first(), now)
    elif step.what == "newer":
        theirs.update(changed_at=now + timedelta(hours=1))
    else:
        days = {"long due": -1, "due later": 1}.get(step.what)
        number.update(next_due_at=None if days is None else now + timedelta(days=days))
    return ""


def came_in(conversation: Conversation | None, now: datetime) -> None:
    if conversation is not None:
        conversation.last_seq += 1
        conversation.save(update_fields=["last_seq"])
        factories.MessageFactory(
            conversation=conversation, seq=conversation.last_seq, direction="in", status="received", accepted_at=now
        )


def left(user: User) -> dict[str, Any]:
    """Every column of every row that accepting writes, less whose they are."""
    keys = {"id", "pk", "user_id", "organization_id", "number_id", "carrier_account_id", "own_e164", "created_at"}

    def rows(found: Any, *order: str) -> list[Any]:
        return [
            {name: value for name, value in row.items() if name not in keys and not name.endswith("_id")}
            for row in found.order_by(*order).values()
        ]  # fmt: skip

    texts = Message.objects.filter(user=user).order_by("counterpart", "seq")
    return {
        "texts": rows(texts, "counterpart", "accepted_at", "seq", "body"),
        "sent again": [text.resend_of.body for text in texts.filter(resend_of__isnull=False)],  # type: ignore[union-attr]
        "conversations": rows(Conversation.objects.filter(user=user), "counterpart"),
        "newest": [
            (one.last_message.conversation_id == one.pk, one.last_message.seq == one.last_seq)
            for one in Conversation.objects.filter(user=user).order_by("counterpart").select_related("last_message")
            if one.last_message
        ],
        "days": rows(DailyCount.objects.filter(user=user), "day"),
        "same": sorted(
            (row.day, row.texts, len(set(row.people.split()))) for row in SameText.objects.filter(number__user=user)
        ),
        "number": rows(SendingNumber.objects.filter(number__user=user)),
    }  # fmt: skip


@only_postgres
@pytest.mark.django_db
@given(steps=st.lists(STEPS, min_size=1, max_size=14))
@example(steps=told("out", "in", "out", "out", 20 * 60, "out", 5 * 60, "out"))
@example(steps=told("out", "newer", "out", "long due", "out"))
@example(steps=told("out", "looked at", "out", "out", "due later", "out"))
def test_at_once_is_written_what_the_steps_write(steps: list[Step]) -> None:
    with transaction.atomic(), mock.patch.object(django_settings, "SAME_TEXT_A_DAY", 2):
        at_once_, step_by_step = factories.texting_user(), factories.texting_user()
        for user in (at_once_, step_by_step):
            ContentRule.objects.create(organization=user.organization, name="Money", pattern="refund", action="ask")
            SendingNumber.objects.filter(number__user=user).update(texts_a_day=5)
        answers = play(at_once_, steps)
        with mock.patch.object(acceptance, "_at_once", return_value=None):
            assert play(step_by_step, steps) == answers
        assert left(step_by_step) == left(at_once_)
        transaction.set_rollback(True)


@committed
def test_two_statements_accept_a_text_on_postgres(user: User) -> None:
    """Once the conversation and the day's count are there: what decides is read by one, everything written by one."""
    send(user)
    with CaptureQueriesContext(connection) as asked:
        text = send(user, idempotency_key="k").message
    assert Message.objects.get(pk=text.pk).seq == 2
    statements = [one["sql"] for one in asked if not one["sql"].startswith(("BEGIN", "COMMIT"))]
    assert len(statements) == (2 if connection.vendor == "postgresql" else 7)


@committed
@only_postgres
@pytest.mark.parametrize("body", ["Yes", WORDS])
def test_at_once_needs_no_statements_of_a_session(user: User, settings: Any, body: str) -> None:
    settings.PREPARED_STATEMENTS = False
    send(user, body)
    with mock.patch.object(acceptance, "_step_by_step", side_effect=AssertionError):
        assert send(user, body, idempotency_key="k").message.seq == 2


@committed
@pytest.mark.parametrize("body", ["Yes", WORDS])
def test_the_text_that_is_answered_with_is_the_one_that_is_stored(user: User, body: str) -> None:
    for _again in range(2):
        text = send(user, body, idempotency_key=str(_again)).message
        stored = Message.objects.get(pk=text.pk)
        columns = [field.attname for field in Message._meta.concrete_fields]
        assert {name: getattr(text, name) for name in columns} == {name: getattr(stored, name) for name in columns}
        assert text._state.adding is False


@committed
@together
def test_texts_at_once_take_every_place_and_are_counted(user: User) -> None:
    send(user)
    accepted = at_once(*[lambda place=place: send(user, f"{place}") for place in range(THREADS)])
    assert sorted(one.message.seq for one in accepted) == list(range(2, THREADS + 2))
    assert Conversation.objects.get().last_seq == THREADS + 1
    assert DailyCount.objects.get().accepted == THREADS + 1


@committed
@together
def test_first_texts_at_once_make_one_conversation_and_one_count(user: User) -> None:
    accepted = at_once(*[lambda place=place: send(user, f"{place}") for place in range(THREADS)])
    assert sorted(one.message.seq for one in accepted) == list(range(1, THREADS + 1))
    assert DailyCount.objects.get().accepted == THREADS


@committed
@together
def test_one_request_repeated_at_once_is_one_text(user: User) -> None:
    send(user)
    made = at_once(*[lambda: send(user, "Once", idempotency_key="k") for _ in range(THREADS)])
    assert len({one.message.pk for one in made}) == 1
    assert sorted(one.replayed for one in made) == [False] + [True] * (THREADS - 1)
    assert (Conversation.objects.get().last_seq, DailyCount.objects.get().accepted) == (2, 2)


@committed
@together
def test_the_days_limit_holds_at_once(user: User) -> None:
    SendingNumber.objects.update(texts_a_day=3)
    send(user)
    answers = at_once(*[lambda place=place: answer(lambda: send(user, f"{place}")) for place in range(THREADS)])
    assert sorted(answers) == ["accepted"] * 2 + ["daily_limit"] * (THREADS - 2)
    assert (DailyCount.objects.get().accepted, Conversation.objects.get().last_seq) == (3, 3)


@committed
@together
def test_the_limit_of_the_same_words_holds_at_once(user: User, settings: Any) -> None:
    settings.SAME_TEXT_A_DAY = 3
    people = [f"+1206555013{place}" for place in range(THREADS)]
    for person in (PERSON, *people):
        send(user, "Hello", to=person)
    send(user)
    answers = at_once(*[lambda person=person: answer(lambda: send(user, to=person)) for person in people])
    assert sorted(answers) == ["accepted"] * 2 + ["same_text"] * (THREADS - 2)
    row = SameText.objects.get()
    assert (row.texts, len(row.people.split()), DailyCount.objects.get().accepted) == (3, 3, THREADS + 4)


@committed
@together
def test_a_person_who_is_told_the_same_at_once_counts_once(user: User, settings: Any) -> None:
    settings.SAME_TEXT_A_DAY = 1
    send(user)
    assert at_once(*[lambda: answer(lambda: send(user)) for _ in range(THREADS)]) == ["accepted"] * THREADS
    assert (SameText.objects.get().texts, Conversation.objects.get().last_seq) == (1, THREADS + 1)


@committed
def test_what_is_too_long_for_its_column_is_never_cut(user: User) -> None:
    """The one statement casts what it is given; a cast to a column's own type would cut."""
    seen = policy.outlook(user, PERSON)
    assert seen.own is not None
    send(user)
    text = Message(
        user=user, organization=user.organization, number=user.primary_number, own_e164=seen.own.own_e164, body="x",
        counterpart=PERSON, direction="out", status="queued", encoding="gsm7", segments=1, accepted_at=NOW, due_at=NOW,
        idempotency_key="k" * 256,
    )  # fmt: skip
    if connection.vendor == "postgresql":
        with pytest.raises(Exception, match="too long"):
            acceptance.write(text, seen.own)


@only_postgres
@pytest.mark.django_db
def test_a_key_is_looked_for_in_its_index_however_many_texts_the_user_has(user: User) -> None:
    for _ in range(3):
        factories.MessageFactory(conversation=factories.ConversationFactory(user=user))
    policy.outlook(user, PERSON, "k")
    spelled: Any = policy._OUTLOOK._spelled
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("ANALYZE messaging_message")
        cursor.execute(f"EXPLAIN EXECUTE {spelled._planned._name} (%s, %s, %s, %s)", [str(user.pk), None, PERSON, "k"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "idempotency_key_once_a_user" in plan
