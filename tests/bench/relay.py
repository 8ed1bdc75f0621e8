"""The drain of texts that wait: the hub's relay beside a naive one, in one run, on Postgres and Redis.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python -m tests.bench.relay [--texts 20000] [--rounds 5]
    ... --delay-ms 20 --connections 20      how much of what the connections allow is used, against a slow carrier
    ... --idle                              from an API request to the carrier having the text, one at a time

Both drain the same texts of the same numbers through the same carrier (fast_carrier.py), whose receipts come to the
same web process (gunicorn). Rates count until the last receipt is applied. What is compared:

naive   tests/bench/naive.py: one Celery task a text, two processes, the HTTP session kept alive
ours    Celery's relay worker, two processes: order, policy, timeouts, retries, exchange log, every receipt stored

After each round: every text delivered, taken exactly once, and (ours) in order within its conversation.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.simulator.process import free_port

SECRET, API_KEY = "bench", "bench"
BROKER = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/8")
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
    parser.add_argument("--json", type=Path, help="Keep the figures here.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        os.environ |= {
            "HUB_DATA": folder, "DJANGO_SETTINGS_MODULE": "tests.bench.settings", "LOG_LEVEL": "ERROR",
            "REDIS_URL": BROKER, "NAIVE_BROKER": BROKER, "BROKER_PREFIX": "bench:",
        }  # fmt: skip
        if options.connections:
            os.environ["BENCH_CONNECTIONS"] = str(options.connections)
        with _database():
            found = _run(options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0 if found["passed"] else 1


@contextlib.contextmanager
def _database() -> Iterator[None]:
    import django

    django.setup()
    from django.db import connection

    assert connection.vendor == "postgresql", "The relay is measured on Postgres: set DATABASE_URL."
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    url = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = url.rsplit("/", 1)[0] + f"/{connection.settings_dict['NAME']}"
    try:
        yield
    finally:
        connection.creation.destroy_test_db("", verbosity=0)


def _run(options: argparse.Namespace) -> dict[str, Any]:
    stage = Stage(options)
    try:
        if options.idle:
            return stage.idle()
        if options.delay_ms:
            return stage.of_connections()
        return stage.compared()
    finally:
        stage.close()


class Stage:
    """Carrier, web process, workers, and the texts that they drain."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.carrier_url = f"http://127.0.0.1:{(port := free_port())}"
        self.hub_url = f"http://127.0.0.1:{(web := free_port())}"
        os.environ |= {
            "PUBLIC_URL": self.hub_url, "NAIVE_CARRIER": f"{self.carrier_url}/v1/messages",
            "NAIVE_WEBHOOK": f"{self.hub_url}/naive-receipts/",
        }  # fmt: skip
        _redis().flushdb()
        self._start("carrier", "-m", "tests.bench.fast_carrier", str(port), str(options.delay_ms), SECRET)
        self._start(
            "web", "-m", "gunicorn", "texting_hub.wsgi:application", "--bind", f"127.0.0.1:{web}", "--threads", "2",
            "--keep-alive", "60", "--log-level", "error",
        )  # fmt: skip
        celery = ("-m", "celery", "-A")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR")
        if options.only != "ours" and not options.idle and not options.delay_ms:
            self._start("naive", *celery, "tests.bench.naive", "worker", "-Q", "naive", "-c", "2", *quiet)
        if options.only != "naive":
            one_or_two = "1" if options.delay_ms or options.idle else "2"
            self._start("ours", *celery, "tests.bench.worker", "worker", "-Q", "relay", "-c", one_or_two, *quiet)
        _fill(self.carrier_url, options.numbers, options.texts)
        _until(lambda: _get(f"{self.carrier_url}/count") and _get(f"{self.hub_url}/readyz"))

    def _start(self, name: str, *arguments: str) -> None:
        self.processes[name] = subprocess.Popen([sys.executable, *arguments], start_new_session=True)

    def close(self) -> None:
        for process in self.processes.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def compared(self) -> dict[str, Any]:
        kinds = [self.options.only] if self.options.only else ["naive", "ours"]
        rates: dict[str, list[float]] = defaultdict(list)
        for place in range(self.options.rounds):
            for kind in kinds:
                rates[kind].append(self._drained(kind, place))
        ratios = [ours / naive for ours, naive in zip(rates["ours"], rates["naive"], strict=False)]
        for kind in kinds:
            print(_row(f"{kind}, texts/s", rates[kind]))
        if ratios:
            print(_row("ours / naive", ratios))
        return {
            "rates": rates, "ratios": ratios, "conditions": conditions(),
            "passed": not ratios or statistics.median(ratios) >= GATE,
        }  # fmt: skip

    def of_connections(self) -> dict[str, Any]:
        connections, delay = self.options.connections or 100, self.options.delay_ms / 1000
        most = connections / delay
        shares = [self._drained("ours", place, until="sent") / most for place in range(self.options.rounds)]
        print(_row(f"{connections} connections, {self.options.delay_ms:g} ms: share of {most:.0f}/s", shares))
        return {
            "shares": shares, "connections": connections, "delay_ms": self.options.delay_ms,
            "conditions": conditions(), "passed": statistics.median(shares) >= GATE_OF_CONNECTIONS,
        }  # fmt: skip

    def _drained(self, kind: str, place: int, until: str = "delivered") -> float:
        """Texts a second until the last one's receipt is applied (or the last one is sent)."""
        texts = self.options.texts
        _lay_out()
        _post(f"{self.carrier_url}/forget")
        if kind == "naive":
            _queue_naively()
        before = _processor_seconds(self.processes)
        began = time.monotonic()
        _redis().rename("held", "naive") if kind == "naive" else _wake()
        _until(lambda: _get(f"{self.carrier_url}/count")["taken"] >= texts, 900)
        taken = time.monotonic() - began
        _until(lambda: _is_over(until), 300)
        took = time.monotonic() - began
        used = {name: round(spent - before[name], 1) for name, spent in _processor_seconds(self.processes).items()}
        self._check(kind)
        print(
            f"  round {place + 1} {kind:<6}{texts / took:8.0f}/s  taken after {taken:.1f} s, over after {took:.1f} s, "
            f"CPU s {used}",
            flush=True,
        )
        return texts / took

    def _check(self, kind: str) -> None:
        ledger = _get(f"{self.carrier_url}/ledger")["taken"]
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
        """Milliseconds from before the API request until the carrier has the text."""
        from messaging.models import Message

        Message.objects.all().delete()
        token, waits = _token(), []
        for place in range(100):
            _post(f"{self.carrier_url}/forget")
            body = json.dumps({"to": f"+1312{2_000_000 + place}", "body": "Your order is ready."}).encode()
            began = time.monotonic()
            _post(f"{self.hub_url}/api/v1/messages", body, {"Authorization": f"Bearer {token}"})
            _until(lambda: _get(f"{self.carrier_url}/count")["taken"] == 1, pause=0.0005)
            waits.append((time.monotonic() - began) * 1000)
            time.sleep(0.05)
        print(_row("API request to carrier, ms", waits))
        return {"waits": waits, "conditions": conditions(), "passed": statistics.median(waits) < GATE_OF_IDLE_MS}


def _row(name: str, values: list[float]) -> str:
    digits = 2 if max(values) < 100 else 0
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"| {name} | {low:.{digits}f} | {middle:.{digits}f} | {high:.{digits}f} |"


def _fill(carrier_url: str, numbers: int, texts: int) -> None:
    """Numbers of four organizations, two texts to each person; kept aside, to begin each round with."""
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
    conversations = [_conversation(Conversation, own[place % len(own)], place, now) for place in range(texts // 2)]
    Conversation.objects.bulk_create(conversations, batch_size=2000)
    Message.objects.bulk_create(
        [_text(Message, one, seq, now) for seq in (1, 2) for one in conversations], batch_size=2000
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept_messages AS SELECT * FROM messaging_message")
    connection.close()


def _conversation(model: Any, number: Any, place: int, now: Any) -> Any:
    return model(
        organization_id=number.organization_id, user_id=number.user_id, number=number, own_e164=number.e164,
        counterpart=f"+1206{2_000_000 + place}", changed_at=now, last_seq=2,
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
        cursor.execute("DELETE FROM messaging_message")
        cursor.execute(
            "INSERT INTO messaging_message SELECT * FROM kept_messages; "
            "UPDATE messaging_message SET accepted_at = now(), due_at = now(); "
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
    from messaging.models import Message

    time.sleep(0.05)
    return not Message.objects.exclude(status__in=[status, "delivered"]).exists()


def _places() -> dict[str, int]:
    from messaging.models import Message

    return {str(pk): seq for pk, seq in Message.objects.values_list("pk", "seq")}


def _token() -> str:
    from datetime import timedelta

    from django.utils import timezone

    from provisioning.changes import Actor
    from provisioning.models import User
    from provisioning.tokens import issue

    user = User.objects.filter(primary_number__isnull=False)[0]
    actor, until = Actor(user_id=None, label="bench", via="command"), timezone.now() + timedelta(days=1)
    return issue(user, name="bench", scopes=["messages:write"], expires_at=until, actor=actor)[1]


def _redis() -> Any:
    import redis

    return redis.Redis.from_url(BROKER)


def _processor_seconds(processes: dict[str, subprocess.Popen[bytes]]) -> dict[str, float]:
    """User and system time of each kind of process, and of Postgres, so far (Linux)."""
    groups = {process.pid: name for name, process in processes.items()}
    used: dict[str, float] = dict.fromkeys([*processes, "postgres"], 0.0)
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _parenthesis, rest = status.read_text().rpartition(")")
            fields = rest.split()
            name = "postgres" if "(postgres" in head else groups.get(int(fields[2]))
            if name is not None:
                used[name] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def conditions() -> dict[str, Any]:
    """What the figures depend on."""
    from django.db import connection

    with connection.cursor() as cursor:
        told = {}
        for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers"):
            cursor.execute(f"SHOW {name}")
            told[name] = cursor.fetchone()[0]
    return {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": platform.python_version(), **told}


def _until(ready: Any, seconds: float = 60.0, pause: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if ready():
                return
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(pause)


def _get(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.load(response)


def _post(url: str, body: bytes = b"{}", headers: dict[str, str] | None = None) -> None:
    request = urllib.request.Request(url, body, {"content-type": "application/json", **(headers or {})})
    urllib.request.urlopen(request).close()


if __name__ == "__main__":
    sys.exit(main())
