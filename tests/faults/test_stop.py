"""An orderly stop of the relay's worker, as a deployment or `docker compose stop` asks for it."""

from __future__ import annotations

from collections import Counter

from tests.faults.broker import Broker
from tests.faults.checker import check
from tests.faults.house import House, until
from tests.faults.matrix import row

CONNECTIONS = 100
BEHIND = 50


@row("orderly_stop")
def test_orderly_stop(house: House, broker: Broker) -> None:
    """Of a pool of processes, as production runs it: the signal comes to their parent alone."""
    (user,) = house.users(1)
    bodies = [f"{place}" for place in range(CONNECTIONS + BEHIND)]
    for body in bodies:
        house.carrier.script(body, "take, wait, answer")
    texts = [house.write(user, body, f"+12065550{body:>03}") for body in bodies]
    unhurried = {"RELAY_LEASE_SECONDS": 60, "CARRIER_TIMEOUT_SECONDS": 20}
    worker = house.start("celery worker", pool="prefork", settings=unhurried)
    beat = house.start("celery beat")
    until(lambda: len(house.carrier.ledger()) == CONNECTIONS, "all connections are in use", worker.log)
    worker.end()
    until(lambda: "Warm shutdown" in worker.log.read_text(), "the worker is told", worker.log)
    assert worker.lives, "it waits for what is on the wire"
    house.carrier.order("go_on")
    until(lambda: not worker.lives, "the worker ends", worker.log)
    assert Counter(house.statuses(texts)) == {"sent": CONNECTIONS, "queued": BEHIND}
    beat.kill()
    check(house)
    assert set(house.statuses(texts)) == {"sent"}
