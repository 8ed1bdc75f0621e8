"""Real transactions in real threads: two workers, a STOP that races a batch, requests that arrive together."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from messaging import departures, leases, optouts, relay, states
from messaging.carriers.base import Accepted
from messaging.compose import compose
from messaging.models import CarrierAccount, Conversation, DailyCount, Message, OptOut, SendingNumber
from messaging.models.messages import Status
from messaging.relay import Relay
from provisioning.models import Brand, Campaign, User
from provisioning.refusals import Refusal
from tests.factories import NOW, texting_user
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier

__all__ = ["carrier"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("database_of_threads")]
PERSON = "+12065550122"


@pytest.fixture
def database_of_threads(transactional_db: Any, tmp_path: Path) -> Iterator[None]:
    """Threads share an in-memory SQLite in a way that no installation does: here it is a file, as in `./hub up`."""
    if connection.vendor != "sqlite":
        yield
        return
    in_memory, name = connection.connection, connection.settings_dict["NAME"]
    with closing(sqlite3.connect(tmp_path / "hub.sqlite3")) as file:
        in_memory.backup(file)
    connection.connection, connection.settings_dict["NAME"] = None, str(tmp_path / "hub.sqlite3")
    yield
    connection.close()
    connection.connection, connection.settings_dict["NAME"] = in_memory, name


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run all of them in threads of their own, started together; what each returned or raised."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            gate.wait()
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def worker() -> None:
    with Relay(lambda: NOW, connections=7) as one:
        one.run()


def few_at_a_time(now: datetime = NOW) -> None:
    with Relay(lambda: now, connections=2) as one:
        one.run()


def write(user: User, body: str = "Hello", to: str = PERSON, **options: Any) -> Message:
    return compose(user=user, to=to, body=body, now=NOW, **options).message


def unpaced() -> None:
    SendingNumber.objects.update(texts_a_minute=1_000_000, burst=1000, tokens=1000)


def test_several_workers_never_send_a_text_twice_and_keep_the_order(user: User, carrier: CarrierInMemory) -> None:
    users = [user, *(texting_user(user.organization) for _ in range(4))]
    unpaced()
    for place in range(6):
        for each in users:
            for person in range(3):
                write(each, f"{place}", to=f"+1206555000{person}")
    assert at_once(worker, worker, worker) == [None] * 3
    worker()
    assert carrier.twice == []
    assert len(carrier.taken) == Message.objects.filter(status="sent").count() == 90
    lines: dict[tuple[str, str], list[str]] = {}
    for text in carrier.taken:
        lines.setdefault((text.own_e164, text.counterpart), []).append(text.body)
    assert set(map(tuple, lines.values())) == {("0", "1", "2", "3", "4", "5")}


def test_pacing_is_exact_across_workers(user: User, carrier: CarrierInMemory) -> None:
    for person in range(20):
        write(user, to=f"+120655500{person:02d}")
    at_once(worker, worker, worker)
    assert len(carrier.taken) == 6


SHARED: list[tuple[Any, dict[str, float], int]] = [
    (Campaign, {"segments_a_minute": 15}, 10),
    (Campaign, {"segments_a_minute": 6}, 6),
    (Brand, {"segments_a_day": 7}, 7),
    (CarrierAccount, {"texts_a_second": 5}, 5),
]
"""A limit, and how many texts of one segment it lets go at one moment."""


@pytest.mark.parametrize(("model", "limit", "goes"), SHARED, ids=str)
def test_what_numbers_share_is_exact_across_workers(
    user: User, carrier: CarrierInMemory, model: Any, limit: dict[str, float], goes: int
) -> None:
    """More numbers than a worker takes at a time, so that each of them is busy with numbers of its own."""
    unpaced()
    model.objects.update(**limit)
    users = [user, *(texting_user(user.organization) for _ in range(11))]
    for each in users:
        for person in range(3):
            write(each, to=f"+1206555000{person}")
    for _round in range(3):
        assert at_once(*[few_at_a_time] * 4) == [None] * 4
        assert len(carrier.taken) == goes
        SendingNumber.objects.update(next_due_at=NOW)
    assert carrier.twice == []
    assert Message.objects.filter(status="sent").count() == goes


def test_a_shared_minute_is_exact_across_workers_as_it_goes_by(user: User, carrier: CarrierInMemory) -> None:
    unpaced()
    Campaign.objects.update(segments_a_minute=15)
    for each in [user, *(texting_user(user.organization) for _ in range(5))]:
        for person in range(8):
            write(each, to=f"+1206555000{person}")
    few_at_a_time()
    assert len(carrier.taken) == 10
    for second, goes in ((4, 11), (20, 15), (60, 15), (62, 25), (82, 30)):
        SendingNumber.objects.update(next_due_at=NOW)
        at_once(*[lambda second=second: few_at_a_time(NOW + timedelta(seconds=second))] * 4)
        assert (second, len(carrier.taken)) == (second, goes)


def test_of_two_workers_with_one_lease_one_sends(user: User) -> None:
    text = write(user)
    lease = leases.take(NOW, 10)
    assert lease is not None
    gone = at_once(*[lambda: departures.dispatch(lease, NOW)] * 2)
    assert sorted(len(each) for each in gone) == [0, 1]
    text.refresh_from_db()
    assert (text.status, text.attempts) == ("sending", 1)


def test_two_workers_never_lease_the_same_text(user: User) -> None:
    for person in range(6):
        write(user, to=f"+1206555000{person}")
    SendingNumber.objects.update(next_due_at=NOW)
    taken = [lease.message_ids for lease in at_once(*[lambda: leases.take(NOW, 10)] * 3) if lease]
    assert Counter(pk for ids in taken for pk in ids).most_common(1)[0][1] == 1


def test_a_stop_that_races_a_batch_loses_only_to_a_dispatch_that_began_before(
    user: User, carrier: CarrierInMemory
) -> None:
    """Whoever commits first decides; nothing is both sent and blocked, and nothing goes after the STOP."""
    unpaced()
    for _round in range(8):
        text = write(user, f"{_round}")
        lease = leases.take(NOW, 10)
        assert lease is not None
        departed, _ = at_once(
            lambda lease=lease: departures.dispatch(lease, NOW),
            lambda: optouts.opt_out(user.primary_number, PERSON, "stop", NOW),
        )
        text.refresh_from_db()
        assert text.status == ("sending" if departed else "blocked")
        assert OptOut.objects.filter(lifted_at=None).count() == 1
        optouts.opt_in(user.primary_number, PERSON, "start", NOW)
        Message.objects.update(status="sent")


def test_a_text_composed_while_a_stop_commits_does_not_go(user: User, carrier: CarrierInMemory) -> None:
    unpaced()
    for _round in range(5):
        composed, _ = at_once(lambda: write(user), lambda: optouts.opt_out(user.primary_number, PERSON, "stop", NOW))
        assert isinstance(composed, (Message, Refusal))
        worker()
        assert carrier.tried == []
        optouts.opt_in(user.primary_number, PERSON, "start", NOW)


def test_a_due_time_set_while_the_number_is_looked_at_is_not_lost(user: User, carrier: CarrierInMemory) -> None:
    unpaced()
    for person in range(10):
        at_once(worker, lambda person=person: write(user, to=f"+1206555000{person}"))
    worker()
    assert len(carrier.taken) == 10


def test_texts_written_at_once_get_places_of_their_own_in_one_conversation(user: User) -> None:
    results = at_once(*[lambda: write(user)] * 6)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert sorted(text.seq or 0 for text in results) == [1, 2, 3, 4, 5, 6]
    assert Conversation.objects.get().last_seq == 6
    assert DailyCount.objects.get().accepted == 6


def test_one_request_made_twice_at_once_makes_one_text(user: User) -> None:
    results = at_once(*[lambda: compose(user=user, to=PERSON, body="Hi", idempotency_key="k", now=NOW)] * 4)
    assert len({result.message.pk for result in results}) == 1
    assert sorted(result.replayed for result in results) == [False, True, True, True]
    assert DailyCount.objects.get().accepted == 1


def test_one_key_for_two_texts_at_once_is_one_text_and_one_conflict(user: User) -> None:
    first, second = at_once(
        *(
            lambda person=person: compose(user=user, to=person, body="Hi", idempotency_key="k", now=NOW)
            for person in ("+12065550101", "+12065550102")
        )
    )
    kinds = sorted(type(result).__name__ for result in (first, second))
    assert kinds == ["Composed", "Refusal"]
    assert Message.objects.count() == DailyCount.objects.get().accepted == 1


def test_the_daily_limit_is_exact_for_requests_at_once(user: User) -> None:
    SendingNumber.objects.update(texts_a_day=3)
    at_once(*(lambda person=person: write(user, to=f"+1206555000{person}") for person in range(8)))
    assert Message.objects.filter(status="queued").count() == 3
    assert Message.objects.filter(status="blocked", reason="daily_limit").count() == 5


def test_relay_and_receipts_at_once_end_in_the_receipts_status(user: User, carrier: CarrierInMemory) -> None:
    unpaced()
    for _round in range(5):
        text = write(user, to=f"+1206555000{_round}")
        lease = leases.take(NOW, 10)
        assert lease is not None
        (departure,) = departures.dispatch(lease, NOW)
        outcome = relay.Outcome(departure, Accepted("c-1"))
        facts = [states.Fact(Status.DELIVERED, NOW, receipt_id=text.pk), states.Fact(Status.SENT, NOW)]
        at_once(
            lambda outcome=outcome: relay.settle([outcome], NOW),
            *(lambda fact=fact, text=text: states.advance(text.pk, fact, now=NOW) for fact in facts * 3),
        )
        text.refresh_from_db()
        assert (text.status, text.carrier_message_id) == ("delivered", "c-1")
