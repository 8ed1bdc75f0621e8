"""Workers that are killed or stopped between any two of their commits."""

from __future__ import annotations

import pytest

from messaging.models import Message
from tests.faults.checker import check
from tests.faults.house import AFTER_LEASE, AFTER_SENDING, BEFORE_COMMIT, House, until
from tests.faults.matrix import row

OTHER = "+12065550123"


@row("killed_after_the_lease")
def test_killed_after_the_lease(house: House) -> None:
    (user,) = house.users(1)
    texts = [*house.write_many(["one", "two", "three"], user), house.write(user, "other", OTHER)]
    worker = house.waiting_at(AFTER_LEASE)
    leased = Message.objects.exclude(lease_token=None)
    assert leased.count() == 2, "the head of each conversation"
    worker.kill()
    assert house.carrier.attempts() == []
    check(house)
    assert house.statuses(texts) == ["sent"] * 4


@row("killed_before_a_byte")
def test_killed_before_a_byte(house: House) -> None:
    (user,) = house.users(1)
    first, behind = house.write_many(["first", "behind"], user)
    worker = house.waiting_at(AFTER_SENDING)
    assert house.status(first) == "sending"
    worker.kill()
    check(house)
    assert house.statuses([first, behind]) == ["unconfirmed", "sent"]
    assert [line["body"] for line in house.carrier.attempts()] == ["behind"]


@row("killed_before_our_commit")
def test_killed_before_our_commit(house: House) -> None:
    (user,) = house.users(1)
    house.open_web()
    heard, unheard = house.write(user, "heard"), house.write(user, "unheard", OTHER)
    behind = house.write(user, "behind")
    worker = house.waiting_at(BEFORE_COMMIT)
    until(lambda: len(house.carrier.ledger()) == 2, "the carrier took both")
    worker.kill()
    assert house.statuses([heard, unheard]) == ["sending"] * 2
    check(house)
    assert house.statuses([heard, unheard, behind]) == ["unconfirmed", "unconfirmed", "sent"]
    assert house.receipt(heard, "delivered") == 200
    check(house)
    assert house.statuses([heard, unheard]) == ["delivered", "unconfirmed"]


@row("paused_past_the_lease")
@pytest.mark.parametrize(
    ("point", "meanwhile", "attempts", "finally_"),
    [(AFTER_LEASE, "sent", 1, "sent"), (AFTER_SENDING, "unconfirmed", 0, "unconfirmed"),
     (BEFORE_COMMIT, "unconfirmed", 1, "sent")],
)  # fmt: skip
def test_paused_past_the_lease(house: House, point: str, meanwhile: str, attempts: int, finally_: str) -> None:
    (user,) = house.users(1)
    text = house.write(user)
    asleep = house.waiting_at(point)
    asleep.stop()
    asleep.go_on(point)
    house.relay()
    house.becomes(text, meanwhile)
    asleep.resume()
    until(lambda: asleep.sweeps() > 0, "the worker that woke up has ended its run")
    check(house)
    assert (house.status(text), len(house.carrier.attempts())) == (finally_, attempts)
