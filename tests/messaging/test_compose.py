"""Accepting a text: what is written, what is refused and kept, and what a repeated request does."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from messaging import policy, wakeups
from messaging.compose import Composed, compose
from messaging.models import Conversation, DailyCount, Message, OptOut, SendingNumber
from messaging.models.messages import Status
from provisioning.models import PhoneNumber, User
from provisioning.refusals import Refusal
from tests.factories import (
    NOW,
    ConversationFactory,
    MessageFactory,
    OperatorFactory,
    PhoneNumberFactory,
    texting_user,
)

PERSON = "+12065550122"


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def send(user: User, body: str = "Your sample kit is ready.", to: str = PERSON, **options: Any) -> Composed:
    return compose(user=user, to=to, body=body, **{"now": NOW, **options})


def refused(user: User, *args: Any, **options: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        send(user, *args, **options)
    return caught.value


def number_of(user: User) -> SendingNumber:
    return SendingNumber.objects.get(number__user=user)


def test_an_accepted_text_is_a_queued_row_with_copies_of_both_ends(user: User) -> None:
    text = send(user, body="Bring €5\nand ID", to="(206) 555-0122").message
    text.refresh_from_db()
    number = number_of(user)
    assert (text.status, text.direction, text.seq, text.attempts) == ("queued", "out", 1, 0)
    assert (text.own_e164, text.counterpart) == (number.number.e164, PERSON)
    assert (text.organization_id, text.user_id, text.number_id) == (user.organization_id, user.pk, number.pk)
    assert (text.body, text.search_text) == ("Bring €5\nand ID", "bring €5\nand id")
    assert (text.encoding, text.segments, text.accepted_at, text.due_at) == ("gsm7", 1, NOW, NOW)


def test_the_conversation_shows_the_text_and_the_number_is_due(user: User) -> None:
    text = send(user).message
    conversation = Conversation.objects.get()
    assert (conversation.last_message_id, conversation.last_seq, conversation.changed_at) == (text.pk, 1, NOW)
    assert number_of(user).next_due_at == NOW


def test_texts_to_one_person_share_a_conversation_in_order(user: User) -> None:
    texts = [send(user, body=f"{place}", now=after(place)).message for place in range(3)]
    assert [text.seq for text in texts] == [1, 2, 3]
    assert len({text.conversation_id for text in texts}) == 1


def test_the_relay_is_woken_once_the_text_is_committed(
    user: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wakeups, "_wake", lambda flag, seconds, **_: woken.append(flag))
    with django_capture_on_commit_callbacks() as callbacks:
        send(user)
    assert woken == []
    for callback in callbacks:
        callback()
    assert woken == ["wake"]


def test_a_repeated_request_gets_the_first_text(user: User) -> None:
    first = send(user, idempotency_key="k")
    again = send(user, idempotency_key="k", now=after(60))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.message.pk == first.message.pk
    assert Message.objects.count() == 1
    assert DailyCount.objects.get().accepted == 1


def test_the_same_key_with_another_text_is_a_conflict(user: User) -> None:
    send(user, idempotency_key="k")
    conflict = refused(user, body="Another", idempotency_key="k")
    assert (conflict.code, conflict.http_status) == ("idempotency_conflict", 409)
    assert Message.objects.count() == 1


@pytest.mark.parametrize("to", ["911", "nobody", "+44 20 7946 0018"])
def test_a_used_key_is_a_conflict_wherever_the_other_text_was_to_go(user: User, to: str) -> None:
    send(user, idempotency_key="k")
    assert refused(user, to=to, idempotency_key="k").code == "idempotency_conflict"
    assert refused(user, to=to, idempotency_key="another").code != "idempotency_conflict"
    assert Message.objects.count() == 1


def test_a_person_without_an_organization_is_told_why_not(db: None) -> None:
    assert refused(OperatorFactory()).code == "texting_off"
    assert Message.objects.count() == 0


def test_what_stood_in_the_way_and_is_gone_stands_in_nobodys_way(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read between the outlook and the sentence that says what it is."""
    look = policy.outlook
    monkeypatch.setattr(policy, "outlook", lambda *asked: replace(look(*asked), can_send=False))
    assert send(user).message.status == "queued"


def test_a_key_belongs_to_its_user(user: User, stranger: User) -> None:
    send(user, idempotency_key="k")
    assert not send(stranger, idempotency_key="k", body="Another").replayed


def test_a_replay_is_answered_although_the_user_can_no_longer_text(user: User) -> None:
    first = send(user, idempotency_key="k")
    user.texting_setting = "off"
    user.save(update_fields=["texting_setting"])
    assert send(user, idempotency_key="k").message.pk == first.message.pk


def test_a_request_that_lost_the_race_finds_the_winner(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    winner = send(user, idempotency_key="k").message
    look = policy.outlook
    monkeypatch.setattr(policy, "outlook", lambda *asked: replace(look(*asked), key_is_used=False))
    late = send(user, idempotency_key="k")
    assert (late.message.pk, late.replayed) == (winner.pk, True)
    assert Message.objects.count() == 1
    assert DailyCount.objects.get().accepted == 1


@pytest.mark.parametrize("key", ["k" * 256, "a\x00b", "a\nb"])
def test_a_key_that_cannot_be_kept_is_refused(user: User, key: str) -> None:
    assert refused(user, idempotency_key=key).code == "idempotency_key_invalid"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "empty_body"),
        (" \n\t ", "empty_body"),
        ("a\x00b", "control_characters"),
        ("a\x1b[31m", "control_characters"),
        ("half \ud83d", "control_characters"),
        ("a" * 1531, "too_long"),
        ("中" * 671, "too_long"),
    ],
)
def test_a_body_that_cannot_be_sent_is_refused_and_kept(user: User, body: str, code: str) -> None:
    refusal = refused(user, body=body)
    assert refusal.code == code
    kept = Message.objects.get(pk=refusal.extra["message_id"])
    assert (kept.status, kept.blocked_by, kept.reason) == ("blocked", "platform", "content_rejected")
    assert (kept.conversation_id, kept.seq, kept.blocked_at) == (None, None, NOW)
    assert not Conversation.objects.exists()
    assert not DailyCount.objects.exists()
    assert number_of(user).next_due_at is None


@pytest.mark.parametrize("body", ["a" * 1530, "中" * 670, "tab\tand\r\nlines", "C1 \x92 is printed", "\x7f"])
def test_a_body_at_the_limits_is_accepted(user: User, body: str) -> None:
    assert send(user, body=body).message.body == body


def test_an_attachment_is_refused(user: User) -> None:
    assert refused(user, media_count=1).code == "mms_not_supported"


@pytest.mark.parametrize("to", ["911", "+1 876 5550101", "12345", "hello", "+1 900 555 0123"])
def test_nothing_is_kept_of_a_text_to_somewhere_that_is_no_us_or_canadian_number(user: User, to: str) -> None:
    assert "message_id" not in refused(user, to=to).extra
    assert not Message.objects.exists()


def test_a_text_to_the_own_number_is_refused(user: User) -> None:
    assert refused(user, to=user.primary_number.e164).code == "invalid_destination"


def test_a_person_who_opted_out_is_not_texted(user: User) -> None:
    OptOut.objects.create(organization=user.organization, counterpart=PERSON, keyword="stop", opted_out_at=NOW)
    refusal = refused(user)
    assert refusal.code == "opted_out"
    assert Message.objects.get(pk=refusal.extra["message_id"]).reason == "opted_out"


def test_a_lifted_opt_out_and_one_at_another_organization_do_not_count(user: User, stranger: User) -> None:
    for organization, lifted_at in ((user.organization, NOW), (stranger.organization, None)):
        OptOut.objects.create(
            organization=organization, counterpart=PERSON, keyword="stop", opted_out_at=NOW, lifted_at=lifted_at
        )
    assert send(user).message.status == Status.QUEUED


def test_a_user_who_cannot_text_is_told_the_requirement(user: User) -> None:
    user.license = "standard"
    user.save(update_fields=["license"])
    refusal = refused(user)
    assert refusal.code == "license"
    assert refusal.sentence
    assert Message.objects.get(pk=refusal.extra["message_id"]).reason == "sender_not_enabled"


def test_texting_off_is_told(user: User) -> None:
    user.organization.texting_enabled = False
    user.organization.save(update_fields=["texting_enabled"])
    assert refused(user).code == "texting_off"


def test_a_user_without_a_number_leaves_no_row(user: User) -> None:
    PhoneNumber.objects.update(user=None)
    assert refused(user).code == "primary_number"
    assert not Message.objects.exists()


def test_a_number_without_a_carrier_is_told(user: User) -> None:
    number_of(user).delete()
    assert refused(user).code == "number_not_connected"


def test_a_conversation_whose_number_moved_is_closed(user: User) -> None:
    conversation = ConversationFactory(user=user, counterpart=PERSON)
    old = user.primary_number
    old.user = None
    old.save()
    refusal = refused(user, conversation=conversation)
    assert refusal.code == "number_gone"
    assert Message.objects.get(pk=refusal.extra["message_id"]).own_e164 == conversation.own_e164


def test_a_conversation_is_closed_when_its_user_has_another_number_now(user: User) -> None:
    conversation = ConversationFactory(user=user, counterpart=PERSON)
    other = PhoneNumberFactory(organization=user.organization, campaign=user.primary_number.campaign)
    SendingNumber.objects.create(
        number=other, organization=user.organization, carrier_account=number_of(user).carrier_account
    )
    old = user.primary_number
    old.user, other.user = None, user
    old.save()
    other.save()
    assert refused(user, conversation=conversation).code == "number_gone"
    assert Message.objects.filter(status="queued").count() == 0


def test_a_conversation_reopens_when_its_number_comes_back(user: User) -> None:
    conversation = ConversationFactory(user=user, counterpart=PERSON)
    assert send(user, conversation=conversation).message.conversation_id == conversation.pk


def test_the_daily_limit_is_refused_with_the_time_it_resets(user: User) -> None:
    SendingNumber.objects.update(texts_a_day=2)
    send(user)
    send(user)
    refusal = refused(user)
    assert refusal.code == "daily_limit"
    assert refusal.extra["resets_at"] == "2026-11-24T00:00:00+00:00"
    assert Message.objects.get(pk=refusal.extra["message_id"]).reason == "daily_limit"
    assert DailyCount.objects.get().accepted == 2


def test_the_limit_counts_anew_on_the_next_day(user: User) -> None:
    SendingNumber.objects.update(texts_a_day=1)
    send(user, now=datetime.fromisoformat("2026-11-23T23:59:59.999999+00:00"))
    assert refused(user, now=datetime.fromisoformat("2026-11-23T23:59:59.999999+00:00")).code == "daily_limit"
    assert send(user, now=datetime.fromisoformat("2026-11-24T00:00:00+00:00")).message.status == "queued"


def test_the_limit_is_the_numbers_whoever_had_it_that_day(user: User) -> None:
    SendingNumber.objects.update(texts_a_day=3)
    earlier_user = texting_user(user.organization)
    DailyCount.objects.create(
        organization=user.organization, user=earlier_user, number=user.primary_number, day=NOW.date(), accepted=2
    )
    DailyCount.objects.create(
        organization=user.organization, user=None, number=user.primary_number, day=NOW.date(), accepted=0, withheld=5
    )
    send(user)
    assert refused(user).code == "daily_limit"


def test_the_day_counts_texts_and_segments(user: User) -> None:
    send(user)
    send(user, body="a" * 161)
    assert DailyCount.objects.values_list("user", "accepted", "segments").get() == (user.pk, 2, 3)


def test_a_refused_text_may_be_tried_again_with_its_key(user: User) -> None:
    SendingNumber.objects.update(texts_a_day=0)
    assert refused(user, idempotency_key="k").code == "daily_limit"
    SendingNumber.objects.update(texts_a_day=1)
    assert not send(user, idempotency_key="k").replayed


@pytest.mark.parametrize("status", ["failed", "undelivered", "unconfirmed"])
def test_sending_again_is_a_new_text_linked_to_the_first(user: User, status: str) -> None:
    original = MessageFactory(conversation=ConversationFactory(user=user, counterpart=PERSON), status=status, seq=1)
    Conversation.objects.update(last_seq=1)
    again = send(user, resend_of=original).message
    assert (again.resend_of_id, again.seq) == (original.pk, 2)


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "delivered", "blocked", "cancelled"])
def test_a_text_that_may_have_arrived_or_still_may_go_is_not_sent_again(user: User, status: str) -> None:
    original = MessageFactory(conversation=ConversationFactory(user=user, counterpart=PERSON), status=status)
    assert refused(user, resend_of=original).code == "not_resendable"


def test_an_unknown_outcome_may_be_sent_again_only_after_lease_and_timeout(user: User) -> None:
    original = MessageFactory(
        conversation=ConversationFactory(user=user, counterpart=PERSON), status="unconfirmed", leased_until=after(60)
    )
    assert refused(user, resend_of=original, now=after(70)).code == "not_resendable"
    assert send(user, resend_of=original, now=after(70.001)).message.resend_of_id == original.pk


def test_somebody_elses_text_is_not_sent_again(user: User, stranger: User) -> None:
    original = MessageFactory(conversation=ConversationFactory(user=stranger), status="failed")
    assert refused(user, resend_of=original).code == "not_resendable"


def test_the_database_clock_is_used_when_no_time_is_given(user: User) -> None:
    text = compose(user=user, to=PERSON, body="Hello").message
    assert abs(text.accepted_at - datetime.now(tz=text.accepted_at.tzinfo)) < timedelta(minutes=1)
    assert uuid.UUID(str(text.pk)).version == 7
