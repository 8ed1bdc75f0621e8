"""What is Bandwidth’s alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from messaging.carriers.bandwidth import BandwidthCarrier
from messaging.carriers.base import ReceiptEvent
from messaging.models import CarrierAccount, Message, Receipt
from messaging.models.messages import Direction
from provisioning import vault
from provisioning.models import User
from tests.factories import MessageFactory
from tests.messaging.carrier_events import account_of
from tests.messaging.carriers.bandwidth_cases import AUTHORIZATION, CREDENTIALS, RECEIVED, basic, event, posted
from tests.messaging.carriers.contract import TEXT


def test_a_receipt_keeps_everything_but_the_body_it_repeats() -> None:
    told = event("message-delivered", {"text": TEXT.body, "media": ["https://…/1.jpg"]}, description="ok")
    (receipt,) = BandwidthCarrier("https://x.example", CREDENTIALS).parse(posted([told]))
    assert isinstance(receipt, ReceiptEvent)
    del told["message"]["text"], told["message"]["media"]
    assert json.loads(receipt.raw) == told


def test_of_an_event_of_a_new_type_no_words_are_kept() -> None:
    told = event("message-edited", {"text": "words", "parts": [{"Body": "words", "place": 1}]}, media=["words"])
    (receipt,) = BandwidthCarrier("https://x.example", CREDENTIALS).parse(posted([told]))
    assert isinstance(receipt, ReceiptEvent)
    assert "words" not in receipt.raw
    assert json.loads(receipt.raw)["message"]["parts"] == [{"place": 1}]


@pytest.fixture
def account(user: User) -> CarrierAccount:
    account = account_of(user.primary_number)
    account.carrier, account.sealed_credentials = "bandwidth", vault.seal(CREDENTIALS)
    account.save()
    return account


def post(account: CarrierAccount, events: list[Any], authorization: str = AUTHORIZATION) -> HttpResponse:
    return Client().post(
        f"/webhooks/{account.pk}/", json.dumps(events), content_type="application/json",
        headers={"Authorization": authorization},
    )  # fmt: skip


def test_texts_and_receipts_of_one_callback_are_all_taken(account: CarrierAccount, user: User) -> None:
    text = MessageFactory(conversation__user=user, status="sending", carrier_account=account)
    received = {**RECEIVED, "to": user.primary_number.e164, "message": {**RECEIVED["message"], "media": []}}
    told = event("message-delivered", {"tag": str(text.pk)})
    for _time in range(2):
        assert post(account, [told, received]).status_code == 200
    text.refresh_from_db()
    assert text.status == "delivered"
    assert Receipt.objects.count() == 1
    assert Message.objects.filter(direction=Direction.INBOUND, body=RECEIVED["message"]["text"]).count() == 1


def test_a_wrong_password_writes_nothing_but_the_count(account: CarrierAccount) -> None:
    assert post(account, [RECEIVED], basic("hub", "guess")).status_code == 403
    account.refresh_from_db()
    assert account.rejected_webhooks == 1
    assert not Message.objects.exists()
