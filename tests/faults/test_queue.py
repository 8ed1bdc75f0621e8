"""What happens around a queue: a STOP, clocks that are wrong, restarts, another version's worker."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from messaging import clock
from messaging.models import Message, OptOut
from messaging.states import IN_LINE
from tests.faults import backlog
from tests.faults.checker import check
from tests.faults.house import (
    AFTER_LEASE,
    AFTER_SENDING,
    CARRIER_TIMEOUT_SECONDS,
    LEASE_SECONDS,
    ROOT,
    House,
    until,
)
from tests.faults.matrix import row
from tests.faults.results import NO_HISTORY

CONNECTIONS = 100
OLD_COMMIT = "374500fa3a6c78a57443dac4326ae04d1520a5d4"
OLD_TREE = ("provisioning", "messaging", "compliance", "texting_hub", "templates")
SKEW = 600


def stop(text: Message) -> dict[str, Any]:
    """What the carrier posts when that person writes STOP."""
    return {
        "type": "message.received", "id": f"inbound-{uuid.uuid4()}", "from": text.counterpart, "to": text.own_e164,
        "body": "STOP", "media": [], "at": datetime.now(UTC).isoformat(),
    }  # fmt: skip


@row("stop_races_a_batch")
def test_stop_races_a_batch(house: House) -> None:
    """At two exact moments, then amid a batch of sixty: no dispatch that begins after the STOP committed."""
    (user,) = house.users(1)
    house.open_web()
    leased = house.write(user, "leased", "+12065550190")
    worker = house.waiting_at(AFTER_LEASE)
    assert house.post(stop(leased)) == [200]
    worker.go_on(AFTER_LEASE)
    house.becomes(leased, "blocked")
    worker.kill()
    on_the_wire, behind = house.write_many(["on the wire", "behind"], user, "+12065550191")
    worker = house.waiting_at(AFTER_SENDING)
    assert house.post(stop(on_the_wire)) == [200]
    worker.go_on(AFTER_SENDING)
    house.becomes(on_the_wire, "sent")
    assert house.status(behind) == "blocked"
    _race(house, user)
    check(house)
    assert house.taken(leased) == house.taken(behind) == 0


def _race(house: House, user: Any) -> None:
    texts = [house.write(user, f"{place}", f"+12065550{place % 30:03d}") for place in range(60)]
    house.relay(), house.relay()
    until(lambda: len(house.carrier.ledger()) > 5, "the batch is under way")
    answers = house.post(*[stop(text) for text in texts[:30]], at_once=10, repeats=50)
    stopped_at = clock.database_now()
    assert answers == [200] * 30
    later = [house.write_refused(user, text.counterpart) for text in texts[:30]]
    assert later == ["opted_out"] * 30
    until(lambda: not Message.objects.filter(status__in=IN_LINE).exists(), "the batch has ended")
    assert OptOut.objects.filter(organization=house.organization).count() == 32
    written = Message.objects.filter(pk__in=[text.pk for text in texts])
    assert set(written.values_list("status", flat=True)) <= {"sent", "blocked"}
    assert not written.filter(sending_at__gt=stopped_at).exists()


@row("clock_skew")
def test_clock_skew(house: House) -> None:
    """A lease is as long as the database says, whoever's clock is wrong; a receipt is fresh by it, too."""
    (user,) = house.users(1)
    house.open_web(skew=SKEW)
    held = house.write(user, "held")
    ahead = house.waiting_at(AFTER_LEASE, skew=SKEW, settings={"RELAY_LEASE_SECONDS": 30})
    assert 0 < (Message.objects.get(pk=held.pk).leased_until - clock.database_now()).total_seconds() <= 30
    house.relay(skew=-SKEW)
    house.relay(skew=SKEW)
    texts = [house.write(user, f"{place}", f"+12065550{place:03d}") for place in range(20)]
    house.all_become(texts, "sent")
    assert house.status(held) == "queued", "nobody takes what another holds"
    ahead.go_on(AFTER_LEASE)
    house.becomes(held, "sent")
    now = clock.database_now()
    assert all(abs((text.sent_at - now).total_seconds()) < SKEW / 2 for text in Message.objects.filter(status="sent"))
    assert house.receipt(held, "delivered", now.timestamp()) == 200
    check(house)
    assert house.status(held) == "delivered"
    assert max(Counter(line["reference"] for line in house.carrier.attempts()).values()) == 1


def _restarted(house: House, texts: int, users: int, lease_seconds: int, carrier_timeout: int) -> None:
    """Two workers, each killed when a part is through; then one that is left alone."""
    house.lease_seconds, house.carrier_timeout = lease_seconds, carrier_timeout
    backlog.queue(house, texts, users)
    patience = 60 + texts / 50
    for part in (texts // 8, texts // 4):
        worker = house.relay()
        until(
            lambda part=part: house.carrier.size() >= part, f"{part} are through", worker.log, patience=texts / 50 + 60
        )
        worker.kill()
    check(house, patience=patience)
    statuses = Counter(Message.objects.values_list("status", flat=True))
    assert set(statuses) <= {"sent", "unconfirmed"}
    assert sum(statuses.values()) == texts
    assert statuses["unconfirmed"] <= 2 * 3 * CONNECTIONS
    assert statuses["sent"] >= texts - 2 * 3 * CONNECTIONS


@row("restart_with_a_queue")
def test_restart_with_a_queue(house: House) -> None:
    _restarted(house, 2_000, users=20, lease_seconds=8, carrier_timeout=3)


@row("restart_with_a_long_queue")
def test_restart_with_a_long_queue(house: House) -> None:
    """With the lease of production: a look into so long a queue must not use up what a short one leaves."""
    _restarted(house, 100_000, users=200, lease_seconds=60, carrier_timeout=10)


@pytest.fixture
def old_tree(tmp_path: Path) -> Path:
    """The code of an earlier release, out of the history."""
    tree = tmp_path / "old"
    tree.mkdir()
    archive = subprocess.run(["git", "archive", OLD_COMMIT, *OLD_TREE], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"{NO_HISTORY} {OLD_COMMIT}")
    subprocess.run(["tar", "-x"], cwd=tree, input=archive.stdout, check=True)
    return tree


@pytest.fixture
def old_worker(house: House, old_tree: Path) -> Iterator[Path]:
    """A worker of that code, on this database; its folder."""
    folder = house.folder / "old-worker"
    folder.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if name != "REDIS_URL"},
        "PYTHONPATH": str(old_tree), "DATABASE_URL": _address(), "HUB_DATA": str(folder),
        "SECRET_KEY": settings.SECRET_KEY, "FIELD_KEYS": ",".join(settings.FIELD_KEYS),
        "DJANGO_SETTINGS_MODULE": "texting_hub.settings",
        "FAULTS_LEASE": str(LEASE_SECONDS), "FAULTS_TIMEOUT": str(CARRIER_TIMEOUT_SECONDS),
    }  # fmt: skip
    script = Path(__file__).with_name("old_worker.py")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(script), str(folder)], cwd=old_tree, env=environment, stdout=log, stderr=log
        )
        until((folder / "code").exists, "the old worker has started", folder / "log")
        assert Path((folder / "code").read_text()) == old_tree.resolve()
        yield folder
        assert process.poll() is None, (folder / "log").read_text()[-4000:]
        process.kill()
        process.wait()


def _address() -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    parameters = connection.get_connection_params()
    password = f":{parameters['password']}" if parameters.get("password") else ""
    at = f"{parameters.get('user', '')}{password}@{parameters.get('host', '')}:{parameters.get('port', 5432)}"
    return f"postgres://{at}/{connection.settings_dict['NAME']}"


@row("old_and_new_code")
def test_old_and_new_code(house: House, old_worker: Path) -> None:
    """Both take part: the old one alone at first, then both at once."""
    (user,) = house.users(1)
    alone = house.write(user, "old code")
    until(lambda: house.status(alone) == "sent", "the old worker sends", old_worker / "log")
    texts = [house.write(user, f"{place}", f"+12065550{place % 50:03d}") for place in range(150)]
    house.relay(connections=2)
    house.all_become(texts, "sent")
    check(house)
    assert "Traceback" not in (old_worker / "log").read_text(), "the old code finds a schema that it can write to"
