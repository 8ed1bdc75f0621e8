"""How long carriers take to answer: of answers that came. A text whose answer never came has no such time."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse

from messaging import clock, exchange_log, health, measurements
from messaging.carriers.base import Accepted, NotTaken, Refused, Unconfirmed
from messaging.departures import Departure
from messaging.models import CarrierAccount, CarrierBatch
from messaging.operations import figures
from messaging.operations.charts import stack
from messaging.senders import Account
from messaging.transit import Answer, Outcome
from provisioning.models import User
from tests import factories
from tests.factories import NOW
from tests.messaging.operations_rows import text_of

pytestmark = pytest.mark.django_db

TOOK = Accepted("c-1"), 0.1
SAID_NO = Refused("carrier_rejected"), 0.3
WAITED_IN_VAIN = Unconfirmed("TimeoutError"), 10.01
NOT_REACHED = NotTaken("TimeoutError"), 10.0


@pytest.fixture
def account(user: User) -> CarrierAccount:
    cache.clear()
    return CarrierAccount.objects.get()


def noted(user: User, at: datetime, *answers: tuple[Answer, float]) -> None:
    """One batch of texts, answered like this."""
    row = CarrierAccount.objects.get()
    nobody: Any = None
    account = Account(row.pk, row.name, row.carrier, row.base_url, "", False, None)
    exchange_log.note(
        [
            Outcome(Departure(text_of(user, at).pk, None, uuid.uuid4(), account, 1, nobody, nobody), answer, seconds)
            for answer, seconds in answers
        ],
        at,
    )


def test_sums_and_divisor_are_of_the_answers_that_came(user: User, account: CarrierAccount) -> None:
    noted(user, NOW, TOOK, SAID_NO, WAITED_IN_VAIN, NOT_REACHED)
    batch = CarrierBatch.objects.get()
    assert (batch.taken, batch.refused, batch.not_taken, batch.unknown) == (1, 1, 1, 1)
    assert (batch.milliseconds, batch.slowest) == (400, 300)
    (moment,) = [one for one in figures.flow(NOW, figures.HOUR, figures.MINUTE) if one.texts]
    assert (moment.answer_milliseconds, moment.slowest) == (200.0, 300)
    assert health.answer_times_of([account.pk], NOW) == {account.pk: health.AnswerTimes(200.0, 300, 1)}


def test_minutes_that_were_added_up_say_the_same(user: User, account: CarrierAccount) -> None:
    before = NOW - timedelta(hours=2)
    noted(user, before, TOOK, WAITED_IN_VAIN)
    noted(user, before, SAID_NO, WAITED_IN_VAIN, NOT_REACHED)
    health.forget(NOW)
    assert CarrierBatch.objects.count() == 1
    (moment,) = [one for one in figures.flow(NOW, figures.DAY, figures.QUARTER) if one.texts]
    assert (moment.answers, moment.answer_milliseconds, moment.slowest) == ((1, 1, 1, 2), 200.0, 300)


def test_where_no_answer_came_there_is_no_time_and_no_point(user: User, account: CarrierAccount) -> None:
    noted(user, NOW, WAITED_IN_VAIN, WAITED_IN_VAIN)
    hour = figures.flow(NOW, figures.HOUR, figures.MINUTE)
    drawn = stack(hour, figures.QUARTER)
    assert (drawn.line, drawn.line_scale[0], drawn.texts) == ("", 4, 2)
    assert health.answer_times_of([account.pk], NOW) == {account.pk: health.AnswerTimes(None, 0, 2)}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([TOOK, SAID_NO], "200 ms on average, 300 ms at most</dd>"),
        ([TOOK, WAITED_IN_VAIN], "at most. 1 text has an unknown outcome and no such time</dd>"),
        ([WAITED_IN_VAIN, WAITED_IN_VAIN], "No answer came. 2 texts have an unknown outcome and no such time</dd>"),
        ([], "No answer came</dd>"),
    ],
)
def test_the_page_of_an_account_tells_both(
    user: User, account: CarrierAccount, signed_in_as: Any, answers: list[tuple[Answer, float]], said: str
) -> None:
    if answers:
        noted(user, clock.database_now(), *answers)
    browser = signed_in_as(factories.OperatorFactory())
    assert said in browser.get(reverse("operations_account", args=[account.pk])).content.decode()


def test_prometheus_counts_the_same_answers(
    user: User, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    monkeypatch.setattr(measurements, "observe_carrier_seconds", lambda _account, seconds: seen.extend(seconds))
    noted(user, NOW, TOOK, SAID_NO, WAITED_IN_VAIN, NOT_REACHED)
    assert seen == [0.1, 0.3]
