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
from messaging.paces import Sharing
from messaging.relay import Relay, run
from messaging.sweep import find_forgotten, sweep
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
    assert sum(text.own_e164 == user.primary_number.e164 for text in carrier.taken) == 1


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
    run(clock)
    assert len(carrier.taken) == 5
    clock.now = midnight - timedelta(seconds=1)
    assert run(clock) == midnight
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


@pytest.mark.parametrize(
    "limit", [{"segments_a_minute": 0}, {"segments_a_day": 0}], ids=["a minute of a campaign", "a day of a brand"]
)
def test_none_is_no_limit_and_zero_lets_nothing_go(
    user: User, carrier: CarrierInMemory, clock: Clock, limit: dict[str, int]
) -> None:
    model: Any = Campaign if "segments_a_minute" in limit else Brand
    model.objects.update(**limit)
    write(user)
    assert run(clock) == NOW + timedelta(hours=1)
    assert carrier.taken == []
    model.objects.update(**dict.fromkeys(limit))
    clock.forward(3600)
    run(clock)
    assert len(carrier.taken) == 1


def test_a_text_longer_than_a_minute_of_its_campaign_goes_by_itself(
    user: User, carrier: CarrierInMemory, clock: Clock
) -> None:
    unpaced()
    Campaign.objects.update(segments_a_minute=5)
    for place in range(2):
        write(user, "x" * 1500, to=person(place))
    run(clock)
    assert len(carrier.taken) == 1
    clock.forward(119)
    run(clock)
    assert len(carrier.taken) == 1
    clock.forward(1)
    run(clock)
    assert len(carrier.taken) == 2


def test_a_campaigns_minute_is_kept_in_its_row(user: User, carrier: CarrierInMemory, clock: Clock) -> None:
    unpaced()
    Campaign.objects.update(segments_a_minute=15)
    everybody_writes(colleagues(user, 3), 15)
    for second in range(122):
        with Relay(clock) as worker:
            worker.run()
        assert len(carrier.taken) <= 15 * (1 + second // 61), "15 a minute, whatever the bucket holds"
        clock.forward(1)
    assert len(carrier.taken) == 30
    assert sum(int(each.partition(":")[2]) for each in CampaignPace.objects.get().lately.split()) == 15


def play(a_minute: int, asked: list[tuple[int, float]], *, waits: bool) -> list[tuple[datetime, int]]:
    """What went, and when, of texts (segments, seconds to the next one); each time with the row read anew.

    `waits`: each text waits for the time that it is told, as a number does; otherwise it is given up.
    """
    now, kept = NOW, paces.minute(a_minute, 0.0, None, "", NOW)
    went: list[tuple[datetime, int]] = []
    for segments, pause in asked:
        now += timedelta(seconds=pause)
        while not (kept := paces.minute(a_minute, kept.bucket.tokens, kept.now, kept.spelled(), now)).has(segments):
            if not waits:
                break
            told = kept.when(segments)
            assert now < told
            now = told
        else:
            kept.take(segments)
            went.append((now, segments))
    return went


def most_within_a_minute(went: list[tuple[datetime, int]]) -> int:
    minute = timedelta(minutes=1)
    return max((sum(one for at, one in went if since <= at < since + minute) for since, _one in went), default=0)


TEXTS = st.lists(st.tuples(st.integers(1, 10), st.floats(0, 30)), max_size=60)


@given(TEXTS, st.integers(10, 600), st.booleans())
def test_no_sixty_seconds_of_a_campaign_have_more_than_its_limit(
    asked: list[tuple[int, float]], a_minute: int, waits: bool
) -> None:
    assert most_within_a_minute(play(a_minute, asked, waits=waits)) <= a_minute


@given(TEXTS, st.integers(1, 9))
def test_what_is_longer_than_a_minute_goes_alone(asked: list[tuple[int, float]], a_minute: int) -> None:
    went = play(a_minute, asked, waits=True)
    assert len(went) == len(asked)
    assert most_within_a_minute(went) <= max([a_minute, *(segments for _at, segments in went)])


@pytest.mark.parametrize("a_minute", [1, 15, 60, 75, 240, 2400])
@pytest.mark.parametrize("segments", [1, 3])
def test_a_campaign_with_enough_to_send_comes_near_its_limit(a_minute: int, segments: int) -> None:
    went = play(a_minute, [(segments, 0.0)] * (6 * a_minute // segments), waits=True)
    minutes = (went[-1][0] - NOW).total_seconds() / 60
    assert sum(one for _at, one in went) >= 0.95 * a_minute * (minutes - 1)


def test_a_clock_that_went_back_holds_a_campaign_up_for_a_minute_at_most() -> None:
    later = NOW + timedelta(hours=1)
    kept = paces.minute(15, 10.0, later, f"{int(later.timestamp())}:15", NOW)
    assert not kept.has(1)
    assert paces.minute(15, 10.0, NOW, kept.spelled(), NOW + timedelta(seconds=61)).has(10)


def test_those_who_wait_for_a_full_minute_are_told_times_one_after_another() -> None:
    kept = paces.minute(75, 10.0, NOW, f"{int(NOW.timestamp()) - 50}:70 {int(NOW.timestamp()) - 1}:5", NOW)
    told = [kept.when(10) for _number in range(7)]
    assert told == [NOW + timedelta(seconds=11)] * 2 + [NOW + timedelta(seconds=place * 8) for place in (2, 3, 4, 5, 6)]


@pytest.mark.parametrize("rate", [0.001, 1.0])
def test_nobody_is_told_to_wait_for_more_than_an_hour(rate: float) -> None:
    account = paces.Bucket(0.0, rate, NOW)
    campaign = paces.minute(1, 0.0, NOW, "", NOW)
    day = paces.Day(0, NOW)
    for _number in range(100):
        assert max(account.when(40), campaign.when(10), day.when(1)) <= NOW + timedelta(hours=1)


# An edit


def test_a_spent_day_is_no_lost_wake_up(user: User, carrier: CarrierInMemory, clock: Clock) -> None:
    unpaced()
    Brand.objects.update(segments_a_day=1)
    everybody_writes(colleagues(user, 3), 2)
    assert run(clock) == NOW + timedelta(hours=1)
    for _sweep in range(3):
        assert find_forgotten(clock.forward(5)) == 0


def test_a_long_line_of_a_campaign_is_no_lost_wake_up(user: User, carrier: CarrierInMemory, clock: Clock) -> None:
    unpaced()
    Campaign.objects.update(segments_a_minute=1)
    for each in colleagues(user, 12):
        write(each, "x" * 1500)
    run(clock)
    assert SendingNumber.objects.filter(next_due_at=NOW + timedelta(hours=1)).count() == 6
    assert find_forgotten(clock.forward(5)) == 0


@pytest.mark.parametrize(
    "edit",
    [(Brand, "segments_a_day", 1), (Campaign, "segments_a_minute", 1), (CarrierAccount, "texts_a_second", 0.001)],
)
def test_an_edited_limit_counts_at_once(
    user: User, stranger: User, carrier: CarrierInMemory, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any, edit: tuple[Any, str, float],
) -> None:  # fmt: skip
    model, limit, spent = edit
    unpaced()
    monkeypatch.setattr("messaging.clock.database_now", clock)
    model.objects.update(**{limit: spent})
    everybody_writes([user], 3)
    run(clock)
    assert len(carrier.taken) == 1
    row = model.objects.filter(**({} if model is CarrierAccount else {"organization": user.organization})).get()
    with django_capture_on_commit_callbacks(execute=True):
        row.save(update_fields=["name"] if model is not Brand else ["legal_name"])
    assert clock() < (SendingNumber.objects.get(number=user.primary_number).next_due_at or NOW)
    setattr(row, limit, 100)
    clock.forward(1)
    with django_capture_on_commit_callbacks(execute=True):
        row.save()
    idle = SendingNumber.objects.get(number=stranger.primary_number)
    assert (SendingNumber.objects.get(number=user.primary_number).next_due_at, idle.next_due_at) == (clock(), None)
    clock.forward(2)
    run(clock)
    assert len(carrier.taken) == 3


@pytest.mark.parametrize("model", [CarrierAccount, Campaign])
def test_a_worker_that_read_the_clock_before_a_faster_one_fills_nothing_twice(user: User, model: Any) -> None:
    """It waits for the row, and then is the one who writes it: not back to a time that was used already."""
    number = SendingNumber.objects.select_related("number").get(number__user=user)
    account, campaign = number.carrier_account_id, number.number.campaign_id
    if model is CarrierAccount:
        sharing = Sharing(account, 10.0, None, None, None, None)
    else:
        sharing = Sharing(account, None, campaign, 600, None, None)
    went = 0
    for seconds in (0.0, 2.0, 1.0, 2.0, 1.0, 2.0):
        shared = paces.locked([sharing], NOW + timedelta(seconds=seconds))
        while shared.may_go(sharing, 1):
            went += 1
        shared.write()
    assert went <= 10 + 2 * 10


def test_a_clock_that_was_set_back_stops_no_account(user: User) -> None:
    account = SendingNumber.objects.get(number__user=user).carrier_account_id
    sharing = Sharing(account, 10.0, None, None, None, None)
    for seconds in (3600.0, 0.0, 1.0):
        shared = paces.locked([sharing], NOW + timedelta(seconds=seconds))
        while shared.may_go(sharing, 1):
            pass
        shared.write()
    assert paces.locked([sharing], NOW + timedelta(seconds=2)).may_go(sharing, 1)


def test_a_day_that_a_faster_worker_began_goes_on(user: User) -> None:
    campaign = Campaign.objects.select_related("brand").get(organization=user.organization)
    account = SendingNumber.objects.get(number__user=user).carrier_account_id
    sharing = Sharing(account, None, None, None, campaign.brand_id, 10)
    midnight = paces.next_day(NOW)
    moment = timedelta(milliseconds=10)
    went = 0
    for now in (midnight + moment, midnight - moment, midnight + 2 * moment):
        shared = paces.locked([sharing], now)
        while shared.may_go(sharing, 1):
            went += 1
        shared.write()
    assert went == 10
