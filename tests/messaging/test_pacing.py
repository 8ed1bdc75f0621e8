"""The token bucket: exact, with a clock that goes forward, stands still, or goes back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import pacing
from messaging.models import SendingNumber
from messaging.pacing import Bucket
from tests.factories import NOW, SendingNumberFactory

SIX_A_MINUTE = Bucket(tokens=6.0, at=NOW, rate=6.0, burst=6)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_number_that_never_sent_has_its_whole_burst() -> None:
    assert Bucket(tokens=0.0, at=None, rate=6.0, burst=6).refilled(NOW).whole == 6


def test_six_a_minute_is_one_every_ten_seconds_after_the_burst() -> None:
    empty = SIX_A_MINUTE.taken(6)
    assert empty.whole == 0
    assert empty.next_token_at(NOW) == after(10)
    assert empty.refilled(after(9.999999)).whole == 0
    assert empty.refilled(after(10)).whole == 1
    assert empty.refilled(after(25)).next_token_at(after(25)) == after(25)


def test_a_rest_refills_no_more_than_the_burst() -> None:
    assert SIX_A_MINUTE.taken(6).refilled(after(3600)).whole == 6


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    back = SIX_A_MINUTE.taken(4).refilled(after(-600))
    assert back.tokens == 2.0
    assert back.refilled(after(10)).tokens == 3.0


def test_a_slow_number_is_paced_to_the_microsecond() -> None:
    empty = Bucket(tokens=0.0, at=NOW, rate=0.7, burst=1)
    due = empty.next_token_at(NOW)
    assert empty.refilled(due).whole == 1
    assert empty.refilled(due - timedelta(milliseconds=1)).whole == 0


@given(
    st.lists(st.floats(min_value=0, max_value=40), min_size=1, max_size=60),
    st.floats(min_value=0.1, max_value=600),
    st.integers(min_value=1, max_value=20),
)
def test_no_window_lets_more_through_than_burst_plus_rate(gaps: list[float], rate: float, burst: int) -> None:
    bucket, now, sent = Bucket(float(burst), NOW, rate, burst), NOW, 0
    for gap in gaps:
        now += timedelta(seconds=gap)
        bucket = bucket.refilled(now)
        sent += bucket.whole
        bucket = bucket.taken(bucket.whole)
        assert sent <= burst + (now - NOW).total_seconds() * rate / 60 + 1e-3


@given(st.floats(min_value=0, max_value=1), st.floats(min_value=0.1, max_value=60_000))
def test_the_next_token_is_there_when_it_was_promised(tokens: float, rate: float) -> None:
    bucket = Bucket(tokens, NOW, rate, burst=6)
    assert bucket.refilled(bucket.next_token_at(NOW)).whole >= 1


@pytest.mark.django_db
def test_looking_again_never_puts_off_what_was_meant_earlier() -> None:
    idle, later, earlier = (SendingNumberFactory(next_due_at=at) for at in (None, after(60), after(1)))
    pacing.look_again([number.pk for number in (idle, later, earlier)], after(5))
    times = dict(SendingNumber.objects.values_list("pk", "next_due_at"))
    assert [times[number.pk] for number in (idle, later, earlier)] == [after(5), after(5), after(1)]
