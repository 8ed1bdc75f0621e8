"""The fault matrix as data: what is done, what happens, what the sender sees. The README shows this table, and each row
has a test of its name (tests/faults/test_matrix.py holds the three against each other).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. `name` is the test's; the rest is for people."""

    name: str
    fault: str
    happens: str
    sees: str
    long: bool = False
    """Not in CI, only in `python -m tests.faults`."""


ROWS = (
    Row(
        "killed_after_the_lease",
        "Worker killed after it leased texts",
        "The lease runs out; another worker sends them",
        "Queued, then Sent",
    ),
    Row(
        "killed_before_a_byte",
        "Worker killed after `sending` was committed, before a byte",
        "The carrier has nothing, but nobody can know: never resent",
        "Outcome unknown; the person may send again",
    ),
    Row(
        "killed_before_our_commit",
        "Worker killed after the carrier took it, before our commit",
        "Never resent; a receipt still finds it",
        "Outcome unknown; Delivered once the receipt comes",
    ),
    Row(
        "pool_killed",
        "Celery's pool as production runs it killed mid-batch, the child alone or the parent, too",
        "What was on the wire is never resent; a new child, or worker, sends the rest",
        "Outcome unknown; what was behind is Sent",
    ),
    Row(
        "paused_past_the_lease",
        "Worker stopped past its lease at any of these points, and resumed",
        "It lost the lease and sends nothing; an answer that it had still counts",
        "Sent by another worker; Outcome unknown; Sent",
    ),
    Row(
        "orderly_stop",
        "Worker told to stop (SIGTERM) while texts are on the wire and more wait",
        "It waits for their answers, writes them, and leaves the rest in the queue",
        "Sent; Queued, then Sent by the next worker",
    ),
    Row(
        "timeout_taken", "Carrier took it and never answers", "Never resent; the next text goes on", "Outcome unknown"
    ),
    Row(
        "timeout_not_taken",
        "Carrier took nothing and never answers",
        "Looks the same from here: never resent",
        "Outcome unknown",
    ),
    Row("error_500", "500 after the body", "The carrier may have it: never resent", "Outcome unknown"),
    Row(
        "garbage", "200 or 202 with garbage, or a reset", "Not this carrier's yes: never resent", "Outcome unknown"
    ),
    Row(
        "connection_refused",
        "Connection refused",
        "No byte left: back into the queue, tried again after 1, 2, 4 ... 60 seconds",
        "Queued, then Sent",
    ),
    Row(
        "throttled",
        "429 with Retry-After",
        "Tried again when the carrier asked for it; its conversation waits behind it",
        "Queued, then Sent",
    ),
    Row(
        "redis_down",
        "Redis down at compose",
        "Accepted all the same; the sweep finds it when beat and the worker are back",
        "Queued, then Sent",
    ),
    Row(
        "redis_flushed", "Redis flushed", "Wake-ups are lost, texts are not: the sweep finds them", "Queued, then Sent"
    ),
    Row(
        "redis_redelivers",
        "Redis hands one task to two workers",
        "Each text is leased by one of them",
        "Sent",
    ),
    Row("two_beats", "Two beats", "Twice the sweeps, the same texts", "Sent"),
    Row(
        "database_lost_mid_batch",
        "Database connections ended mid-batch (SQLite: locked beyond the timeout)",
        "The worker keeps the answers, and writes them when the database is back",
        "Sending, then Sent",
    ),
    Row(
        "database_lost_in_dispatch",
        "Database connections ended inside the transaction of `sending` (SQLite: the worker killed there)",
        "It is undone, and no byte has left: the lease runs out, and they are sent",
        "Queued, then Sent",
    ),
    Row(
        "poison_row",
        "A row that the database refuses",
        "Written one by one: the others are not held up, and that one lapses",
        "Outcome unknown; the others Sent",
    ),
    Row(
        "disk_full",
        "Disk full (SQLite by a file-size limit; Postgres by its error for it)",
        "Compose and webhooks are refused, answers are kept; all goes on when there is room",
        "An error instead of Queued; Sending, then Sent",
    ),
    Row(
        "receipt_before_our_commit",
        "Receipt before our commit",
        "Found by our id; the higher-ranked fact stays",
        "Delivered",
    ),
    Row("duplicate_receipts", "The same receipt 100 times at once", "Stored once, applied once", "Delivered"),
    Row("delivered_before_sent", "Delivered before sent", "Both times are kept, the higher rank shows", "Delivered"),
    Row("failed_after_delivered", "Failed after delivered", "Failure wins over an earlier success", "Not delivered"),
    Row(
        "unknown_receipt",
        "Receipt for an unknown id",
        "Kept and matched again for 48 hours; moves nothing of others",
        "Nothing; Delivered once it is matched",
    ),
    Row(
        "stop_races_a_batch",
        "STOP racing a batch",
        "What is not on the wire when it commits is never sent",
        "Blocked; what was on the wire is Sent",
    ),
    Row(
        "clock_skew",
        "Clocks of workers and web 10 minutes off, both ways",
        "Leases, pacing and freshness follow the database's clock",
        "Sent",
    ),
    Row(
        "worker_off_beats_clock",
        "The relay's Celery worker 10 minutes off beat's clock, both ways, and no wake-up",
        "Beat's sweeps do not expire by anybody's clock: they find it",
        "Queued, then Sent",
    ),
    Row(
        "restart_with_a_queue",
        "Two workers in a row killed with 2,000 texts queued",
        "What was on the wire is unknown, the rest goes once and in order",
        "Sent; Outcome unknown for those on the wire",
    ),
    Row(
        "restart_with_a_long_queue",
        "The same with 100,000 queued",
        "The same",
        "The same",
        long=True,
    ),
    Row(
        "old_and_new_code",
        "Old and new worker code on one database",
        "They keep to the same leases: each text goes once",
        "Sent",
    ),
    Row(
        "backup_restored",
        "A backup restored that was made while texts were under way",
        "All of those become unknown before anything starts: none is sent",
        "Outcome unknown",
    ),
)  # fmt: skip

TESTED: dict[str, Callable[..., Any]] = {}
"""The test of each row, by name; filled as test modules are imported."""


def row(name: str) -> Callable[[Test], Test]:
    """Marks the test of one row."""
    return rows(name)


def rows(*names: str) -> Callable[[Test], Test]:
    """Marks the test of several rows. A long one is not chosen in CI."""
    (long,) = {known.long for known in ROWS if known.name in names}
    mark = pytest.mark.slow_faults if long else pytest.mark.faults

    def marked(test: Test) -> Test:
        TESTED.update(dict.fromkeys(names, test))
        return mark(test)

    return marked


def table() -> str:
    """As the README shows it."""
    lines = ["| fault | what happens | what the sender sees |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.fault} | {row.happens} | {row.sees} |" for row in ROWS)])
