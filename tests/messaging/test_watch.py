"""What messaging raises alerts for, and when they go away again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from messaging import clock, health, watch
from messaging.inbound import accept_inbound
from messaging.models import CarrierBatch, Receipt, SendingNumber
from messaging.operations import figures
from provisioning import alert_words, heartbeats
from provisioning.models import Alert, User
from tests import factories
from tests.compliance.threads import at_once
from tests.factories import NOW
from tests.messaging.carrier_events import inbound

pytestmark = pytest.mark.django_db


def open_alerts(code: str) -> list[Any]:
    alerts = Alert.objects.filter(code=code, cleared_at__isnull=True)
    return sorted(alerts.values_list("organization", flat=True), key=str)


@pytest.fixture
def number(user: User) -> SendingNumber:
    return SendingNumber.objects.get(number__user=user)


def test_a_number_that_nobody_looks_at_means_that_the_relay_stands_still(number: SendingNumber) -> None:
    SendingNumber.objects.update(next_due_at=NOW - timedelta(minutes=6))
    watch.look(NOW)
    assert open_alerts("relay_stalled") == sorted([None, number.organization_id], key=str)
    SendingNumber.objects.update(next_due_at=NOW)
    watch.look(NOW)
    assert open_alerts("relay_stalled") == []


@pytest.mark.parametrize("whose", ["number", "account"])
def test_what_is_paused_is_no_standstill(number: SendingNumber, whose: str) -> None:
    SendingNumber.objects.update(next_due_at=NOW - timedelta(hours=1))
    if whose == "number":
        SendingNumber.objects.update(paused=True)
    else:
        type(number.carrier_account).objects.update(paused=True)
    watch.look(NOW)
    assert open_alerts("relay_stalled") == []


def test_a_carrier_that_takes_less_than_half_is_failing_for_the_provider_and_whom_it_serves(
    number: SendingNumber,
) -> None:
    account = number.carrier_account_id
    health.note([(account, "taken")] * 4 + [(account, "not_taken")] * 3 + [(account, "unknown")], NOW)
    watch.look(NOW)
    assert open_alerts("carrier_failing") == sorted([None, number.organization_id], key=str)
    assert Alert.objects.first().facts == {"account": str(number.carrier_account), "troubled": 4, "texts": 8}
    watch.look(NOW + timedelta(minutes=16))
    assert open_alerts("carrier_failing") == []


@pytest.mark.parametrize(
    "answers",
    [["unknown"] * 4, ["taken"] * 6 + ["not_taken"] * 5, ["refused"] * 20],
    ids=["few", "under half", "refusals"],
)
def test_few_or_mostly_good_answers_are_no_failure(number: SendingNumber, answers: list[str]) -> None:
    health.note([(number.carrier_account_id, answer) for answer in answers], NOW)
    watch.look(NOW)
    assert open_alerts("carrier_failing") == []


def test_measurements_are_forgotten_after_a_day(number: SendingNumber) -> None:
    health.note([(number.carrier_account_id, "taken")], NOW)
    health.forget(NOW + timedelta(hours=23))
    assert CarrierBatch.objects.exists()
    health.forget(NOW + timedelta(hours=25))
    assert not CarrierBatch.objects.exists()


def test_after_an_hour_a_minute_is_one_row_and_no_picture_changes(
    number: SendingNumber, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = factories.CarrierAccountFactory()
    for place in range(30):
        at, account = NOW - timedelta(seconds=7 * 60 * place), (number.carrier_account, other)[place % 2]
        for second in (0, 1, 59):
            batch = {"taken": place, "refused": 1, "not_taken": 2, "unknown": 3, "slowest": 100 + second}
            CarrierBatch.objects.create(
                carrier_account=account, at=at + timedelta(seconds=second), milliseconds=place, not_let_in=1, **batch
            )
    not_let_in = CarrierBatch.objects.count()
    pictures = [figures.flow(NOW, figures.HOUR, figures.MINUTE), figures.flow(NOW, figures.DAY, figures.QUARTER)]
    lately = CarrierBatch.objects.filter(at__gte=NOW - timedelta(hours=1)).count()
    for _again in range(2):
        health.forget(NOW)
        assert CarrierBatch.objects.filter(at__gte=NOW - timedelta(hours=1)).count() == lately
        assert CarrierBatch.objects.count() == lately + (90 - lately) // 3
        assert sum(CarrierBatch.objects.values_list("not_let_in", flat=True)) == not_let_in
    assert pictures == [
        figures.flow(NOW, figures.HOUR, figures.MINUTE),
        figures.flow(NOW, figures.DAY, figures.QUARTER),
    ]


def test_what_is_forgotten_is_forgotten_in_portions(number: SendingNumber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PORTION", 2)
    for place in range(5):
        CarrierBatch.objects.create(carrier_account=number.carrier_account, at=NOW - timedelta(seconds=place), taken=1)
    with CaptureQueriesContext(connection) as seen:
        health.forget(NOW + timedelta(hours=25))
    assert not CarrierBatch.objects.exists()
    assert sum(query["sql"].startswith("DELETE") for query in seen) == 3


@pytest.mark.django_db(transaction=True)
def test_minutes_that_two_add_up_at_once_are_counted_once(number: SendingNumber, shared_database: object) -> None:
    for second in range(50):
        CarrierBatch.objects.create(carrier_account=number.carrier_account, at=NOW + timedelta(seconds=second), taken=1)
    at_once(*[lambda: health.forget(NOW + timedelta(hours=2)) for _worker in range(4)])
    assert [batch.taken for batch in CarrierBatch.objects.all()] == [50]


def test_a_paused_number_is_told_until_it_goes_on(number: SendingNumber) -> None:
    SendingNumber.objects.update(paused=True)
    watch.look(NOW)
    assert open_alerts("number_paused") == [number.organization_id]
    SendingNumber.objects.update(paused=False)
    watch.look(NOW)
    assert open_alerts("number_paused") == []


@pytest.mark.parametrize(("reason", "said"), [("Complaints, 30% of all", "30% of all"), ("", "reason: –")])
def test_the_alert_of_a_paused_number_says_why_and_leads_to_its_page(
    number: SendingNumber, reason: str, said: str
) -> None:
    SendingNumber.objects.update(paused=True, pause_reason=reason)
    watch.look(NOW)
    words = alert_words.words(Alert.objects.get(code="number_paused"))
    assert said in words.sentence
    assert words.link == reverse("number", args=[number.pk])


def test_texts_that_nobody_reads_are_one_alert_a_number_until_somebody_can(user: User, number: SendingNumber) -> None:
    User.objects.filter(pk=user.pk).update(texting_setting="off")
    for place in range(3):
        accept_inbound(number.carrier_account, inbound(number.number.e164, carrier_message_id=f"in-{place}"), NOW)
    (alert,) = Alert.objects.filter(code="texts_unread")
    assert (alert.organization_id, alert.times, alert.facts["number"]) == (user.organization_id, 3, number.number.e164)
    watch.look(NOW)
    assert open_alerts("texts_unread") == [user.organization_id]
    User.objects.filter(pk=user.pk).update(texting_setting="on")
    watch.look(NOW)
    assert open_alerts("texts_unread") == []


def test_a_picture_that_was_not_delivered_is_nobodys_alert(number: SendingNumber) -> None:
    accept_inbound(number.carrier_account, inbound(number.number.e164, media_count=1), NOW)
    assert open_alerts("texts_unread") == []


def test_a_number_that_nobody_wrote_to_for_a_week_is_left_alone(user: User, number: SendingNumber) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    accept_inbound(number.carrier_account, inbound(number.number.e164), NOW)
    Alert.objects.update(seen_at=NOW)
    watch.look(NOW + timedelta(days=6))
    assert len(open_alerts("texts_unread")) == 1
    watch.look(NOW + timedelta(days=8))
    assert open_alerts("texts_unread") == []


def test_answers_are_kept_a_batch_and_account(db: Any) -> None:
    account = factories.CarrierAccountFactory()
    health.note([(account.pk, "taken"), (account.pk, "taken"), (account.pk, "refused")], NOW)
    batch = CarrierBatch.objects.get(carrier_account=account)
    assert (batch.taken, batch.refused, batch.unknown) == (2, 1, 0)


def test_a_relay_that_beat_once_and_is_silent_is_told_to_the_provider(number: SendingNumber) -> None:
    watch.look(NOW)
    assert open_alerts("relay_silent") == []
    heartbeats.beat(heartbeats.RELAY, NOW - timedelta(minutes=3))
    watch.look(NOW)
    assert open_alerts("relay_silent") == [None]
    heartbeats.beat(heartbeats.RELAY, NOW)
    watch.look(NOW)
    assert open_alerts("relay_silent") == []


def test_a_relay_that_has_just_been_started_is_not_silent(number: SendingNumber) -> None:
    heartbeats.beat(heartbeats.RELAY, NOW - timedelta(days=1))
    heartbeats.beat(heartbeats.START, NOW - timedelta(seconds=5))
    watch.look(NOW)
    assert open_alerts("relay_silent") == []
    watch.look(NOW + timedelta(minutes=3))
    assert open_alerts("relay_silent") == [None]


@pytest.mark.parametrize(("seconds", "receipts", "told"), [(45, 6, [None]), (5, 6, []), (45, 3, [])])
def test_receipts_that_come_late_are_told_when_there_are_enough(
    user: User, seconds: int, receipts: int, told: list[None]
) -> None:
    now = clock.database_now()
    account = SendingNumber.objects.get().carrier_account
    for place in range(receipts):
        text = factories.MessageFactory(
            conversation=factories.ConversationFactory(user=user), sent_at=now - timedelta(seconds=seconds)
        )
        Receipt.objects.create(
            carrier_account=account, message=text, event_at=now, received_at=now, fingerprint=str(place), raw=""
        )
    watch.look(now)
    assert open_alerts("receipts_slow") == told


@pytest.mark.parametrize(
    ("unknown", "taken", "told"), [(10, 90, [None]), (10, 91, []), (4, 0, []), (5, 0, [None])]
)  # fmt: skip
def test_many_unknown_outcomes_are_told_to_the_provider(
    number: SendingNumber, unknown: int, taken: int, told: list[None]
) -> None:
    CarrierBatch.objects.create(carrier_account=number.carrier_account, at=NOW, unknown=unknown, taken=taken)
    watch.look(NOW)
    assert open_alerts("texts_unconfirmed") == told
