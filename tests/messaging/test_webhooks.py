"""The carriers' door: what opens it, what it answers, and what is written when."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, OperationalError
from django.test import Client
from structlog.testing import capture_logs

from messaging import webhooks
from messaging.models import CarrierAccount, Message, Receipt
from provisioning.models import Alert, User
from tests.factories import NOW, MessageFactory
from tests.messaging.carrier_events import account_of, post, receipt_event, received_event


@pytest.fixture
def account(user: User) -> CarrierAccount:
    return account_of(user.primary_number)


def rejected(account: CarrierAccount) -> int:
    return CarrierAccount.objects.get(pk=account.pk).rejected_webhooks


def test_a_signed_text_is_taken(account: CarrierAccount, user: User) -> None:
    response = post(account, received_event(user, "Hello 👋"))
    assert (response.status_code, response.json()) == (200, {"code": "ok"})
    assert Message.objects.get().body == "Hello 👋"


def test_a_replayed_webhook_is_taken_and_changes_nothing(account: CarrierAccount, user: User) -> None:
    event = received_event(user)
    assert [post(account, event).status_code for _time in range(3)] == [200, 200, 200]
    assert Message.objects.count() == 1


def test_a_signed_receipt_moves_its_text(account: CarrierAccount, user: User) -> None:
    message = MessageFactory(conversation__user=user, status="sending", carrier_account=account)
    assert post(account, receipt_event(message, "delivered")).status_code == 200
    message.refresh_from_db()
    assert message.status == "delivered"


def test_a_receipt_for_a_text_that_does_not_exist_is_taken_and_kept(account: CarrierAccount) -> None:
    event = receipt_event(Message(id=uuid.uuid4()), "delivered")
    assert post(account, event).status_code == 200
    assert Receipt.objects.get().message is None


def test_a_forged_signature_writes_nothing_but_the_count(account: CarrierAccount, user: User) -> None:
    response = post(account, received_event(user), secret="a guess")
    assert (response.status_code, response.json()) == (403, {"code": "signature"})
    assert not Message.objects.exists()
    assert rejected(account) == 1


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_an_old_or_early_timestamp_is_refused(account: CarrierAccount, user: User, age: timedelta) -> None:
    assert post(account, received_event(user), at=datetime.now(UTC) - age).status_code == 403
    assert not Message.objects.exists()


def test_a_webhook_without_a_signature_is_refused(account: CarrierAccount, user: User) -> None:
    response = Client().post(f"/webhooks/{account.pk}/", received_event(user), content_type="application/json")
    assert response.status_code == 403
    assert rejected(account) == 1


def test_an_account_without_a_secret_takes_nothing(account: CarrierAccount, user: User) -> None:
    CarrierAccount.objects.update(sealed_credentials="")
    assert post(account, received_event(user), secret="").status_code == 403


def test_an_unknown_account_is_not_found(user: User) -> None:
    assert post(CarrierAccount(id=uuid.uuid4()), received_event(user)).status_code == 404


def test_only_posts_are_answered(account: CarrierAccount) -> None:
    assert Client().get(f"/webhooks/{account.pk}/").status_code == 405


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"null", b"[1]", b'"text"', b"\xff\xfe", b'{"type": "message.received"}', b"[" * 5000]
)
def test_a_malformed_webhook_is_refused_and_writes_nothing(account: CarrierAccount, payload: bytes) -> None:
    with capture_logs() as logs:
        response = post(account, payload)
    assert (response.status_code, response.json()) == (400, {"code": "malformed"})
    assert "webhook_malformed" in [entry["event"] for entry in logs]
    assert not Message.objects.exists()


def test_a_body_over_256_kb_is_refused(account: CarrierAccount, user: User) -> None:
    assert post(account, b" " * (webhooks.LONGEST_BODY + 1)).status_code == 413
    assert rejected(account) == 0


def test_a_body_of_unannounced_length_is_read_only_so_far(rf: Any, account: CarrierAccount) -> None:
    request = rf.post("/", b" " * (webhooks.LONGEST_BODY + 1), content_type="application/json")
    request.META["CONTENT_LENGTH"] = ""
    request._stream.limited = False
    assert webhooks.receive(request, account.pk).status_code in (403, 413)


def test_an_array_is_taken_event_by_event(account: CarrierAccount, user: User) -> None:
    message = MessageFactory(conversation__user=user, status="sending", carrier_account=account)
    events = [received_event(user, "one"), receipt_event(message, "sent"), received_event(user, "two")]
    assert post(account, events).status_code == 200
    assert sorted(Message.objects.filter(direction="in").values_list("body", flat=True)) == ["one", "two"]
    message.refresh_from_db()
    assert message.status == "sent"


def test_an_event_of_an_unknown_type_is_stored_told_and_the_rest_of_its_array_is_taken(
    account: CarrierAccount, user: User
) -> None:
    events = [{"type": "message.seen", "at": NOW.isoformat(), "body": "secret words"}, received_event(user)]
    for _time in range(2):
        assert post(account, events).status_code == 200
    kept = Receipt.objects.get()
    assert (kept.claim, kept.carrier_code, kept.message_id, kept.event_at) == ("unknown", "message.seen", None, NOW)
    assert json.loads(kept.raw) == {"type": "message.seen", "at": NOW.isoformat()}
    alert = Alert.objects.get(code="unknown_carrier_code")
    assert (alert.facts["said"], alert.times) == ("message.seen", 1)
    assert Message.objects.count() == 1


def test_an_event_of_an_unknown_type_about_a_text_of_ours_is_among_its_receipts_and_moves_nothing(
    account: CarrierAccount, user: User
) -> None:
    message = MessageFactory(conversation__user=user, status="sending", carrier_account=account)
    assert post(account, receipt_event(message, "delivered", type="message.seen")).status_code == 200
    assert Receipt.objects.get().message_id == message.pk
    message.refresh_from_db()
    assert message.status == "sending"


def test_a_text_that_raises_what_nobody_expected_is_503_and_the_others_are_taken(
    account: CarrierAccount, user: User, monkeypatch: Any
) -> None:
    def failing(*_arguments: object) -> None:
        raise ValueError

    message = MessageFactory(conversation__user=user, status="sending", carrier_account=account)
    monkeypatch.setattr(webhooks, "accept_inbound", failing)
    assert post(account, [received_event(user), receipt_event(message, "delivered")]).status_code == 503
    assert Receipt.objects.get().message_id == message.pk


def test_a_lone_surrogate_and_a_nul_in_the_json_are_stored_replaced(account: CarrierAccount, user: User) -> None:
    event = json.dumps(received_event(user)).replace('"Hello"', '"a\\u0000b\\ud83dc"').encode()
    assert post(account, event).status_code == 200
    assert Message.objects.get().body == "a\ufffdb\ufffdc"


def test_c1_control_characters_are_stored_as_they_came(account: CarrierAccount, user: User) -> None:
    body = "".join(map(chr, range(0x80, 0xA0)))
    post(account, received_event(user, body))
    assert Message.objects.get().body == body


def test_a_database_that_does_not_answer_is_503_and_the_carrier_sends_again(
    account: CarrierAccount, user: User, monkeypatch: Any
) -> None:
    def down(*_arguments: object) -> None:
        raise OperationalError("the body was: secret words")

    events = [received_event(user)]
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(webhooks, "accept_inbound", down)
        response = post(account, events)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "secret words" not in str(logs)
    assert post(account, events).status_code == 200
    assert Message.objects.count() == 1


def test_one_event_that_fails_does_not_keep_the_others_out_and_is_reported(
    account: CarrierAccount, user: User, monkeypatch: Any
) -> None:
    accept = webhooks.accept_inbound

    def failing(account: CarrierAccount, text: Any, now: datetime) -> Any:
        if text.body == "bad":
            raise DataError
        return accept(account, text, now)

    monkeypatch.setattr(webhooks, "accept_inbound", failing)
    assert post(account, [received_event(user, "bad"), received_event(user, "good")]).status_code == 503
    assert Message.objects.get().body == "good"


def test_credentials_that_cannot_be_read_are_503_and_an_error_in_the_log(account: CarrierAccount, user: User) -> None:
    CarrierAccount.objects.update(sealed_credentials="not sealed by us")
    with capture_logs() as logs:
        assert post(account, received_event(user)).status_code == 503
    assert ("webhook_not_readable", "error") in [(entry["event"], entry["log_level"]) for entry in logs]


def test_no_log_line_has_a_body_in_it(account: CarrierAccount, user: User) -> None:
    with capture_logs() as logs:
        post(account, received_event(user, "secret words"))
        post(account, received_event(user, "secret words", to="+16045550100"))
        post(account, received_event(user, "secret words"), secret="a guess")
    assert {"inbound_to_unknown_number", "webhook_refused"} <= {entry["event"] for entry in logs}
    assert "secret words" not in str(logs)


def test_a_text_costs_few_queries(account: CarrierAccount, user: User, django_assert_max_num_queries: Any) -> None:
    post(account, received_event(user))
    with django_assert_max_num_queries(13):
        post(account, received_event(user))
