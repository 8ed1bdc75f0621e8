"""Texts a second from compose to `sent`, against the carrier simulator in a process of its own.

    python -m tests.bench.throughput [--texts 2000] [--numbers 50]

SQLite in a temporary folder, or with DATABASE_URL the test database beside the one it names. Pacing is set high,
receipts are off, every text is one segment to a person of its own. Measured, one after the other:

compose   one process composes, nobody sends
drain     one worker sends what is queued
both      one process composes while one worker sends, from the first compose to the last `sent`
latency   one text at a time, from before compose to the carrier's answer being written
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

API_KEY = "bench"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--numbers", type=int, default=50)
    parser.add_argument("--compose", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.compose is not None:
        _compose_only(options.compose, options.texts)
        return
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        os.environ["HUB_DATA"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "texting_hub.settings"
        os.environ["LOG_LEVEL"] = "WARNING"
        with _simulator(Path(folder)) as address, _database():
            _fill(address, options.numbers)
            _report(address, options.texts)


@contextmanager
def _simulator(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "simulator", "--port", str(port), "--data", str(folder / "simulator")]
    process = subprocess.Popen(command, env={**os.environ, "SIMULATOR_API_KEY": API_KEY})
    address = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _get(f"{address}/healthz"))
        _post(f"{address}/control/mode", {"behaviour": "no_receipt", "phones": []})
        yield address
    finally:
        process.terminate()
        process.wait()


def _until(ready: Callable[[], Any], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            ready()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _get(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.load(response)


def _post(url: str, document: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(document).encode(), {"content-type": "application/json"})
    urllib.request.urlopen(request).close()


@contextmanager
def _database() -> Iterator[None]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor == "sqlite":
        call_command("migrate", verbosity=0)
        yield
        return
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    url = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = url.rsplit("/", 1)[0] + f"/{connection.settings_dict['NAME']}"
    try:
        yield
    finally:
        connection.creation.destroy_test_db("", verbosity=0)


def _fill(address: str, numbers: int) -> None:
    from messaging.models import CarrierAccount, SendingNumber
    from provisioning import vault
    from provisioning.models import Campaign
    from tests.factories import CarrierAccountFactory, OrganizationFactory, texting_user

    CarrierAccountFactory(base_url=address, sealed_credentials=vault.seal({"api_key": API_KEY}))
    organization = OrganizationFactory()
    for _ in range(numbers):
        texting_user(organization)
    Campaign.objects.update(number_pool=True)
    SendingNumber.objects.update(texts_a_minute=1e9, burst=1_000_000, texts_a_day=1_000_000)
    assert CarrierAccount.objects.count() == 1


def _compose_only(series: int, texts: int) -> None:
    import django

    django.setup()
    _compose(series, texts)


def _compose(series: int, texts: int) -> None:
    from messaging.compose import compose
    from provisioning.models import User

    users = list(User.objects.filter(is_staff=False))
    for place in range(texts):
        to = f"+1{206 + series}{2_000_000 + place:07d}"
        compose(user=users[place % len(users)], to=to, body="Your sample kit is ready for pick-up.")


def _report(address: str, texts: int) -> None:
    from django.db import connection

    from messaging.models import Message
    from messaging.relay import Relay

    rows: list[tuple[str, str]] = []
    with Relay() as worker:
        rows.append(("compose", _rate(texts, lambda: _compose(0, texts))))
        rows.append(("drain", _rate(texts, lambda: _drain(worker))))
        rows.append(("both", _rate(texts, lambda: _both(worker, texts))))
        rows.append(("latency", _latency(worker)))
    sent, taken = Message.objects.filter(status="sent").count(), _get(f"{address}/v1/taken")["count"]
    assert sent == taken == Message.objects.count(), (sent, taken, Message.objects.count())
    for name, value in rows:
        print(f"{connection.vendor:<12}{name:<10}{value}")


def _rate(texts: int, act: Callable[[], None]) -> str:
    began = time.monotonic()
    act()
    return f"{texts / (time.monotonic() - began):7.0f} texts/s"


def _drain(worker: Any) -> None:
    from messaging.models import Message

    while Message.objects.filter(status__in=["queued", "sending"]).exists():
        worker.run()


def _both(worker: Any, texts: int) -> None:
    command = [sys.executable, "-m", "tests.bench.throughput", "--compose", "4", "--texts", str(texts)]
    composing = subprocess.Popen(command)
    while composing.poll() is None:
        worker.run()
        time.sleep(0.005)
    assert composing.returncode == 0
    _drain(worker)


def _latency(worker: Any) -> str:
    from messaging.compose import compose
    from provisioning.models import User

    user, seconds = User.objects.filter(is_staff=False)[0], []
    for place in range(100):
        began = time.monotonic()
        compose(user=user, to=f"+1312{2_000_000 + place:07d}", body="Hello")
        worker.run()
        seconds.append(time.monotonic() - began)
    return f"{statistics.median(seconds) * 1000:7.1f} ms median, {max(seconds) * 1000:.0f} ms at most"


if __name__ == "__main__":
    main()
