"""The deployment files say what the code needs: every queue consumed, nothing of the demonstration, nobody as root."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from django.test import Client

from messaging import relay
from texting_hub.celery import QUEUES
from texting_hub.up.words import ROOT


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


def test_every_process_of_a_deployment_is_there(services: dict[str, Any]) -> None:
    assert set(services) == {
        "proxy",
        "migrate",
        "web",
        "live",
        "relay",
        "general",
        "beat",
        "backup",
        "postgres",
        "redis",
    }


def test_every_queue_has_a_worker(services: dict[str, Any]) -> None:
    commands = [str(service.get("command", "")) for service in services.values()]
    consumed = {queue for command in commands for queue in re.findall(r"worker -Q (\w+)", command)}
    assert consumed == set(QUEUES)


def test_only_the_proxy_is_reached_from_outside(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]


def test_nothing_starts_before_the_schema_is_there(services: dict[str, Any]) -> None:
    for name in ("web", "live", "relay", "general", "beat"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_a_start_is_noted_before_anything_can_be_missed(services: dict[str, Any]) -> None:
    assert services["migrate"]["command"].endswith('&& python manage.py record_start"')


def test_a_backup_is_made_when_asked_for_and_needs_no_schema(services: dict[str, Any]) -> None:
    """A restore is run by the same service, into a database that nothing has migrated yet."""
    backup = services["backup"]
    assert (backup["profiles"], backup["restart"]) == (["backup"], "no")
    assert set(backup["depends_on"]) == {"postgres"}
    assert {"HUB_BACKUP_RECIPIENT", "HUB_BACKUP_PASSPHRASE", "FIELD_KEYS", "SECRET_KEY"} <= set(backup["environment"])
    assert "data:/data" in backup["volumes"]


def test_the_client_programs_are_of_the_servers_version(services: dict[str, Any]) -> None:
    (client,) = re.findall(r"postgresql-client-(\d+)", (ROOT / "Dockerfile").read_text())
    assert services["postgres"]["image"] == f"postgres:{client}"


def test_a_stop_of_the_relay_waits_for_the_wire(services: dict[str, Any], settings: Any) -> None:
    grace = int(services["relay"]["stop_grace_period"].removesuffix("s"))
    assert grace > relay.SHIFT_SECONDS + settings.CARRIER_TIMEOUT_SECONDS + 10


def test_the_proxy_keeps_metrics_inside() -> None:
    text = (ROOT / "Caddyfile").read_text()
    assert re.search(r"@inside path /metrics /metrics/\*\n\thandle @inside \{\n\t\trespond 404\n", text)


def test_secrets_are_asked_for_and_never_given() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "FIELD_KEYS", "POSTGRES_PASSWORD", "HUB_HOST"):
        assert f"${{{name}:?set {name} in .env}}" in text


def test_the_readme_names_every_variable_of_the_compose_file() -> None:
    """Those that it insists on where it says what to put into .env."""
    text, readme = (ROOT / "docker-compose.yml").read_text(), (ROOT / "README.md").read_text()
    steps = readme.partition("\n## Production\n")[2].partition("docker compose up -d")[0]
    insisted, named = set(re.findall(r"\$\{(\w+):\?", text)), set(re.findall(r"\$\{(\w+)", text))
    assert insisted >= {"EMAIL_URL", "DEFAULT_FROM_EMAIL"}
    assert insisted - set(re.findall(r"`([A-Z_]+)`", steps)) == set()
    assert {name for name in named if name not in readme} == set()


def test_settings_explain_every_variable_that_they_read() -> None:
    docstring, _, code = (ROOT / "texting_hub" / "settings.py").read_text().removeprefix('"""').partition('"""')
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', code)) | {"SECRET_KEY", "FIELD_KEYS", "BROKER_PREFIX"}
    assert {name for name in read if not re.search(rf"\b{name}\b", docstring)} == set()


@pytest.mark.django_db
def test_prometheus_reads_metrics_inside_the_network(services: dict[str, Any], client: Client, settings: Any) -> None:
    environment = services["web"]["environment"]
    assert environment["METRICS_TOKEN"] == "${METRICS_TOKEN:-}"
    settings.ALLOWED_HOSTS = environment["ALLOWED_HOSTS"].replace("${HUB_HOST}", "texting.example.com").split(",")
    settings.METRICS_TOKEN, settings.BEHIND_PROXY, settings.SECURE_SSL_REDIRECT = "a-token", True, True
    (target,) = re.findall(r'targets: \["(.+?)"\]', (ROOT / "README.md").read_text())
    answer = client.get("/metrics", HTTP_HOST=target, HTTP_AUTHORIZATION="Bearer a-token")
    assert (target, answer.status_code) == ("web:8000", 200)


def test_postgres_logs_no_text(services: dict[str, Any]) -> None:
    command = services["postgres"]["command"].split()
    assert command == ["postgres", "-c", "log_min_error_statement=panic", "-c", "log_error_verbosity=terse"]
    readme = (ROOT / "README.md").read_text()
    for setting in command[2::2]:
        assert f"ALTER ROLE hub SET {setting.replace('=', ' = ')};" in readme


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
