"""What each process is told: enough to do its work, nothing of the others' secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from texting_hub.up import demonstration, programs
from texting_hub.up.folder import DataFolder
from texting_hub.up.programs import Copy

ACCOUNT = "0193a0d0-0000-7000-8000-000000000001"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.make()
    demonstration.remember_seeding(made, "x", {"sign_ins": [], "carrier_account_id": ACCOUNT})
    return made


def copy(folder: DataFolder, *, port: int = 8000, demonstrates: bool = True, **given: str) -> Copy:
    return Copy(folder, port, demonstrates, {"PATH": "/usr/bin", **given})


def test_the_embedded_services_are_the_default(folder: DataFolder) -> None:
    shared = copy(folder).shared()
    assert shared["REDIS_URL"].startswith("unix:///tmp/hub-")
    assert "DATABASE_URL" not in shared
    assert "BROKER_PREFIX" not in shared


def test_a_redis_and_a_database_of_the_callers_win(folder: DataFolder) -> None:
    chosen = copy(folder, REDIS_URL="redis://127.0.0.1:6379/3", DATABASE_URL="postgres://127.0.0.1/hub")
    shared = chosen.shared()
    assert not chosen.has_own_valkey
    assert (shared["REDIS_URL"], shared["DATABASE_URL"]) == ("redis://127.0.0.1:6379/3", "postgres://127.0.0.1/hub")


def test_two_copies_on_one_redis_keep_apart(folder: DataFolder, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "other")
    prefixes = {copy(each, REDIS_URL="redis://x").shared()["BROKER_PREFIX"] for each in (folder, other)}
    assert len(prefixes) == 2


def test_two_copies_on_one_host_do_not_sign_each_other_out(folder: DataFolder) -> None:
    one, two = copy(folder).shared(), copy(folder, port=8100).shared()
    assert one["SESSION_COOKIE_NAME"] != two["SESSION_COOKIE_NAME"]
    assert one["CSRF_COOKIE_NAME"] != two["CSRF_COOKIE_NAME"]


def test_the_simulator_knows_nothing_of_ours(folder: DataFolder) -> None:
    given = {"SECRET_KEY": "s", "FIELD_KEYS": "f", "DATABASE_URL": "postgres://", "REDIS_URL": "redis://"}
    environment = programs.simulator(copy(folder, **given)).environment
    assert not set(environment) & {*given, "HUB_DATA", "DEMO_PASSWORD", "DJANGO_SETTINGS_MODULE"}
    assert environment["SIMULATOR_WEBHOOK_URL"] == f"http://127.0.0.1:8000/webhooks/{ACCOUNT}/"
    assert environment["SIMULATOR_HUB_URL"] == "http://127.0.0.1:8000/"


def test_only_the_simulator_and_the_seeding_know_the_simulators_secrets(folder: DataFolder) -> None:
    secret = demonstration.kept(folder)["webhook_secret"]
    knowing = {
        make.__name__
        for make in (
            programs.web,
            programs.relay,
            programs.general,
            programs.beat,
            programs.simulator,
            programs.prepare,
        )
        if secret in make(copy(folder)).environment.values()
    }
    assert knowing == {"simulator", "prepare"}


def test_the_password_of_the_demonstration_reaches_the_sign_in_page(folder: DataFolder) -> None:
    password = demonstration.kept(folder)["password"]
    assert programs.web(copy(folder)).environment["DEMO_PASSWORD"] == password
    assert "DEMO_PASSWORD" not in programs.relay(copy(folder)).environment


def test_without_a_demonstration_nothing_of_it_is_told(folder: DataFolder) -> None:
    given = {"DEMONSTRATION": "1", "SIMULATOR_URL": "http://x", "DEMO_PASSWORD": "x"}
    environment = programs.web(copy(folder, demonstrates=False, **given)).environment
    assert not set(given) & set(environment)


def test_each_queue_has_a_worker(folder: DataFolder) -> None:
    from texting_hub.celery import QUEUES

    consumed = set()
    for program in (programs.relay(copy(folder)), programs.general(copy(folder))):
        consumed.add(program.command[program.command.index("-Q") + 1])
    assert consumed == set(QUEUES)


def test_a_worker_stops_later_than_a_dispatch_in_flight_may_take(folder: DataFolder, settings: Any) -> None:
    timeout = settings.CARRIER_TIMEOUT_SECONDS
    assert programs.relay(copy(folder)).stop_seconds > timeout


def test_a_shell_cannot_point_the_processes_at_another_project(folder: DataFolder) -> None:
    environment = programs.web(copy(folder, DJANGO_SETTINGS_MODULE="other.settings", PYTHONHOME="/x")).environment
    assert not {"DJANGO_SETTINGS_MODULE", "PYTHONHOME"} & set(environment)


def test_a_management_command_talks_to_the_running_copy(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder.write_run({"environment": {"REDIS_URL": "unix:///s", "DATABASE_URL": "postgres://x", "LD_PRELOAD": "x"}})
    assert "REDIS_URL" not in programs.environment_for_commands(DataFolder(folder.path))
    folder.hold()
    environment = programs.environment_for_commands(DataFolder(folder.path))
    assert (environment["REDIS_URL"], environment["DATABASE_URL"]) == ("unix:///s", "postgres://x")
    assert "LD_PRELOAD" not in environment


def test_what_the_caller_names_wins_for_a_management_command(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_run({"environment": {"DATABASE_URL": "postgres://running"}})
    folder.hold()
    monkeypatch.setenv("DATABASE_URL", "postgres://mine")
    assert programs.environment_for_commands(DataFolder(folder.path))["DATABASE_URL"] == "postgres://mine"


def test_the_demonstrations_password_is_made_once_and_kept_private(tmp_path: Path) -> None:
    made = DataFolder(tmp_path / "fresh")
    made.make()
    password = demonstration.kept(made)["password"]
    assert demonstration.kept(made)["password"] == password
    assert len(password) >= 12
    assert made.demonstration_file.stat().st_mode & 0o777 == 0o600
