"""What must hold after every fault. The system is run until it drains; then the carrier's ledger is held against the
database. Each finding is a sentence that begins with its kind: tests/faults/test_checker.py shows that each can appear.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

from messaging.models import Message
from messaging.states import IN_LINE
from tests.faults.house import PATIENCE, House, Process, by_conversation, until

TOOK = ("sent", "delivered", "undelivered")
"""Statuses that say that the carrier has it."""
NOT_TOOK = ("failed", "blocked", "cancelled")
ENDED = (*TOOK, *NOT_TOOK, "unconfirmed")
MOST_NAMED = 5
ROUNDS = 3
"""How often the healthy worker looks once more, and sweeps, after the queue has drained."""


def check(house: House, *, patience: float = PATIENCE) -> None:
    """Run until nothing waits; then nothing may be lost, doubled, overtaken or concealed."""
    found = [*drained(house, patience), *findings(house)]
    assert not found, "\n".join([*found[:20], house.logs()])


def drained(house: House, patience: float) -> list[str]:
    """With a healthy worker, the sweep and the match of orphans, the queue empties, and stays so: nothing is resent."""
    worker = house.relay()
    try:
        stuck = _stuck(patience)
        if stuck:
            return [f"stuck: {named(stuck)} after {patience:.0f} s"]
        return resent(house, worker, len(house.carrier.attempts()))
    finally:
        worker.kill()


def _stuck(patience: float) -> list[uuid.UUID]:
    deadline = time.monotonic() + patience
    in_line = Message.objects.filter(status__in=IN_LINE)
    while in_line.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return list(in_line.values_list("pk", flat=True))


def resent(house: House, worker: Process, before: int) -> list[str]:
    """What reaches the carrier, beyond the first `before` attempts, while the worker looks a few times more."""
    enough = worker.sweeps() + ROUNDS
    until(lambda: worker.sweeps() >= enough, "the worker sweeps", worker.log)
    more = house.carrier.attempts()[before:]
    return [f"resent: {line['reference']} after the queue had drained" for line in more]


def findings(house: House) -> Iterator[str]:
    """Every promise that the ledger and the database show to be broken."""
    statuses = dict(Message.objects.filter(direction="out").values_list("pk", "status"))
    taken = house.carrier.taken()
    for pk in house.accepted:
        if pk not in statuses:
            yield f"lost: {pk} was accepted and is gone"
        elif statuses[pk] not in ENDED:
            yield f"lost: {pk} was accepted and is still {statuses[pk]}"
    for reference, times in taken.items():
        if times > 1:
            yield f"twice: the carrier took {reference} {times} times"
        if uuid.UUID(reference) not in statuses:
            yield f"unknown: the carrier took {reference}, which is no text of ours"
    for pk, status in statuses.items():
        if status in TOOK and not taken[str(pk)]:
            yield f"invented: {pk} is {status}, and the carrier never took it"
        if status in NOT_TOOK and taken[str(pk)]:
            yield f"concealed: {pk} is {status}, and the carrier took it"
    for conversation, order in by_conversation(house).items():
        if order != sorted(order):
            yield f"overtaken: the carrier took {order} of {conversation}"


def named(ids: list[uuid.UUID]) -> str:
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(map(str, ids[:MOST_NAMED])) + more
