"""Business hours: how they are typed, checked, shown and kept."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from provisioning.business_hours import Span, checked, day_in_words, keep, read_day, week_in_words, week_of
from provisioning.models import BusinessHours
from provisioning.refusals import Refusal
from tests import factories


def refused(code: str) -> Any:
    return pytest.raises(Refusal, match=f"^{code}$")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ""),
        ("  ", ""),
        ("9-17", "09:00–17:00"),
        ("09:00–12:00, 13:00–17:00", "09:00–12:00, 13:00–17:00"),
        ("9am to 5:30pm", "09:00–17:30"),
        ("9 a.m. - 12 p.m.; 1 p.m. - 5 p.m.", "09:00–12:00, 13:00–17:00"),
        ("12am-12pm", "00:00–12:00"),
        ("9h30 — 17h", None),
        ("22:00-24:00", "22:00–00:00"),
        ("0-24", "00:00–00:00"),
        ("9:00-12:00 and 13:00-17:00", "09:00–12:00, 13:00–17:00"),
    ],
)
def test_hours_are_read_as_people_write_them(typed: str, expected: str | None) -> None:
    if expected is None:
        with refused("hours_not_understood"):
            read_day(typed, 0)
        return
    assert day_in_words(checked(read_day(typed, 0)), 0) == expected


@pytest.mark.parametrize("typed", ["nine to five", "9", "25-26", "9-17-18", "9:60-10", "13pm-14pm", "0am-5am", "٩-١٧"])
def test_what_is_no_time_span_is_refused_with_an_example(typed: str) -> None:
    with refused("hours_not_understood") as refusal:
        read_day(typed, 0)
    assert "Write it like 09:00–17:00" in refusal.value.sentence


def test_a_day_that_closes_before_it_opens_says_how_to_go_past_midnight() -> None:
    with refused("hours_end_first") as refusal:
        checked(read_day("22-6", 4))
    assert refusal.value.sentence.startswith("Friday closes before it opens. End the day at 00:00")
    assert refusal.value.extra == {"field": "business_hours", "weekday": 4}
    with refused("hours_end_first"):
        checked(read_day("9-9", 4))


@pytest.mark.parametrize("typed", ["9-12, 11-13", "0-24, 9-10", "9-12, 9-13"])
def test_spans_that_overlap_are_refused(typed: str) -> None:
    with refused("hours_overlap"):
        checked(read_day(typed, 0))


def test_spans_that_touch_do_not_overlap_and_the_same_one_twice_is_one() -> None:
    assert day_in_words(checked(read_day("9-12, 12-13, 9-12", 0)), 0) == "09:00–12:00, 12:00–13:00"


def test_a_day_takes_eight_spans_and_no_more() -> None:
    eight = ", ".join(f"{hour}:00-{hour}:30" for hour in range(8))
    assert len(checked(read_day(eight, 0))) == 8
    with refused("too_many_hours"):
        checked(read_day(f"{eight}, 9-10", 0))


def test_a_week_is_said_in_few_words() -> None:
    week = checked([span for day in range(5) for span in read_day("9-17", day)] + read_day("10-14", 5))
    assert week_in_words(week) == "Monday–Friday 09:00–17:00; Saturday 10:00–14:00"
    assert (
        week_in_words(checked(read_day("9-17", 0) + read_day("9-17", 2))) == "Monday 09:00–17:00; Wednesday 09:00–17:00"
    )
    assert week_in_words(()) == "Always open"


minutes = st.integers(0, 24 * 60 - 1)


@given(st.lists(st.tuples(st.integers(0, 6), minutes, minutes), max_size=6))
def test_what_is_shown_of_a_good_week_reads_back_the_same(spans: list[tuple[int, int, int]]) -> None:
    wanted = [Span(day, time(*divmod(opens, 60)), time(*divmod(closes, 60))) for day, opens, closes in spans]
    try:
        week = checked(wanted)
    except Refusal:
        return
    assert checked(span for day in range(7) for span in read_day(day_in_words(week, day), day)) == week
    assert all(span.opens < span.closes or span.closes == time(0) for span in week)


@pytest.mark.django_db
def test_a_week_is_kept_and_replaced() -> None:
    location = factories.LocationFactory()
    week = checked(read_day("9-12, 13-24", 0))
    keep(location, week)
    assert week_of(location) == week
    keep(location, checked(read_day("10-11", 6)))
    assert week_in_words(week_of(location)) == "Sunday 10:00–11:00"
    assert BusinessHours.objects.get().organization_id == location.organization_id


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("weekday", "opens", "closes"), [(0, time(9), time(8)), (0, time(9), time(9)), (7, time(9), time(10))]
)
def test_the_database_refuses_what_is_no_span(weekday: int, opens: time, closes: time) -> None:
    location = factories.LocationFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        BusinessHours.objects.create(
            organization=location.organization, location=location, weekday=weekday, opens=opens, closes=closes
        )
