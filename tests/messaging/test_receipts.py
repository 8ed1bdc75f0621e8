"""Receipts: stored as they came, matched within the account, applied as facts, matched later when they came early."""

from __future__ import annotations

from datetime import timedelta
from itertools import repeat
from typing import Any

import pytest
from django.db import DataError, OperationalError
from structlog.testing import capture_logs

from messaging.models import CarrierAccount, Message, Receipt
from messaging.receipts import accept_receipt, keep_receipt, match_orphans
from provisioning.models import Alert, User
from tests.factories import NOW, CarrierAccountFactory, MessageFactory
from tests.messaging.carrier_events import PERSON, account_of, receipt
from tests.messaging.poison import break_apply


@pytest.fixture
def account(user: User) -> CarrierAccount:
    return account_of(user.primary_number)


@pytest.fixture
def sending(user: User, account: CarrierAccount) -> Message:
    """A text on the wire."""
    return MessageFactory(
        conversation__user=user,
        conversation__counterpart=PERSON,
        status="sending",
        sending_at=NOW,
        status_event_at=NOW,
        carrier_account=account,
    )


def status_of(message: Message) -> str:
    message.refresh_from_db()
    return message.status


def test_a_receipt_is_stored_with_its_text_and_applied(account: CarrierAccount, sending: Message) -> None:
    stored = accept_receipt(account, receipt(sending, "delivered", raw='{"a": 1}'), NOW)
    assert stored is not None
    assert (stored.message_id, stored.organization_id, stored.raw) == (sending.pk, sending.organization_id, '{"a": 1}')
    assert status_of(sending) == "delivered"
    assert sending.delivered_at == NOW
    assert sending.status_receipt_id == stored.pk
    assert sending.carrier_message_id == f"carrier-of-{sending.pk}"


def test_a_receipt_without_our_reference_is_matched_by_the_carriers_id(
    account: CarrierAccount, sending: Message
) -> None:
    Message.objects.filter(pk=sending.pk).update(carrier_message_id="theirs")
    accept_receipt(account, receipt(None, "sent", carrier_message_id="theirs"), NOW)
    assert status_of(sending) == "sent"


def test_a_repeated_receipt_is_stored_once(account: CarrierAccount, sending: Message) -> None:
    assert accept_receipt(account, receipt(sending, "sent"), NOW) is not None
    assert accept_receipt(account, receipt(sending, "sent"), NOW + timedelta(minutes=1)) is None
    assert Receipt.objects.count() == 1


def test_receipts_in_the_wrong_order_end_in_the_same_row(account: CarrierAccount, sending: Message) -> None:
    accept_receipt(account, receipt(sending, "delivered", NOW + timedelta(seconds=2)), NOW)
    accept_receipt(account, receipt(sending, "sent", NOW + timedelta(seconds=1)), NOW)
    assert status_of(sending) == "delivered"
    assert sending.sent_at == NOW + timedelta(seconds=1)


def test_a_failure_wins_over_an_earlier_success_and_says_why(account: CarrierAccount, sending: Message) -> None:
    accept_receipt(account, receipt(sending, "delivered"), NOW)
    accept_receipt(account, receipt(sending, "undelivered", code="4720", reason="invalid_destination"), NOW)
    assert status_of(sending) == "undelivered"
    assert (sending.reason, sending.carrier_code) == ("invalid_destination", "4720")


def test_a_code_nobody_knows_is_stored_logged_and_means_refused_by_the_carrier(
    account: CarrierAccount, sending: Message
) -> None:
    with capture_logs() as logs:
        accept_receipt(account, receipt(sending, "undelivered", code="9999", known=False), NOW)
    assert status_of(sending) == "undelivered"
    assert (sending.reason, sending.carrier_code) == ("carrier_rejected", "9999")
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("unknown_receipt_code", "warning")]


def test_a_code_that_says_only_refused_is_known_and_alerts_nobody(account: CarrierAccount, sending: Message) -> None:
    with capture_logs() as logs:
        accept_receipt(account, receipt(sending, "undelivered", code="30010", reason="carrier_rejected"), NOW)
    assert status_of(sending) == "undelivered"
    assert logs == []
    assert not Alert.objects.exists()


def test_a_receipt_that_comes_again_alerts_nobody_again(account: CarrierAccount, sending: Message) -> None:
    for _time in range(3):
        accept_receipt(account, receipt(sending, "undelivered", code="9999", known=False), NOW)
    assert Alert.objects.get().times == 1


@pytest.mark.parametrize(
    ("reason", "blocked_by"), [("spam_blocked", "carrier"), ("unregistered", "carrier"), ("unreachable", "")]
)
def test_a_carriers_block_is_the_carriers_at_once_and_as_an_orphan(
    account: CarrierAccount, sending: Message, reason: str, blocked_by: str
) -> None:
    event = receipt(sending, "undelivered", code="1", reason=reason)
    accept_receipt(account, event, NOW)
    assert (status_of(sending), sending.reason, sending.blocked_by) == ("undelivered", reason, blocked_by)
    Receipt.objects.all().delete()
    Message.objects.filter(pk=sending.pk).update(status="sending", reason="", blocked_by="", undelivered_at=None)
    keep_receipt(account, event, NOW)
    assert (status_of(sending), sending.blocked_by) == ("undelivered", blocked_by)


def test_an_orphan_that_fails_ends_no_round_and_hides_no_other(
    account: CarrierAccount, sending: Message, monkeypatch: Any
) -> None:
    other = MessageFactory(conversation=sending.conversation, seq=2, status="sending", carrier_account=account)
    for text, name in ((sending, "bad"), (other, "good")):
        accept_receipt(account, receipt(None, "delivered", carrier_message_id=name), NOW)
        Message.objects.filter(pk=text.pk).update(carrier_message_id=name)
    break_apply(monkeypatch, sending, repeat(DataError("no")))
    with capture_logs() as logs:
        assert match_orphans(NOW) == 1
    assert (status_of(sending), status_of(other)) == ("sending", "delivered")
    assert [entry["event"] for entry in logs] == ["receipt_not_applied"]
    monkeypatch.undo()
    assert match_orphans(NOW) == 1
    assert status_of(sending) == "delivered"


def test_a_database_that_does_not_answer_ends_the_round(
    account: CarrierAccount, sending: Message, monkeypatch: Any
) -> None:
    accept_receipt(account, receipt(None, "delivered", carrier_message_id="late"), NOW)
    Message.objects.filter(pk=sending.pk).update(carrier_message_id="late")
    break_apply(monkeypatch, sending, repeat(OperationalError("gone")))
    with pytest.raises(OperationalError):
        match_orphans(NOW)


def test_a_claim_nobody_understands_is_stored_logged_and_moves_nothing(
    account: CarrierAccount, sending: Message
) -> None:
    with capture_logs() as logs:
        accept_receipt(account, receipt(sending, "seen", raw="first"), NOW)
        accept_receipt(account, receipt(sending, "seen", raw="second"), NOW)
    assert status_of(sending) == "sending"
    assert list(Receipt.objects.order_by("pk").values_list("claim", "raw")) == [
        ("unknown", "first"),
        ("unknown", "second"),
    ]
    assert {entry["event"] for entry in logs} == {"receipt_not_understood"}


@pytest.mark.parametrize("reference", ["00000000-0000-7000-8000-000000000000", "not a uuid", ""])
def test_a_receipt_for_a_text_that_does_not_exist_is_kept_as_an_orphan(account: CarrierAccount, reference: str) -> None:
    stored = accept_receipt(account, receipt(None, "delivered", our_reference=reference, carrier_message_id="x"), NOW)
    assert stored is not None
    assert (stored.message_id, stored.organization_id) == (None, None)


def test_a_receipt_from_another_account_is_not_applied(sending: Message) -> None:
    stored = accept_receipt(CarrierAccountFactory(), receipt(sending, "undelivered"), NOW)
    assert stored is not None
    assert stored.message_id is None
    assert status_of(sending) == "sending"


def test_a_receipt_never_names_a_text_we_received(account: CarrierAccount, user: User) -> None:
    received = MessageFactory(
        conversation__user=user, direction="in", status="received", carrier_account=account, carrier_message_id="c"
    )
    accept_receipt(account, receipt(received, "delivered", carrier_message_id="c"), NOW)
    assert Receipt.objects.get().message_id is None


def test_an_orphan_is_matched_once_its_text_is_known_by_the_carriers_id(
    account: CarrierAccount, sending: Message
) -> None:
    accept_receipt(account, receipt(None, "delivered", carrier_message_id="late"), NOW)
    assert match_orphans(NOW + timedelta(minutes=1)) == 0
    Message.objects.filter(pk=sending.pk).update(carrier_message_id="late")
    assert match_orphans(NOW + timedelta(minutes=2)) == 1
    assert status_of(sending) == "delivered"
    assert match_orphans(NOW + timedelta(minutes=3)) == 0
    assert Receipt.objects.get().organization_id == sending.organization_id


def test_an_orphan_is_given_up_after_48_hours(account: CarrierAccount, sending: Message) -> None:
    accept_receipt(account, receipt(None, "delivered", carrier_message_id="late"), NOW)
    Message.objects.filter(pk=sending.pk).update(carrier_message_id="late")
    assert match_orphans(NOW + timedelta(hours=48, seconds=1)) == 0
    assert match_orphans(NOW + timedelta(hours=48)) == 1


def test_orphans_that_stay_orphans_do_not_hide_later_ones(
    account: CarrierAccount, sending: Message, monkeypatch: Any
) -> None:
    monkeypatch.setattr("messaging.receipts.BATCH", 2)
    for lost in range(5):
        accept_receipt(account, receipt(None, "sent", carrier_message_id=f"lost-{lost}"), NOW)
    accept_receipt(account, receipt(None, "sent", carrier_message_id="late"), NOW)
    Message.objects.filter(pk=sending.pk).update(carrier_message_id="late")
    assert match_orphans(NOW) == 1
    assert status_of(sending) == "sent"


def test_a_receipt_with_what_no_database_stores_is_stored_all_the_same(account: CarrierAccount) -> None:
    stored = accept_receipt(account, receipt(None, "sent", carrier_message_id="i\x00d", raw="\x00\ud83d"), NOW)
    assert stored is not None
    stored.refresh_from_db()
    assert (stored.carrier_message_id, stored.raw) == ("i\ufffdd", "\ufffd\ufffd")


def test_taking_a_receipt_takes_few_queries(
    account: CarrierAccount, sending: Message, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(13):
        accept_receipt(account, receipt(sending, "delivered"), NOW)
