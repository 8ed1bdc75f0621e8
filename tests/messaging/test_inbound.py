"""Texts from people: filed once, in order, delivered or withheld, answered once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from messaging.inbound import Filed, accept_inbound
from messaging.models import CarrierAccount, Conversation, DailyCount, Message, OptOut, Receipt, SendingNumber
from messaging.models.messages import Kind, Withheld
from messaging.optouts import opt_out
from messaging.receipt_alerts import clear_old
from messaging.receipts import match_orphans
from provisioning.models import Alert, Campaign, Organization, PhoneNumber, User
from tests.factories import NOW, MessageFactory, PhoneNumberFactory, SendingNumberFactory
from tests.messaging.carrier_events import PERSON, account_of, inbound


@pytest.fixture
def number(user: User) -> PhoneNumber:
    return user.primary_number


@pytest.fixture
def account(number: PhoneNumber) -> CarrierAccount:
    return account_of(number)


def take(account: CarrierAccount, *arguments: Any, later: timedelta = timedelta(0), **fields: Any) -> Message:
    filed = accept_inbound(account, inbound(*arguments, **fields), NOW + later)
    assert isinstance(filed, Filed)
    return filed.message


def replies() -> list[str]:
    return list(Message.objects.filter(kind=Kind.AUTOMATIC).order_by("pk").values_list("body", flat=True))


def test_a_text_opens_a_conversation_with_the_numbers_user(
    account: CarrierAccount, number: PhoneNumber, user: User
) -> None:
    message = take(account, number.e164, "Héllo €")
    conversation = Conversation.objects.get()
    assert (conversation.user, conversation.number, conversation.counterpart) == (user, number, PERSON)
    assert (conversation.last_message_id, conversation.last_seq, conversation.unread_count) == (message.pk, 1, 1)
    assert conversation.changed_at == NOW
    assert (message.status, message.direction, message.seq) == ("received", "in", 1)
    assert (message.body, message.search_text, message.encoding, message.segments) == ("Héllo €", "héllo €", "gsm7", 1)
    assert (message.user, message.organization, message.own_e164) == (user, user.organization, number.e164)
    assert (message.withheld, message.carrier_account) == ("", account)
    assert DailyCount.objects.get(number=number, user=user, day=NOW.date()).received == 1
    assert replies() == []


def test_a_reply_joins_the_conversation_behind_what_was_sent(account: CarrierAccount, user: User) -> None:
    sent = MessageFactory(conversation__user=user, conversation__counterpart=PERSON, conversation__last_seq=7, seq=7)
    message = take(account, user.primary_number.e164, later=timedelta(minutes=1))
    assert message.conversation_id == sent.conversation_id
    assert message.seq == 8
    sent.conversation.refresh_from_db()
    assert sent.conversation.unread_count == 1


def test_the_open_page_is_told_after_the_commit(
    account: CarrierAccount, number: PhoneNumber, django_capture_on_commit_callbacks: Any, monkeypatch: Any
) -> None:
    told: list[Any] = []
    monkeypatch.setattr("messaging.inbound.announce", told.append)
    message = take(account, number.e164)
    assert [(change.user_id, change.conversation_id) for change in told] == [(number.user_id, message.conversation_id)]


def test_a_replayed_webhook_changes_nothing(account: CarrierAccount, number: PhoneNumber) -> None:
    text = inbound(number.e164, "STOP")
    first = accept_inbound(account, text, NOW)
    before = list(Message.objects.order_by("pk").values()), list(Conversation.objects.values()), _counts()
    second = accept_inbound(account, text, NOW + timedelta(hours=1))
    assert first is not None
    assert second is not None
    assert (first.replayed, second.replayed) == (False, True)
    assert second.message == first.message
    after = list(Message.objects.order_by("pk").values()), list(Conversation.objects.values()), _counts()
    assert after == before


def test_a_stop_that_is_replayed_after_a_start_does_not_opt_out_again(
    account: CarrierAccount, number: PhoneNumber
) -> None:
    stop = inbound(number.e164, "STOP")
    accept_inbound(account, stop, NOW)
    take(account, number.e164, "START")
    accept_inbound(account, stop, NOW)
    assert not OptOut.objects.filter(lifted_at__isnull=True).exists()


def _counts() -> list[dict[str, Any]]:
    return list(DailyCount.objects.values())


def test_the_same_id_from_another_account_is_another_text(account: CarrierAccount, stranger: User) -> None:
    text = inbound(stranger.primary_number.e164)
    other = CarrierAccount.objects.create(name="Other", carrier="simulator", base_url="http://127.0.0.1:9")
    first, second = accept_inbound(account, text, NOW), accept_inbound(other, text, NOW)
    assert first is not None
    assert second is not None
    assert not second.replayed
    assert first.message != second.message


def test_of_a_text_to_a_number_of_nobody_is_kept_once_that_it_came_and_the_provider_is_told(
    account: CarrierAccount,
) -> None:
    text = inbound("+16045550100", "secret words", media_count=1)
    with capture_logs() as logs:
        for _time in range(2):
            assert accept_inbound(account, text, NOW) is None
    assert {entry["event"] for entry in logs} == {"inbound_to_unknown_number"}
    assert not Message.objects.exists()
    kept = Receipt.objects.get()
    assert (kept.claim, kept.carrier_code, kept.carrier_message_id, kept.organization_id) == (
        "unknown", "number_of_nobody", text.carrier_message_id, None,
    )  # fmt: skip
    assert json.loads(kept.raw) == {"to": "…0100", "from": "…22", "media_count": 1}
    alert = Alert.objects.get()
    assert (alert.code, alert.organization_id, alert.facts["number"], alert.times) == (
        "texts_to_nobody", None, "+16045550100", 1,
    )  # fmt: skip
    clear_old(alert.seen_at + timedelta(hours=25))
    assert not Alert.objects.filter(cleared_at__isnull=True).exists()
    assert match_orphans(NOW) == 0


def test_what_no_database_stores_becomes_a_replacement_character(account: CarrierAccount, number: PhoneNumber) -> None:
    message = take(account, number.e164, "a\x00b\ud83dc\x91d\x9f")
    message.refresh_from_db()
    assert message.body == "a\ufffdb\ufffdc\x91d\x9f"


def test_a_text_with_an_attachment_is_recorded_and_answered_once(account: CarrierAccount, number: PhoneNumber) -> None:
    message = take(account, number.e164, "look", media_count=1)
    assert (message.withheld, message.conversation) == (Withheld.MMS, None)
    assert message.user == number.user
    assert not Conversation.objects.exists()
    reply = Message.objects.get(kind=Kind.AUTOMATIC)
    assert "text only" in reply.body
    assert (reply.status, reply.counterpart, reply.in_reply_to, reply.seq) == ("queued", PERSON, message, None)
    assert SendingNumber.objects.get(number=number).next_due_at == NOW
    assert DailyCount.objects.get().withheld == 1


def test_a_machine_that_answers_with_pictures_ends_no_conversation_in_a_loop(
    account: CarrierAccount, number: PhoneNumber
) -> None:
    take(account, number.e164, media_count=1)
    take(account, number.e164, media_count=1, later=timedelta(minutes=59))
    assert len(replies()) == 1
    take(account, number.e164, media_count=1, later=timedelta(minutes=61))
    assert len(replies()) == 2


def test_at_most_twenty_courtesies_a_day_go_to_one_person(account: CarrierAccount, number: PhoneNumber) -> None:
    for minute in range(0, 50, 2):
        take(account, number.e164, "HELP", later=timedelta(minutes=minute))
    assert len(replies()) == 20
    take(account, number.e164, "HELP", later=timedelta(hours=25))
    assert len(replies()) == 21


@pytest.mark.parametrize("sender", ["+18765550101", "+442071838750"])
def test_a_text_from_abroad_is_recorded_and_not_answered(
    account: CarrierAccount, number: PhoneNumber, sender: str
) -> None:
    message = take(account, number.e164, "HELP", sender=sender)
    assert (message.withheld, message.conversation, replies()) == (Withheld.INTERNATIONAL, None, [])


@pytest.mark.parametrize("sender", ["+17875550101", "+16045550101"])
def test_us_territories_and_canada_are_not_abroad(account: CarrierAccount, number: PhoneNumber, sender: str) -> None:
    assert take(account, number.e164, sender=sender).withheld == ""


@pytest.mark.parametrize("sender", ["87121", "AMAZON", "a name of well over thirty-two characters"])
def test_a_short_code_or_a_name_is_recorded_and_not_answered(
    account: CarrierAccount, number: PhoneNumber, sender: str
) -> None:
    message = take(account, number.e164, "HELP", sender=sender)
    assert (message.withheld, message.counterpart, replies()) == (Withheld.NOT_A_PHONE, sender[:32], [])


def test_a_text_to_an_unassigned_number_is_recorded_for_nobody(account: CarrierAccount, user: User) -> None:
    spare = PhoneNumberFactory(organization=user.organization)
    message = take(account, spare.e164)
    assert (message.withheld, message.user, message.conversation) == (Withheld.UNASSIGNED, None, None)
    assert DailyCount.objects.get(number=spare, user__isnull=True).withheld == 1
    assert replies() == []


def test_a_text_to_a_user_whose_texting_is_off_is_withheld(account: CarrierAccount, user: User) -> None:
    User.objects.filter(pk=user.pk).update(texting_setting="off")
    message = take(account, user.primary_number.e164)
    assert (message.withheld, message.user, message.conversation) == (Withheld.TEXTING_OFF, user, None)
    assert not Conversation.objects.exists()


def test_replies_still_arrive_where_only_sending_is_barred(account: CarrierAccount, number: PhoneNumber) -> None:
    Campaign.objects.update(status="suspended")
    assert take(account, number.e164).withheld == ""


def test_the_organizations_own_words_answer_for_someone_who_is_gone_once_a_day(
    account: CarrierAccount, user: User
) -> None:
    Organization.objects.update(unanswered_reply="Nobody reads this number. Call us.")
    spare = PhoneNumberFactory(organization=user.organization)
    for hours in (0, 23, 25):
        take(account, spare.e164, later=timedelta(hours=hours))
    assert replies() == ["Nobody reads this number. Call us."] * 2


def test_nobody_who_opted_out_gets_a_courtesy(account: CarrierAccount, number: PhoneNumber) -> None:
    Organization.objects.update(unanswered_reply="Nobody reads this number.")
    opt_out(number, PERSON, "stop", NOW)
    take(account, number.e164, media_count=1)
    take(account, PhoneNumberFactory(organization=number.organization).e164)
    assert replies() == []


def test_stop_is_confirmed_once_in_the_conversation_and_a_second_stop_is_only_recorded(
    account: CarrierAccount, number: PhoneNumber
) -> None:
    stop = take(account, number.e164, "Stop.")
    again = take(account, number.e164, "STOP")
    reply = Message.objects.get(kind=Kind.AUTOMATIC)
    assert "opted out" in reply.body
    assert number.organization.name in reply.body
    assert (reply.in_reply_to, reply.conversation_id) == (stop, stop.conversation_id)
    assert (stop.seq, reply.seq, again.seq) == (1, 2, 3)
    conversation = Conversation.objects.get()
    assert (conversation.last_message_id, conversation.last_seq, conversation.unread_count) == (again.pk, 3, 2)
    assert not stop.asks_to_stop


@pytest.mark.parametrize("case", ["unassigned", "texting_off", "mms", "international"])
def test_a_stop_counts_wherever_it_arrives(account: CarrierAccount, user: User, case: str) -> None:
    number = user.primary_number
    fields: dict[str, Any] = {}
    if case == "unassigned":
        number = PhoneNumberFactory(organization=user.organization)
    elif case == "texting_off":
        User.objects.filter(pk=user.pk).update(texting_setting="off")
    elif case == "mms":
        fields = {"media_count": 1}
    else:
        fields = {"sender": "+18765550101"}
    message = take(account, number.e164, "STOP", **fields)
    assert message.withheld == case
    assert OptOut.objects.get().counterpart == message.counterpart
    assert len(replies()) == (0 if case == "international" else 1)


def test_start_is_confirmed_when_it_lifts_something(account: CarrierAccount, number: PhoneNumber) -> None:
    take(account, number.e164, "START")
    assert replies() == []
    take(account, number.e164, "STOP")
    take(account, number.e164, "yes")
    assert ["opted out" in replies()[0], "opted in" in replies()[1]] == [True, True]
    assert OptOut.objects.get().lifted_by_keyword == "yes"


def test_help_is_answered_even_to_someone_opted_out_and_not_twice_a_minute(
    account: CarrierAccount, number: PhoneNumber
) -> None:
    opt_out(number, PERSON, "stop", NOW)
    for seconds in (0, 59, 61):
        take(account, number.e164, "help", later=timedelta(seconds=seconds))
    assert len(replies()) == 2
    assert number.organization.name in replies()[0]


def test_answers_are_worded_as_the_campaign_registered_them_in_the_keywords_language(
    account: CarrierAccount, number: PhoneNumber
) -> None:
    Campaign.objects.update(opt_out_message="Bye.", opt_out_message_fr="Au revoir.", help_message_fr="Voici.")
    take(account, number.e164, "STOP")
    take(account, number.e164, "arrêt", sender="+14185550100")
    take(account, number.e164, "aide", sender="+14185550100")
    assert replies() == ["Bye.", "Au revoir.", "Voici."]


def test_french_keywords_have_french_words_where_none_are_registered(
    account: CarrierAccount, number: PhoneNumber
) -> None:
    take(account, number.e164, "ARRET")
    assert "désabonné" in replies()[0]


def test_a_sentence_that_asks_to_stop_is_flagged_and_opts_nobody_out(
    account: CarrierAccount, number: PhoneNumber
) -> None:
    message = take(account, number.e164, "please stop texting me")
    assert message.asks_to_stop
    assert not OptOut.objects.exists()
    assert replies() == []


def test_a_reply_takes_nothing_of_the_daily_limit(account: CarrierAccount, number: PhoneNumber) -> None:
    take(account, number.e164, "STOP")
    assert DailyCount.objects.get().accepted == 0


def test_the_number_decides_not_the_account_that_its_texts_go_out_by(account: CarrierAccount, user: User) -> None:
    """A number that is being moved between accounts receives by both."""
    other = CarrierAccount.objects.create(name="Other", carrier="simulator", base_url="http://127.0.0.1:9")
    with capture_logs() as logs:
        assert take(account, user.primary_number.e164).conversation is not None
        assert logs == []
        text = take(other, user.primary_number.e164)
    assert (text.conversation is not None, text.carrier_account) == (True, other)
    assert [(entry["event"], entry["account"]) for entry in logs] == [("inbound_by_another_account", str(other.pk))]


def test_a_text_between_two_organizations_is_filed_at_its_receiver(account: CarrierAccount, stranger: User) -> None:
    spare = SendingNumberFactory(carrier_account=account, number__organization=stranger.organization).number
    message = take(account, stranger.primary_number.e164, sender=spare.e164)
    assert message.organization == stranger.organization


def test_filing_a_text_takes_few_queries(
    account: CarrierAccount, number: PhoneNumber, django_assert_max_num_queries: Any
) -> None:
    take(account, number.e164)
    with django_assert_max_num_queries(12):
        take(account, number.e164)
