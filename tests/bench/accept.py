"""Accepting texts: one a request of the API, beside the bare statements that an honest accept needs (bare_accept.py).

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python -m tests.bench.accept [--texts 4000] [--rounds 5]

Both by the same number of processes, interleaved, until the last text is committed and answered, on a table that only
has the texts of the past: what is planned once a connection would be planned for a table that was found empty, and read
it whole until Postgres looks again.

plain   one psycopg2 connection a process, which executes them: what the gate compares with
planned the same, prepared once a connection: the harder comparison
ours    gunicorn with as many workers, threads and kept-alive connections as in production (four a worker); every check,
        limit, count and wake-up on, every text with an Idempotency-Key. The clients share the machine.

After each round: every text is there once, and places in conversations have no gap.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench.common import Processes, analyze, conditions, get, on_demand, row, surroundings, until
from tests.bench.history import add_history

GATE = 0.35
WARM_UP = 1_000
"""Texts before the first round: every thread of the web processes has then made its statements and its connection."""
PEOPLE = 10
"""Conversations a user has."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=4_000)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4, help="Of a web process, and kept-alive connections to it.")
    parser.add_argument("--only", choices=["ours", "plain", "planned"])
    parser.add_argument("--history", type=int, default=10_000, help="Texts that were delivered in the last 400 days.")
    parser.add_argument("--on-demand", action="store_true", help="flat.py runs this: a round of ours a line read.")
    parser.add_argument("--json", type=Path, help="Keep the figures here.")
    options = parser.parse_args()
    with surroundings(), Processes() as processes:
        found = _measured(options, processes)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0 if found["passed"] else 1


def _measured(options: argparse.Namespace, processes: Processes) -> dict[str, Any]:
    work = Path(os.environ["HUB_DATA"]) / "work.json"
    tokens = _fill(options.users)
    past = options.history // (options.users * PEOPLE)
    add_history(past)
    analyze()
    address = processes.web(
        "--workers", str(options.processes), "--worker-class", "gthread", "--threads", str(options.threads)
    )  # fmt: skip
    until(lambda: get(f"{address}/readyz"))
    rates: dict[str, list[float]] = defaultdict(list)

    def accepted(kind: str, texts: int, name: str) -> float:
        work.write_text(json.dumps(_texts(tokens, texts, f"{kind} {name}")))
        _lay_out(past)
        took = _took(_commands(kind, work, address, options))
        _check(texts, past)
        return took

    def measure(kind: str) -> float:
        before = processes.processor_seconds()
        took = accepted(kind, options.texts, str(len(rates[kind])))
        after = processes.processor_seconds()
        rates[kind].append(options.texts / took)
        used = {name: round(spent - before[name], 1) for name, spent in after.items()}
        print(
            f"  round {len(rates[kind])} {kind:<8}{rates[kind][-1]:8.0f}/s  CPU s {used}", file=sys.stderr, flush=True
        )
        return rates[kind][-1]

    accepted("ours", WARM_UP, "warm-up")
    if options.on_demand:
        return on_demand(lambda: measure("ours"))
    kinds = [options.only] if options.only else ["plain", "planned", "ours"]
    for _round in range(options.rounds):
        for kind in kinds:
            measure(kind)
    shares = {
        kind: [ours / bare for ours, bare in zip(rates["ours"], rates[kind], strict=False)]
        for kind in ("plain", "planned")
    }
    for kind in kinds:
        print(row(f"{kind}, texts/s", rates[kind]))
    if options.only:
        return {"rates": rates, "conditions": conditions(), "passed": True}
    for kind, found in shares.items():
        print(row(f"ours / {kind}", found))
    return {
        "rates": rates, "shares": shares, "processes": options.processes, "conditions": conditions(),
        "passed": statistics.median(shares["plain"]) >= GATE,
    }  # fmt: skip


def _fill(users: int) -> list[str]:
    """Users of four organizations with a token each, and their conversations."""
    from datetime import timedelta

    from django.db import connection
    from django.utils import timezone

    from messaging.models import Conversation, SendingNumber
    from provisioning.changes import Actor
    from provisioning.models import Campaign, User
    from provisioning.tokens import issue
    from tests.factories import OrganizationFactory, texting_user

    organizations = [OrganizationFactory() for _ in range(4)]
    for place in range(users):
        texting_user(organizations[place % 4])
    Campaign.objects.update(number_pool=True)
    SendingNumber.objects.update(texts_a_day=1_000_000)
    actor, now = Actor(user_id=None, label="bench", via="command"), timezone.now()
    people = list(User.objects.filter(primary_number__isnull=False).select_related("primary_number"))
    tokens = [
        issue(user, name="bench", scopes=["messages:write"], expires_at=now + timedelta(days=1), actor=actor)[1]
        for user in people
    ]
    Conversation.objects.bulk_create(
        Conversation(
            organization_id=user.organization_id, user=user, number=user.primary_number,
            own_e164=user.primary_number.e164, counterpart=_person(place), changed_at=now,
        )
        for user in people
        for place in range(PEOPLE)
    )  # fmt: skip
    connection.close()
    return tokens


def _person(place: int) -> str:
    return f"+1206{2_000_000 + place}"


def _texts(tokens: list[str], texts: int, round_: str) -> list[tuple[str, str, str, str]]:
    """Token, person, words, key: users take turns, as their clients would."""
    return [
        (
            tokens[place % len(tokens)], _person(place // len(tokens) % PEOPLE),
            f"Order {place} is ready for pick-up at the front desk.", f"{round_} {place}",
        )
        for place in range(texts)
    ]  # fmt: skip


def _lay_out(past: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_conversation SET last_message_id = NULL, last_seq = %s", [past])
        cursor.execute("DELETE FROM messaging_message WHERE status = 'queued'")
        cursor.execute("DELETE FROM messaging_dailycount")
        cursor.execute("DELETE FROM messaging_sametext")
        for table in ("message", "conversation", "sendingnumber", "dailycount", "sametext"):
            cursor.execute(f"VACUUM ANALYZE messaging_{table}")
        cursor.execute("CHECKPOINT")
    connection.close()


def _commands(kind: str, work: Path, address: str, options: argparse.Namespace) -> list[list[str]]:
    processes = options.processes
    if kind != "ours":
        return [["tests.bench.bare_accept", str(work), str(place), str(processes), kind] for place in range(processes)]
    web = urlsplit(address)
    return [["tests.bench.api_clients", str(work), str(processes * options.threads), str(web.hostname), str(web.port)]]


def _took(commands: list[list[str]]) -> float:
    """Seconds from the word to go, given when all are ready, until all are done."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([sys.executable, "-m", *command], **pipes) for command in commands]
    assert all(process.stdout.readline() == "ready\n" for process in running), "it does not start"
    began = time.monotonic()
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert all(process.stdout.readline() == "done\n" for process in running), "it failed"
    took = time.monotonic() - began
    assert all(process.wait() == 0 for process in running)
    return took


def _check(texts: int, past: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT idempotency_key), count(DISTINCT (conversation_id, seq)), min(seq)"
            " FROM messaging_message WHERE status = 'queued'"
        )
        assert cursor.fetchone() == (texts, texts, texts, past + 1)
        cursor.execute(
            "SELECT count(*) FROM (SELECT conversation_id FROM messaging_message WHERE status = 'queued'"
            " GROUP BY conversation_id HAVING max(seq) <> count(*) + %s) AS gaps",
            [past],
        )
        assert cursor.fetchone() == (0,), "a place is missing"
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
