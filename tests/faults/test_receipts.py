"""Receipts in every order, through the web server's door."""

from __future__ import annotations

import time
import uuid

import pytest

from messaging.models import Message, Receipt
from tests.faults.carrier import receipt
from tests.faults.checker import check
from tests.faults.house import House, until
from tests.faults.matrix import row


@pytest.fixture
def text(house: House) -> Message:
    """On the wire: the carrier took it and waits with its answer."""
    (user,) = house.users(1)
    house.open_web()
    house.carrier.script("Hello", "take, wait, answer")
    found = house.write(user)
    house.relay(settings={"CARRIER_TIMEOUT_SECONDS": 20, "RELAY_LEASE_SECONDS": 60})
    until(lambda: house.taken(found), "the carrier has it")
    return found


@row("receipt_before_our_commit")
def test_receipt_before_our_commit(house: House) -> None:
    (user,) = house.users(1)
    house.open_web()
    text = house.write(user)
    house.carrier.script("Hello", "take, receipt first")
    check(house)
    row = Message.objects.get(pk=text.pk)
    assert (row.status, Receipt.objects.get().message_id) == ("delivered", text.pk)
    assert row.sent_at is not None


@row("duplicate_receipts")
def test_duplicate_receipts(house: House, text: Message) -> None:
    """A hundred at once may be more than Postgres has connections: those are told to come again, and do."""
    same = receipt(str(text.pk), "delivered")
    assert house.post(*[same] * 100, at_once=100, repeats=50) == [200] * 100
    house.carrier.order("go_on")
    check(house)
    assert (house.status(text), Receipt.objects.count()) == ("delivered", 1)


@row("delivered_before_sent")
def test_delivered_before_sent(house: House, text: Message) -> None:
    now = time.time()
    assert house.receipt(text, "delivered", now) == 200
    assert house.receipt(text, "sent", now - 5) == 200
    house.carrier.order("go_on")
    check(house)
    row = Message.objects.get(pk=text.pk)
    assert row.status == "delivered"
    assert row.sent_at is not None
    assert row.delivered_at is not None
    assert row.sent_at < row.delivered_at


@row("failed_after_delivered")
def test_failed_after_delivered(house: House, text: Message) -> None:
    house.carrier.order("go_on")
    house.becomes(text, "sent")
    now = time.time()
    for claim, at, code in (("delivered", now, ""), ("undelivered", now + 1, "4750"), ("delivered", now + 2, "")):
        assert house.receipt(text, claim, at, code) == 200
    check(house)
    row = Message.objects.get(pk=text.pk)
    assert (row.status, row.reason, Receipt.objects.count()) == ("undelivered", "unreachable", 3)


@row("unknown_receipt")
def test_unknown_receipt(house: House, text: Message) -> None:
    stranger, early = receipt(str(uuid.uuid4()), "undelivered"), {**receipt(str(text.pk), "delivered"), "reference": ""}
    assert house.post(stranger, early) == [200, 200]
    assert house.status(text) == "sending"
    assert Receipt.objects.filter(message=None).count() == 2
    house.carrier.order("go_on")
    house.becomes(text, "delivered")
    check(house)
    assert Receipt.objects.get(message=None).our_reference == stranger["reference"]
