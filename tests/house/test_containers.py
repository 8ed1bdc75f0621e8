"""The deployment files say what the code needs: every queue consumed, nothing of the demonstration, nobody as root."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from texting_hub.celery import QUEUES
from texting_hub.up.words import ROOT


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


def test_every_process_of_a_deployment_is_there(services: dict[str, Any]) -> None:
    assert set(services) == {"proxy", "migrate", "web", "live", "relay", "general", "beat", "postgres", "redis"}


def test_every_queue_has_a_worker(services: dict[str, Any]) -> None:
    commands = [str(service.get("command", "")) for service in services.values()]
    consumed = {queue for command in commands for queue in re.findall(r"worker -Q (\w+)", command)}
    assert consumed == set(QUEUES)


def test_only_the_proxy_is_reached_from_outside(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]


def test_nothing_starts_before_the_schema_is_there(services: dict[str, Any]) -> None:
    for name in ("web", "live", "relay", "general", "beat"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_secrets_are_asked_for_and_never_given() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "FIELD_KEYS", "POSTGRES_PASSWORD", "HUB_HOST"):
        assert f"${{{name}:?set {name} in .env}}" in text


def test_the_image_carries_no_simulator_and_no_test() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert not kept & {"simulator", "tests", ".git", ".hub", ".venv"}
    assert kept >= {
        "compliance",
        "messaging",
        "provisioning",
        "texting_hub",
        "templates",
        "manage.py",
        "requirements.lock",
    }


def test_the_image_runs_as_nobody_special_and_installs_by_hash() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--no-deps --require-hashes -r /requirements.lock" in text
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE) == ["hub"]


def test_the_live_stream_has_a_process_of_its_own() -> None:
    text = (ROOT / "Caddyfile").read_text()
    assert "@live path /live/ /live/*" in text
    assert "reverse_proxy live:8000" in text
    assert "flush_interval -1" in text
