"""What campaigns, brands and accounts allow: exact over all their numbers, kept in rows; a delay, never a refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import paces
from messaging.models import BrandDay, CampaignPace, CarrierAccount, Message, SendingNumber
from messaging.models.messages import Kind
from messaging.relay import Relay, run
from messaging.sweep import sweep
from provisioning.models import Brand, Campaign, User
from tests.factories import NOW, ConversationFactory, MessageFactory, texting_user
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.messaging.relay_stage import Clock, clock, person, status, unpaced, write

__all__ = ["carrier", "clock"]

pytestmark = pytest.mark.django_db


def colleagues(user: User, how_many: int) -> list[User]:
    return [user, *(texting_user(user.organization) for _ in range(how_many - 1))]


def everybody_writes(users: list[User], texts: int) -> None:
    for each in users:
        for place in range(texts):
            write(each, f"{each.pk} {place}", to=person(place))


def test_a_campaigns_segments_a_minute_hold_for_all_its_numbers_together(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    users = colleagues(user, 4)
    unpaced()
    Campaign.objects.update(segments_a_minute=60)
    everybody_writes(users, 10)
    due = run(clock)
    assert len(carrier.taken) == 10, "the longest text may always go at once"
    assert due == NOW + timedelta(seconds=1)
    clock.forward(1)
    run(clock)
    assert len(carrier.taken) == 11
    for _second in range(29):
        clock.forward(1)
        run(clock)
    assert len(carrier.taken) == 40
    assert all(status == "sent" for status in Message.objects.values_list("status", flat=True))


def test_a_long_text_takes_as_many_segments_as_it_has(user: User, carrier: CarrierInMemory, clock: Clock) -> None:
    unpaced()
    Campaign.objects.update(segments_a_minute=60)
    for place in range(3):
        write(user, "x" * 800, to=person(place))
    assert run(clock) == NOW + timedelta(seconds=2)
    assert len(carrier.taken) == 1
    clock.forward(2)
    run(clock)
    assert len(carrier.taken) == 2


def test_the_numbers_of_a_slow_campaign_are_not_all_looked_at_again_at_once(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    users = colleagues(user, 14)
    unpaced()
    Campaign.objects.update(segments_a_minute=60)
    everybody_writes(users, 1)
    run(clock)
    waiting = SendingNumber.objects.filter(next_due_at__isnull=False).values_list("next_due_at", flat=True)
    assert sorted(waiting) == [NOW + timedelta(seconds=place) for place in (1, 2, 3, 4)]


def test_a_campaigns_pace_survives_a_restart_and_is_one_for_all_workers(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    users = colleagues(user, 2)
    unpaced()
    Campaign.objects.update(segments_a_minute=60)
    everybody_writes(users, 10)
    for _worker in range(4):
        with Relay(clock) as worker:
            SendingNumber.objects.update(next_due_at=NOW)
            worker.run()
    assert len(carrier.taken) == 10
    assert CampaignPace.objects.get().tokens == pytest.approx(0)


def test_two_campaigns_do_not_wait_for_each_other(
    user: User, stranger: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    unpaced()
    Campaign.objects.filter(organization=user.organization).update(segments_a_minute=1)
    everybody_writes([user, stranger], 12)
    run(clock)
    assert sum(text.own_e164 == stranger.primary_number.e164 for text in carrier.taken) == 12
    assert sum(text.own_e164 == user.primary_number.e164 for text in carrier.taken) == 10


def test_an_automatic_reply_goes_past_an_empty_campaign_and_is_counted(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    unpaced()
    Campaign.objects.update(segments_a_minute=60)
    everybody_writes([user], 12)
    run(clock)
    conversation = ConversationFactory(user=user, counterpart=person(50))
    MessageFactory(conversation=conversation, status="queued", kind=Kind.AUTOMATIC, body="You are opted out.")
    SendingNumber.objects.update(next_due_at=NOW)
    run(clock)
    assert carrier.bodies[10:] == ["You are opted out."]
    assert CampaignPace.objects.get().tokens == pytest.approx(-1)


def test_a_brands_segments_a_day_end_at_midnight_pacific_time(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    unpaced()
    Brand.objects.update(segments_a_day=5)
    everybody_writes(colleagues(user, 2), 4)
    midnight = datetime(2026, 11, 24, 8, tzinfo=UTC)  # NOW is 23 November, 7:00 in Los Angeles.
    assert run(clock) == midnight
    assert len(carrier.taken) == 5
    clock.now = midnight - timedelta(seconds=1)
    run(clock)
    assert len(carrier.taken) == 5
    clock.forward(1)
    run(clock)
    assert len(carrier.taken) == 8
    assert (BrandDay.objects.get().day.isoformat(), BrandDay.objects.get().segments) == ("2026-11-24", 3)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-08T07:59:59+00:00", "2026-03-08T08:00:00+00:00"),
        ("2026-03-08T08:00:00+00:00", "2026-03-09T07:00:00+00:00"),  # 23 hours: clocks go forward
        ("2026-11-01T07:00:00+00:00", "2026-11-02T08:00:00+00:00"),  # 25 hours: clocks go back
    ],
)
def test_a_day_begins_at_midnight_pacific_whatever_the_clocks_do(now: str, expected: str) -> None:
    assert paces.next_day(datetime.fromisoformat(now)) == datetime.fromisoformat(expected)


def test_an_accounts_texts_a_second_hold_over_organizations(
    user: User, stranger: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    unpaced()
    CarrierAccount.objects.update(texts_a_second=3)
    everybody_writes([user, stranger], 5)
    assert run(clock) is not None
    assert len(carrier.taken) == 3
    clock.forward(1)
    run(clock)
    assert len(carrier.taken) == 6
    clock.forward(100)
    run(clock)
    assert len(carrier.taken) == 9
    assert {text.own_e164 for text in carrier.taken} == {
        user.primary_number.e164, stranger.primary_number.e164,
    }  # fmt: skip


def test_a_throttled_text_keeps_its_place_in_its_conversation(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    unpaced()
    Campaign.objects.update(segments_a_minute=60)
    texts = [write(user, "a" * length) for length in (1500, 10, 10)]
    for _second in range(30):
        run(clock)
        clock.forward(1)
    assert carrier.bodies == [text.body for text in texts]


def test_a_text_that_waits_for_a_day_of_its_brand_grows_too_old_as_any_other(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    Brand.objects.update(segments_a_day=0)
    text = write(user)
    run(clock)
    sweep(clock.forward(24 * 3600 + 1))
    assert (status(text), Message.objects.get().reason) == ("failed", "too_old")


def test_without_limits_nothing_is_locked_or_kept(
    user: User, carrier: CarrierInMemory, clock: Clock, django_assert_num_queries: Any
) -> None:
    sharing = paces.Sharing(CarrierAccount.objects.get().pk, None, Campaign.objects.get().pk, None, None, None)
    with django_assert_num_queries(0):
        shared = paces.locked([sharing], NOW)
        assert shared.may_go(sharing, 10)
        shared.write()


@given(st.lists(st.tuples(st.integers(1, 10), st.floats(0, 30)), max_size=60), st.integers(1, 6000))
def test_no_minute_of_a_bucket_has_more_than_its_rate_and_what_it_held(
    asked: list[tuple[int, float]], a_minute: int
) -> None:
    most = max(10.0, a_minute / 60)
    now, tokens, at = NOW, 0.0, None
    went: list[tuple[datetime, int]] = []
    for segments, pause in asked:
        now += timedelta(seconds=pause)
        bucket = paces._bucket(tokens, at, a_minute / 60, most, now)
        if bucket.has(segments):
            bucket.take(segments)
            went.append((now, segments))
        tokens, at = bucket.tokens, now
    for start, _segments in went:
        minute = sum(segments for moment, segments in went if start <= moment < start + timedelta(minutes=1))
        assert minute <= a_minute + most + 1e-6
