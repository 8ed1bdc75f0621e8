"""Receipts of one request are taken together: the same end as one by one, in as many statements as one takes."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, OperationalError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from messaging import receipts, states
from messaging.carriers.base import ReceiptEvent, Refused
from messaging.models import CarrierAccount, DailyCount, Message, Receipt
from messaging.receipt_alerts import clear_old
from messaging.receipts import accept_receipt, accept_receipts
from messaging.relay import run
from provisioning.models import Alert, User
from tests.factories import NOW, ConversationFactory, MessageFactory
from tests.messaging.carrier_events import account_of, post, receipt, receipt_event
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.poison import break_apply
from tests.messaging.relay_stage import raising, write

__all__ = ["carrier"]

pytestmark = pytest.mark.django_db
SHOWN = ("status", "reason", "carrier_code", "carrier_message_id", "status_event_at", *states.TIME_OF.values())


@pytest.fixture
def account(user: User) -> CarrierAccount:
    return account_of(user.primary_number)


def on_the_wire(user: User, account: CarrierAccount, how_many: int) -> list[Message]:
    conversation = ConversationFactory(user=user)
    return [
        MessageFactory(conversation=conversation, seq=place, status="sending", carrier_account=account)
        for place in range(1, how_many + 1)
    ]


CLAIMS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["sent", "delivered", "undelivered", "unknown"]),
        st.integers(0, 3),
        st.sampled_from(["", "4720", "4750"]),
    ),
    min_size=1,
    max_size=8,
)


def told(texts: list[Message], said: list[tuple[int, str, int, str]]) -> list[ReceiptEvent]:
    return [
        receipt(
            texts[place], claim, at=NOW + timedelta(seconds=second), code=code, reason="unreachable" if code else ""
        )
        for place, claim, second, code in said
    ]


def ends(texts: list[Message]) -> list[tuple[Any, ...]]:
    return list(Message.objects.filter(pk__in=[text.pk for text in texts]).order_by("seq").values_list(*SHOWN))


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CLAIMS)
def test_any_receipts_together_end_as_they_do_one_by_one(
    user: User, account: CarrierAccount, said: list[tuple[int, str, int, str]]
) -> None:
    together, apart = on_the_wire(user, account, 3), on_the_wire(user, account, 3)
    accept_receipts(account, told(together, said), NOW)
    for event in told(apart, said):
        accept_receipt(account, event, NOW)
    assert [row[:3] + row[4:] for row in ends(together)] == [row[:3] + row[4:] for row in ends(apart)]
    counts = [Receipt.objects.filter(message__in=texts).count() for texts in (together, apart)]
    assert counts[0] == counts[1] == len(set(said))


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "undelivered"])))
def test_three_receipts_of_one_text_in_one_request_end_in_the_failure(
    user: User, account: CarrierAccount, order: tuple[str, ...]
) -> None:
    (text,) = on_the_wire(user, account, 1)
    accept_receipts(account, [receipt(text, claim) for claim in order], NOW)
    text.refresh_from_db()
    assert (text.status, text.sent_at, text.delivered_at) == ("undelivered", NOW, NOW)


def test_two_hundred_receipts_take_as_many_statements_as_one(
    user: User, account: CarrierAccount, django_assert_max_num_queries: Any
) -> None:
    texts = on_the_wire(user, account, 200)
    with django_assert_max_num_queries(13):
        fresh = accept_receipts(account, [receipt(text, "delivered") for text in texts], NOW)
    assert len(fresh) == 200
    assert not Message.objects.exclude(status="delivered").exists()


def test_one_request_with_the_same_receipt_a_hundred_times_stores_one(user: User, account: CarrierAccount) -> None:
    (text,) = on_the_wire(user, account, 1)
    assert len(accept_receipts(account, [receipt(text, "delivered")] * 100, NOW)) == 1
    assert accept_receipts(account, [receipt(text, "delivered")] * 3, NOW) == []
    assert Receipt.objects.count() == 1


def test_receipts_that_name_only_the_carriers_id_find_their_texts_together(user: User, account: CarrierAccount) -> None:
    texts = on_the_wire(user, account, 3)
    for text in texts:
        Message.objects.filter(pk=text.pk).update(carrier_message_id=f"c-{text.seq}", status="sent")
    events = [receipt(text, "delivered", our_reference="", carrier_message_id=f"c-{text.seq}") for text in texts]
    accept_receipts(account, [*events, receipt(None, "delivered", carrier_message_id="c-unknown")], NOW)
    assert set(Message.objects.values_list("status", flat=True)) == {"delivered"}
    assert Receipt.objects.filter(message__isnull=True).count() == 1


def test_one_receipt_that_cannot_be_stored_does_not_spoil_the_others(
    user: User, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = on_the_wire(user, account, 2)
    stored = receipts._stored

    def refuse_bad(of: CarrierAccount, found: Any) -> Any:
        if any(one.our_reference == str(bad.pk) for one in found):
            raise DataError("value too long")
        return stored(of, found)

    monkeypatch.setattr(receipts, "_stored", refuse_bad)
    answer = post(account, [receipt_event(good, "delivered"), receipt_event(bad, "delivered")])
    assert answer.status_code == 503
    good.refresh_from_db()
    assert good.status == "delivered"


@pytest.mark.parametrize("error", [DataError("no"), ValueError("no"), states.Overtaken()])
def test_a_receipt_that_its_text_cannot_take_is_kept_raw_and_taken(
    user: User, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    good, bad = on_the_wire(user, account, 2)
    break_apply(monkeypatch, bad, itertools.repeat(error))
    events = [receipt_event(good, "delivered"), receipt_event(bad, "delivered")]
    for _time in range(2):
        assert post(account, events).status_code == 200
    kept = Receipt.objects.get(our_reference=str(bad.pk))
    assert (kept.message_id, json.loads(kept.raw)["status"]) == (None, "delivered")
    assert ends([good, bad])[0][0] == "delivered"
    monkeypatch.undo()
    assert receipts.match_orphans(kept.received_at + timedelta(minutes=1)) == 1
    assert {row[0] for row in ends([good, bad])} == {"delivered"}


def test_a_database_that_goes_away_between_storing_and_applying_is_503_and_loses_nothing(
    user: User, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = on_the_wire(user, account, 1)
    break_apply(monkeypatch, text, iter([DataError("no"), OperationalError("gone")]))
    assert post(account, receipt_event(text, "delivered")).status_code == 503
    kept = Receipt.objects.get()
    assert receipts.match_orphans(kept.received_at) == 1
    assert ends([text])[0][0] == "delivered"


def test_a_failure_is_counted_on_the_day_that_accepted_the_text(user: User, account: CarrierAccount) -> None:
    texts = on_the_wire(user, account, 3)
    day = NOW.date()
    DailyCount.objects.create(
        organization=user.organization, user=user, number=user.primary_number, day=day, accepted=3
    )  # fmt: skip
    accept_receipts(
        account, [receipt(text, "undelivered", code="4750", reason="unreachable") for text in texts[:2]], NOW
    )
    accept_receipts(account, [receipt(texts[2], "delivered")], NOW)
    assert DailyCount.objects.get().failed == 2


def test_a_code_that_nobody_knows_is_an_alert_for_the_provider_until_a_day_after(
    user: User, account: CarrierAccount, carrier: CarrierInMemory
) -> None:
    (text,) = on_the_wire(user, account, 1)
    accept_receipts(account, [receipt(text, "undelivered", code="31337", known=False)], NOW)
    alert = Alert.objects.get(code="unknown_carrier_code")
    assert (alert.organization_id, alert.facts["said"], alert.cleared_at) == (None, "31337", None)
    clear_old(alert.seen_at + timedelta(hours=23))
    assert Alert.objects.filter(cleared_at__isnull=True).exists()
    clear_old(alert.seen_at + timedelta(hours=25))
    assert not Alert.objects.filter(cleared_at__isnull=True).exists()


def test_a_refusal_with_an_unknown_code_is_an_alert_too(user: User, carrier: CarrierInMemory) -> None:
    carrier.answer = raising(Refused("carrier_rejected", code="666", known=False))
    write(user)
    run(lambda: NOW)
    assert Alert.objects.get(code="unknown_carrier_code").facts["said"] == "666"


def test_a_refusal_whose_code_says_only_refused_is_none(user: User, carrier: CarrierInMemory) -> None:
    carrier.answer = raising(Refused("carrier_rejected", code="4435"))
    write(user)
    run(lambda: NOW)
    assert not Alert.objects.exists()
