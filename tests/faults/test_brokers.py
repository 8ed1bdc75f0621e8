"""Redis gone, emptied, repeating itself: real Celery workers and beats, and a Valkey of the scenario's own."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import Any

import pytest
import redis
from django.db import connection

from tests.faults.broker import Broker
from tests.faults.checker import check
from tests.faults.house import House, Process, until
from tests.faults.matrix import row
from tests.faults.sender import Sender

MOST_SECONDS = 5.0
"""A person does not wait longer than this for a text to be accepted, whatever Redis does."""


def worker(house: House, **options: Any) -> Process:
    """A Celery worker of the relay's queue, once it takes tasks."""
    process = house.start("celery worker", **options)
    until(lambda: " ready." in process.log.read_text(), "the worker is ready", process.log)
    return process


@row("redis_down")
def test_redis_down(house: House, broker: Broker) -> None:
    sender = Sender(house)
    worker(house)
    house.start("celery beat")
    before = sender.send("before")
    house.becomes(before, "sent")
    broker.kill()
    began = time.monotonic()
    texts = [sender.send(f"while it is down {place}") for place in range(3)]
    assert time.monotonic() - began < MOST_SECONDS
    assert house.statuses(texts) == ["queued"] * 3
    broker.start()
    house.all_become(texts, "sent")
    check(house)


@row("redis_flushed")
def test_redis_flushed(house: House, broker: Broker) -> None:
    sender = Sender(house)
    process = worker(house)
    house.start("celery beat")
    before = sender.send("before")
    house.becomes(before, "sent")
    stop_between_transactions(process)
    texts = [sender.send(f"waits {place}") for place in range(3)]
    with redis.Redis.from_url(broker.url) as client:
        client.flushall()
    process.resume()
    house.all_become(texts, "sent")
    check(house)


def stop_between_transactions(process: Process) -> None:
    """Stopped while it writes it would hold its locks for as long: that is another fault than this one."""

    def stopped() -> bool:
        process.stop()
        if nobody_writes():
            return True
        process.resume()
        return False

    until(stopped, "the worker was stopped between two transactions")


def nobody_writes() -> bool:
    if connection.vendor == "sqlite":
        with contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0)) as own:
            try:
                own.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            own.rollback()
            return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND (state = 'active' OR state LIKE 'idle in transaction%')"
        )
        return bool(cursor.fetchone()[0] == 0)


@row("redis_redelivers")
def test_redis_redelivers(house: House, broker: Broker) -> None:
    sender = Sender(house)
    texts = [sender.send(f"{place}", f"+12065550{place % 10:03d}") for place in range(30)]
    with redis.Redis.from_url(broker.url) as client:
        (wake_up,) = client.lrange("relay", 0, -1)
        client.lpush("relay", *[wake_up] * 5)
        workers = [worker(house), worker(house)]
        until(lambda: not client.llen("relay"), "the tasks were taken")
    house.all_become(texts, "sent")
    check(house)
    assert [line["reference"] for line in house.carrier.attempts()].count(str(texts[0].pk)) == 1
    assert any("relay_due" in process.log.read_text() for process in workers)


@row("two_beats")
def test_two_beats(house: House, broker: Broker) -> None:
    """Nobody wakes the relay but the two beats: the flag that a wake-up is under way is set and never sent."""
    sender = Sender(house)
    with redis.Redis.from_url(broker.url) as client:
        client.set("relay:wake", b"1", ex=60)
        beats = [house.start("celery beat") for _ in range(2)]
        worker(house), worker(house)
        texts = [sender.send(f"{place}", f"+12065550{place % 10:03d}") for place in range(30)]
    house.all_become(texts, "sent")
    for beat in beats:
        until(lambda beat=beat: beat.log.read_text().count("Sending due task") >= 2, "both beat", beat.log)
    check(house)


SKEW = 600


@row("worker_off_beats_clock")
@pytest.mark.parametrize("skew", [SKEW, -SKEW])
def test_worker_off_beats_clock(house: House, broker: Broker, skew: int) -> None:
    """Nobody wakes the relay but beat, whose clock is right; the worker's is not, one way or the other."""
    sender = Sender(house)
    with redis.Redis.from_url(broker.url) as client:
        client.set("relay:wake", b"1", ex=60)
        house.start("celery beat")
        worker(house, skew=skew)
        text = sender.send("Hello")
    house.becomes(text, "sent")
    check(house)


@row("pool_killed")
@pytest.mark.parametrize("killed", ["child", "parent and child"])
def test_pool_killed(house: House, broker: Broker, killed: str) -> None:
    """While 20 texts are on the wire and a text waits behind each. The sweep finds what no task tells of any more."""
    house.lease_seconds, house.carrier_timeout = 5, 2
    (user,) = house.users(1)
    for place in range(20):
        house.carrier.script(f"{place}", "take, wait, answer")
    texts = [house.write(user, f"{place}", f"+12065550{place:03d}") for place in range(20)]
    behind = [house.write(user, f"behind {text.body}", text.counterpart) for text in texts]
    house.start("celery beat")
    pool = house.start("celery pool")
    until(lambda: len(house.carrier.ledger()) == 20, "all are on the wire", pool.log)
    if killed == "child":
        pool.kill_children()
    else:
        pool.kill()
        house.start("celery pool")
    house.carrier.order("go_on")
    assert set(house.statuses(texts)) == {"sending"}
    house.all_become(behind, "sent")
    assert set(house.statuses(texts)) == {"unconfirmed"}
    check(house)
    assert pool.lives == (killed == "child")
    assert house.carrier.size() == 40
