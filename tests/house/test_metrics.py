"""Prometheus reads /metrics: who may, what it says, and that several processes' counts add up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import DatabaseError
from django.test import Client
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families

from messaging import clock, measurements
from messaging.models import CarrierAccount, SendingNumber
from messaging.models.messages import Status
from messaging.operations import figures
from provisioning import heartbeats
from provisioning.models import User
from tests.messaging.operations_rows import MARKER, PERSON, text_of

TOKEN = "a-token-for-prometheus"

COUNTING = """
from collections import Counter
from messaging import measurements
measurements.observe_batch("North", 12)
measurements.count_outcomes(Counter({("North", "taken", ""): 11, ("North", "refused", "spam_blocked"): 1}))
measurements.observe_carrier_seconds("North", [0.004, 0.03, 30.0])
measurements.observe_receipt_delays([-1.0, 3.0])
measurements.count_webhooks("North", "ok")
measurements.count_composes("accepted")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.METRICS_DIR = tmp_path / "metrics"
    settings.METRICS_TOKEN = ""
    found: Path = settings.METRICS_DIR
    return found


@pytest.fixture
def counting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process counts into the test's folder, as one that has just begun."""
    monkeypatch.setenv(measurements.FOLDER, str(folder))
    monkeypatch.setattr(measurements._broken, "is_so", False)
    before = values.ValueClass
    measurements.metrics.cache_clear()
    yield
    measurements.metrics.cache_clear()
    values.ValueClass = before


def read(client: Client, **options: Any) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels."""
    answer = client.get("/metrics", **options)
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.django_db
def test_the_same_machine_reads_them_without_a_token(client: Client) -> None:
    assert read(client)["hub_database_up", ()] == 1
    assert read(client, REMOTE_ADDR="::1")["hub_database_up", ()] == 1


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["192.0.2.44", "10.0.0.1", "", "nonsense"])
def test_without_a_token_nobody_else_learns_that_they_exist(client: Client, address: str) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 404


@pytest.mark.django_db
def test_behind_a_proxy_a_local_address_says_nothing(client: Client, settings: Any) -> None:
    settings.BEHIND_PROXY = True
    assert client.get("/metrics").status_code == 404


@pytest.mark.django_db
def test_a_token_opens_them_from_anywhere_and_its_absence_closes_them_to_everybody(
    client: Client, settings: Any
) -> None:
    settings.METRICS_TOKEN, settings.BEHIND_PROXY = TOKEN, True
    with_token = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REMOTE_ADDR": "192.0.2.44"}
    assert read(client, **with_token)["hub_database_up", ()] == 1
    for given in ("", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer ", "Bearer é"):
        assert client.get("/metrics", HTTP_AUTHORIZATION=given).status_code == 404, given


@pytest.mark.django_db
def test_the_counts_of_several_processes_are_added_up(client: Client, folder: Path) -> None:
    environment = {**os.environ, measurements.FOLDER: str(folder)}
    for _process in range(2):
        subprocess.run(
            [sys.executable, "-c", COUNTING], cwd=configured.BASE_DIR, env=environment, check=True
        )  # fmt: skip
    found = read(client)
    assert found["hub_texts_total", ("North", "taken", "")] == 22
    assert found["hub_texts_total", ("North", "refused", "spam_blocked")] == 2
    assert found["hub_relay_batch_texts_sum", ("North",)] == 24
    assert found["hub_carrier_answer_seconds_bucket", ("North", "0.005")] == 2
    assert found["hub_carrier_answer_seconds_bucket", ("North", "10.0")] == 4
    assert found["hub_carrier_answer_seconds_count", ("North",)] == 6
    assert found["hub_receipt_delay_seconds_sum", ()] == 6
    assert found["hub_webhooks_total", ("North", "ok")] == 2
    assert found["hub_composes_total", ("accepted",)] == 2


def test_containers_with_the_same_process_number_keep_apart(
    counting: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in ("one_host", "two"):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        measurements.metrics.cache_clear()
        measurements.count_composes("accepted")
    names = {path.name for path in folder.glob("*.db")}
    assert names == {f"counter_one-host-{os.getpid()}.db", f"counter_two-{os.getpid()}.db"} | {
        name for name in names if name.startswith("histogram_")
    }


def test_many_answers_at_once_are_counted_as_one_by_one(counting: None) -> None:
    bounds = measurements.ANSWER_SECONDS
    seconds = [*bounds, *(bound + 0.0001 for bound in bounds), 99.0, 0.0]
    measurements.observe_carrier_seconds("at once", seconds)
    for one in seconds:
        measurements.metrics().carrier.labels("by one").observe(one)
    (family,) = measurements.metrics().carrier.collect()
    counted: dict[str, Counter[str]] = {"at once": Counter(), "by one": Counter()}
    for sample in family.samples:
        if sample.name.endswith("_created"):
            continue
        counted[sample.labels["account"]][f"{sample.name}{sample.labels.get('le', '')}"] += round(sample.value * 1000)
    assert counted["at once"] == counted["by one"]
    assert counted["at once"]


def test_a_folder_that_can_not_be_written_never_stops_what_is_measured(
    counting: None, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file where the folder should be")
    measurements.count_composes("accepted")
    measurements.observe_batch("North", 1)
    assert caplog.text.count("measurements_stopped") == 1


@pytest.mark.django_db
def test_what_stands_in_the_database_is_read_when_asked(client: Client, user: User) -> None:
    now, account = clock.database_now(), CarrierAccount.objects.get()
    text_of(user, now - timedelta(minutes=2), Status.QUEUED)
    CarrierAccount.objects.update(paused=True, rejected_webhooks=3)
    heartbeats.beat(heartbeats.RELAY, now)
    found = read(client)
    assert found["hub_queue_texts", (account.name,)] == 1
    assert 119 < found["hub_queue_oldest_seconds", ()] < 150
    assert found["hub_account_paused", (account.name,)] == 1
    assert found["hub_account_draining", (account.name,)] == 0
    assert found["hub_account_refused_webhooks", (account.name,)] == 3
    assert found["hub_heartbeat_timestamp_seconds", ("relay",)] == pytest.approx(now.timestamp())
    body = client.get("/metrics").content.decode()
    assert MARKER not in body
    assert PERSON not in body


@pytest.mark.django_db
def test_numbers_that_are_paused_or_whose_account_is_are_nothing_to_look_at(client: Client, user: User) -> None:
    """Or the figure would never come back to zero, whatever the relay does."""
    SendingNumber.objects.update(next_due_at=clock.database_now() - timedelta(minutes=1))
    assert read(client)["hub_numbers_due", ()] == 1
    for rows in (SendingNumber.objects, CarrierAccount.objects):
        rows.update(paused=True)
        assert read(client)["hub_numbers_due", ()] == 0
        rows.update(paused=False)


@pytest.mark.django_db
def test_without_a_database_the_counts_of_processes_are_still_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_now: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(figures, "queue", fail)
    assert read(client)["hub_database_up", ()] == 0
