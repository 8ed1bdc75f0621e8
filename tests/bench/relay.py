"""The drain of texts that wait: the hub's relay beside a naive one, in one run, on Postgres and Redis.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python -m tests.bench.relay [--texts 20000] [--rounds 5]
    ... --delay-ms 20 --connections 20      how much of what the connections allow is used, against a slow carrier
    ... --idle                              from an API request to the carrier having the text, one at a time
    ... --history 5000000 --on-demand       flat.py runs this: texts of the past in the same table, a round a line read

Both drain the same texts of the same numbers through the same carrier (fast_carrier.py), whose receipts come to the
same web process (gunicorn). Rates count until the last receipt is applied. What is compared:

naive   tests/bench/naive.py: one Celery task a text, two processes, the HTTP session kept alive
ours    Celery's relay worker, two processes: order, policy, timeouts, retries, exchange log, every receipt stored

After each round: every text delivered, taken exactly once, and (ours) in order within its conversation.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tests.bench.common import Processes, analyze, broker, conditions, get, on_demand, post, row, surroundings, until
from tests.bench.history import add_history
from tests.simulator.process import free_port

SECRET, API_KEY = "bench", "bench"
WARMING_UP = 10
GATE, GATE_OF_CONNECTIONS, GATE_OF_IDLE_MS = 10.0, 0.8, 50.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--numbers", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--connections", type=int, default=0)
    parser.add_argument("--only", choices=["ours", "naive"])
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--history", type=int, default=0, help="Texts that were delivered in the last 400 days.")
    parser.add_argument("--on-demand", action="store_true")
    parser.add_argument("--json", type=Path, help="Keep the figures here.")
    options = parser.parse_args()
    if options.connections:
        os.environ["BENCH_CONNECTIONS"] = str(options.connections)
    with surroundings(), Processes() as processes:
        stage = Stage(options, processes)
        found = stage.measured()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0 if found["passed"] else 1


class Stage:
    """Carrier, web process, workers, and the texts that they drain."""

    def __init__(self, options: argparse.Namespace, processes: Processes) -> None:
        self.options = options
        self.processes = processes
        self.carrier_url = f"http://127.0.0.1:{(port := free_port())}"
        processes.start("carrier", "-m", "tests.bench.fast_carrier", str(port), str(options.delay_ms), SECRET)
        self.hub_url = processes.web("--threads", "2")
        os.environ |= {
            "NAIVE_CARRIER": f"{self.carrier_url}/v1/messages", "NAIVE_WEBHOOK": f"{self.hub_url}/webhooks/naive/",
        }  # fmt: skip
        celery = ("-m", "celery", "-A")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR")
        if options.only != "ours" and not options.idle and not options.delay_ms:
            processes.start("naive", *celery, "tests.bench.naive", "worker", "-Q", "naive", "-c", "2", *quiet)
        if options.only != "naive":
            one_or_two = "1" if options.delay_ms or options.idle else "2"
            processes.start("ours", *celery, "tests.bench.worker", "worker", "-Q", "relay", "-c", one_or_two, *quiet)
        _fill(self.carrier_url, options.numbers, options.texts, options.history)
        until(lambda: get(f"{self.carrier_url}/count") and get(f"{self.hub_url}/readyz"))

    def measured(self) -> dict[str, Any]:
        if self.options.on_demand:
            return on_demand(lambda: self._drained("ours", 0))
        return self.idle() if self.options.idle else self.of_connections() if self.options.delay_ms else self.compared()

    def compared(self) -> dict[str, Any]:
        kinds = [self.options.only] if self.options.only else ["naive", "ours"]
        rates: dict[str, list[float]] = defaultdict(list)
        for place in range(self.options.rounds):
            for kind in kinds:
                rates[kind].append(self._drained(kind, place))
        ratios = [ours / naive for ours, naive in zip(rates["ours"], rates["naive"], strict=False)]
        for kind in kinds:
            print(row(f"{kind}, texts/s", rates[kind]))
        if ratios:
            print(row("ours / naive", ratios))
        return {
            "rates": rates, "ratios": ratios, "conditions": conditions(),
            "passed": not ratios or statistics.median(ratios) >= GATE,
        }  # fmt: skip

    def of_connections(self) -> dict[str, Any]:
        connections, delay = self.options.connections or 100, self.options.delay_ms / 1000
        most = connections / delay
        shares = [self._drained("ours", place, status="sent") / most for place in range(self.options.rounds)]
        print(row(f"{connections} connections, {self.options.delay_ms:g} ms: share of {most:.0f}/s", shares))
        return {
            "shares": shares, "connections": connections, "delay_ms": self.options.delay_ms,
            "conditions": conditions(), "passed": statistics.median(shares) >= GATE_OF_CONNECTIONS,
        }  # fmt: skip

    def _drained(self, kind: str, place: int, status: str = "delivered") -> float:
        """Texts a second until the last one's receipt is applied (or the last one is sent)."""
        texts = self.options.texts
        _lay_out()
        post(f"{self.carrier_url}/forget")
        if kind == "naive":
            _queue_naively()
        before = self.processes.processor_seconds()
        began = time.monotonic()
        broker().rename("held", "naive") if kind == "naive" else _wake()
        until(lambda: get(f"{self.carrier_url}/count")["taken"] >= texts, 900)
        taken = time.monotonic() - began
        until(lambda: _is_over(status), 300)
        took = time.monotonic() - began
        used = {name: round(spent - before[name], 1) for name, spent in self.processes.processor_seconds().items()}
        self._check(kind)
        told = f"  round {place + 1} {kind:<6}{texts / took:8.0f}/s  taken after {taken:.1f} s, over after {took:.1f} s"
        print(f"{told}, CPU s {used}", file=sys.stderr, flush=True)
        return texts / took

    def _check(self, kind: str) -> None:
        ledger = get(f"{self.carrier_url}/ledger")["taken"]
        references = [reference for reference, _to in ledger]
        assert Counter(references).most_common(1)[0][1] == 1, "a text was taken twice"
        assert len(references) == self.options.texts, len(references)
        if kind == "ours":
            places = _places()
            lines: dict[str, list[int]] = defaultdict(list)
            for reference, to in ledger:
                lines[to].append(places[reference])
            assert all(line == sorted(line) for line in lines.values()), "texts overtook each other"

    def idle(self) -> dict[str, Any]:
        """Milliseconds from before the API request until the carrier has the text, after a few that warm up."""
        from messaging.models import Message

        Message.objects.all().delete()
        token, waits = _token(), []
        for place in range(-WARMING_UP, 200):
            post(f"{self.carrier_url}/forget")
            body = json.dumps({"to": f"+1312{3_000_000 + place}", "body": "Your order is ready."}).encode()
            began = time.monotonic()
            post(f"{self.hub_url}/api/v1/messages", body, {"Authorization": f"Bearer {token}"})
            until(lambda: get(f"{self.carrier_url}/count")["taken"] == 1, pause=0.0005)
            if place >= 0:
                waits.append((time.monotonic() - began) * 1000)
            time.sleep(0.05)
        print(row("API request to carrier, ms", waits))
        return {"waits": waits, "conditions": conditions(), "passed": statistics.median(waits) < GATE_OF_IDLE_MS}


def _fill(carrier_url: str, numbers: int, texts: int, history: int) -> None:
    """Numbers of four organizations, two texts to each person after those of the past; kept to begin rounds with."""
    from django.db import connection
    from django.utils import timezone

    from messaging.models import Conversation, Message, SendingNumber
    from provisioning import vault
    from provisioning.models import Campaign, PhoneNumber
    from tests.factories import CarrierAccountFactory, OrganizationFactory, texting_user

    sealed = vault.seal({"api_key": API_KEY, "webhook_secret": SECRET})
    CarrierAccountFactory(base_url=carrier_url, sealed_credentials=sealed)
    organizations = [OrganizationFactory() for _ in range(4)]
    for place in range(numbers):
        texting_user(organizations[place % 4])
    Campaign.objects.update(number_pool=True)
    SendingNumber.objects.update(texts_a_minute=1e9, burst=1_000_000, texts_a_day=1_000_000)
    own, now = list(PhoneNumber.objects.order_by("pk")), timezone.now()
    past = history // (texts // 2)
    conversations = [
        _conversation(Conversation, own[place % len(own)], place, past + 2, now) for place in range(texts // 2)
    ]
    Conversation.objects.bulk_create(conversations, batch_size=2000)
    waiting = [_text(Message, one, past + seq, now) for seq in (1, 2) for one in conversations]
    Message.objects.bulk_create(waiting, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept_messages AS SELECT * FROM messaging_message")
        cursor.execute("ALTER TABLE kept_messages ADD PRIMARY KEY (id)")
    add_history(past)
    analyze()


def _conversation(model: Any, number: Any, place: int, last_seq: int, now: Any) -> Any:
    return model(
        organization_id=number.organization_id, user_id=number.user_id, number=number, own_e164=number.e164,
        counterpart=f"+1206{2_000_000 + place}", changed_at=now, last_seq=last_seq,
    )  # fmt: skip


def _text(model: Any, conversation: Any, seq: int, now: Any) -> Any:
    return model(
        organization_id=conversation.organization_id, user_id=conversation.user_id, number_id=conversation.number_id,
        conversation=conversation, seq=seq, direction="out", own_e164=conversation.own_e164,
        counterpart=conversation.counterpart, body="Your sample kit is ready for pick-up.", search_text="",
        encoding="gsm7", segments=1, status="queued", accepted_at=now, due_at=now,
    )  # fmt: skip


def _lay_out() -> None:
    """The texts as they were before the first round."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_conversation SET last_message_id = NULL WHERE last_message_id IS NOT NULL")
        cursor.execute("TRUNCATE messaging_receipt, messaging_exchange, messaging_outcomedelta, messaging_carrierbatch")
        cursor.execute("DELETE FROM messaging_message WHERE id IN (SELECT id FROM kept_messages)")
        cursor.execute(
            "UPDATE kept_messages SET accepted_at = now(), due_at = now(); "
            "INSERT INTO messaging_message SELECT * FROM kept_messages; "
            "UPDATE messaging_sendingnumber SET next_due_at = now(), backlog = false, tokens_at = NULL"
        )
        for table in ("messaging_message", "messaging_conversation", "messaging_sendingnumber", "messaging_receipt"):
            cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("CHECKPOINT")
    connection.close()


def _queue_naively() -> None:
    from messaging.models import Message
    from tests.bench.naive import send

    for text_id in Message.objects.order_by("due_at", "seq").values_list("pk", flat=True):
        send.apply_async((str(text_id),), queue="held")


def _wake() -> None:
    from messaging import wakeups

    wakeups._wake("wake", 1)


def _is_over(status: str) -> bool:
    from django.db import connection

    time.sleep(0.05)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM kept_messages JOIN messaging_message USING (id)"
            " WHERE messaging_message.status NOT IN (%s, 'delivered'))",
            [status],
        )
        return not cursor.fetchone()[0]


def _places() -> dict[str, int]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT id, seq FROM kept_messages")
        return {str(pk): seq for pk, seq in cursor.fetchall()}


def _token() -> str:
    from datetime import timedelta

    from django.utils import timezone

    from provisioning.changes import Actor
    from provisioning.models import User
    from provisioning.tokens import issue

    user = User.objects.filter(primary_number__isnull=False)[0]
    actor, until = Actor(user_id=None, label="bench", via="command"), timezone.now() + timedelta(days=1)
    return issue(user, name="bench", scopes=["messages:write"], expires_at=until, actor=actor)[1]


if __name__ == "__main__":
    sys.exit(main())
