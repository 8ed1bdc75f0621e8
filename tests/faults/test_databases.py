"""A database that goes away, is locked, refuses a row, or has no room."""

from __future__ import annotations

from django.db import connection

from messaging.models import Message
from tests.faults import obstacles
from tests.faults.broker import Broker
from tests.faults.checker import check
from tests.faults.house import BEFORE_COMMIT, IN_DISPATCH, House, Process, until
from tests.faults.matrix import row
from tests.faults.sender import Sender

LOCK_TIMEOUT = 0.3
"""Seconds that a worker waits for SQLite's write lock in here."""
UNHURRIED = {"CARRIER_TIMEOUT_SECONDS": 20, "RELAY_LEASE_SECONDS": 60}


def says(process: Process, *words: str) -> None:
    """Its log has one of these."""
    until(lambda: any(word in process.log.read_text() for word in words), f"the log says {words}", process.log)


@row("database_lost_mid_batch")
def test_database_lost_mid_batch(house: House, broker: Broker) -> None:
    """While 20 texts are on the wire. The worker that had them writes the answers down itself: none is unknown."""
    (user,) = house.users(1)
    for place in range(20):
        house.carrier.script(f"{place}", "take, wait, answer")
    texts = [house.write(user, f"{place}", f"+12065550{place:03d}") for place in range(20)]
    worker = house.start("celery worker", settings=UNHURRIED, lock_timeout=LOCK_TIMEOUT)
    house.start("celery beat")
    until(lambda: len(house.carrier.ledger()) == 20, "all are on the wire", worker.log)
    _lose(house, worker)
    house.all_become(texts, "sent")
    assert worker.lives
    check(house)


@row("database_lost_in_dispatch")
def test_database_lost_in_dispatch(house: House) -> None:
    """All are leased and locked, and `sending` is not written yet. The worker that it happens to goes on by itself."""
    (user,) = house.users(1)
    texts = [house.write(user, f"{place}", f"+12065550{place:03d}") for place in range(20)]
    worker = house.waiting_at(IN_DISPATCH)
    if connection.vendor == "postgresql":
        assert obstacles.end_connections() >= 1
        worker.go_on(IN_DISPATCH)
        says(worker, "OperationalError", "InterfaceError")
        assert worker.lives
    else:
        worker.kill()
    assert house.statuses(texts) == ["queued"] * 20
    assert house.carrier.attempts() == []
    check(house)
    assert house.statuses(texts) == ["sent"] * 20


def _lose(house: House, worker: Process) -> None:
    """The answers come while the database is out of reach."""
    if connection.vendor == "postgresql":
        assert obstacles.end_connections() >= 1
        house.carrier.order("go_on")
        says(worker, "OperationalError", "InterfaceError")
        return
    with obstacles.locked_file():
        house.carrier.order("go_on")
        says(worker, "OperationalError")


@row("poison_row")
def test_poison_row(house: House) -> None:
    (user,) = house.users(1)
    texts = [house.write(user, f"{place}", f"+12065550{place:03d}") for place in range(5)]
    poison, behind = texts[2], house.write(user, "behind", texts[2].counterpart)
    with obstacles.refused_row(poison, "sent"):
        check(house)
    assert house.statuses([poison, behind]) == ["unconfirmed", "sent"]
    others = [text for text in texts if text is not poison]
    assert house.statuses(others) == ["sent"] * 4
    assert house.taken(poison) == 1


@row("disk_full")
def test_disk_full(house: House) -> None:
    sender = Sender(house)
    earlier = sender.send("earlier", "+12065550199")
    check(house)
    text = sender.send("Hello")
    web = house.processes[0]
    worker = house.waiting_at(BEFORE_COMMIT, settings=UNHURRIED)
    with obstacles.full_disk(worker, web):
        worker.go_on(BEFORE_COMMIT)
        says(worker, "OperationalError")
        assert sender.post("no room for this").status_code >= 500
        assert house.receipt(earlier, "delivered") == 503
        assert house.status(text) == "sending"
    house.becomes(text, "sent")
    assert house.receipt(earlier, "delivered") == 200
    check(house)
    assert house.statuses([earlier, text]) == ["delivered", "sent"]
    assert not Message.objects.filter(body="no room for this").exists()
