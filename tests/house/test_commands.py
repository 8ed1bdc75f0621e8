"""`down`, `status`, `test` and the command line around them."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from texting_hub.up import commands, demonstration, identity, testing
from texting_hub.up.__main__ import main
from texting_hub.up.folder import DataFolder
from texting_hub.up.terminal import table

SIGN_IN = {"role": "full_admin", "title": "full administrator", "name": "Ada Okafor", "email": "ada@example.com"}


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "my data")
    made.make()
    return made


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def run_of(pid: int, start: str | None = None) -> dict[str, Any]:
    return {
        "pid": pid,
        "start": start or identity.started(pid),
        "ready": True,
        "url": "http://127.0.0.1:8100/",
        "simulator_url": "http://127.0.0.1:8101/",
        "environment": {},
        "children": {"relay": {"pid": 0, "start": "", "title": "relay worker", "restarts": 2}},
    }


@pytest.fixture
def running(folder: DataFolder) -> DataFolder:
    """A folder that this very process holds as its supervisor."""
    folder.hold()
    folder.write_run(run_of(os.getpid()))
    demonstration.remember_seeding(folder, "x", {"sign_ins": [SIGN_IN], "carrier_account_id": "y"})
    return folder


def ask(folder: DataFolder, *arguments: str) -> int:
    command, *rest = arguments
    return main([command, "--data", str(folder.path), *rest])


def test_status_of_nothing_is_exit_code_3(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(folder, "status") == 3
    assert "Start it with ./hub up." in capsys.readouterr().out


def test_status_tells_addresses_sign_ins_and_processes(running: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(running, "status") == 0
    told = capsys.readouterr().out
    password = demonstration.kept(running)["password"]
    for expected in (
        "http://127.0.0.1:8100/",
        "http://127.0.0.1:8101/",
        SIGN_IN["title"],
        SIGN_IN["email"],
        password,
        str(os.getpid()),
    ):
        assert expected in told
    assert "relay worker" in told
    assert "waiting to start again" in told
    assert "restarts: 2" in told


def test_status_for_programs_is_json(running: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(running, "status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["running"] is True
    assert told["sign_ins"] == [{**SIGN_IN, "password": demonstration.kept(running)["password"]}]
    assert told["processes"] == {"relay": 0}


def test_status_for_programs_says_that_nothing_runs(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(folder, "status", "--json") == 3
    assert json.loads(capsys.readouterr().out) == {"running": False, "data": str(folder.path)}


def test_down_with_nothing_running_is_no_error(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(folder, "down") == 0
    assert "Nothing is running" in capsys.readouterr().out


def test_down_never_touches_a_process_that_got_the_number_later(
    folder: DataFolder, stranger: subprocess.Popen[bytes]
) -> None:
    folder.hold()
    folder.write_run(run_of(stranger.pid, start="before that process was born"))
    assert ask(DataFolder(folder.path), "down") == 0
    assert stranger.poll() is None


def test_down_believes_no_run_file_that_nobody_holds(folder: DataFolder, stranger: subprocess.Popen[bytes]) -> None:
    folder.write_run(run_of(stranger.pid))
    assert ask(folder, "down") == 0
    assert stranger.poll() is None


def test_down_waits_for_the_end(folder: DataFolder, stranger: subprocess.Popen[bytes]) -> None:
    folder.hold()
    folder.write_run(run_of(stranger.pid))
    assert ask(DataFolder(folder.path), "down") == 0
    assert stranger.wait(timeout=5) == -signal.SIGTERM


def test_a_busy_data_folder_is_a_sentence_and_exit_code_1(
    running: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--data", str(running.path), "--port", "8300"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("./hub: This data folder is in use: process")
    assert "Traceback" not in said


def test_a_full_disk_is_a_sentence(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_self: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "run.json")

    monkeypatch.setattr(commands.Supervisor, "run", refuse)
    assert main(["up", "--data", str(folder.path)]) == 1
    assert "No space left on device: 'run.json'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["up", "--port", "many"], ["up", "--nonsense"], ["fly"]])
def test_a_wrong_argument_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_management_commands_get_their_arguments_untouched(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []

    def become(_path: str, arguments: list[str], environment: dict[str, str]) -> None:
        calls.append((arguments, environment))
        raise SystemExit

    monkeypatch.setattr(commands.os, "execve", become)
    monkeypatch.setenv("HUB_DATA", str(folder.path))
    with pytest.raises(SystemExit):
        main(["manage", "purge_messages", "--dry-run", "--data", "x"])
    ((arguments, environment),) = calls
    assert arguments[1].endswith("/manage.py")
    assert arguments[2:] == ["purge_messages", "--dry-run", "--data", "x"]
    assert environment["HUB_DATA"] == str(folder.path)


def test_the_suite_hears_nothing_of_the_callers_servers() -> None:
    given = {
        "PATH": "/bin", "DATABASE_URL": "postgres://production", "REDIS_URL": "redis://production", "HUB_DATA": "/data",
        "SECRET_KEY": "s", "PYTEST_ADDOPTS": "-x",
    }  # fmt: skip
    environment = testing.environment(given, "/tmp/test")
    assert environment["HUB_DATA"] == "/tmp/test"
    assert not {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PYTEST_ADDOPTS"} & set(environment)


def test_the_suite_runs_on_the_servers_named_for_it() -> None:
    given = {"DATABASE_URL": "postgres://production", "HUB_TEST_DATABASE_URL": "postgres://test"}
    assert testing.environment(given, "/tmp/test")["DATABASE_URL"] == "postgres://test"


def test_test_processes_do_not_share_a_redis_database() -> None:
    assert testing.own_database("redis://127.0.0.1:6379/10", "gw0") == "redis://127.0.0.1:6379/10"
    assert testing.own_database("redis://127.0.0.1:6379/10", "gw1") == "redis://127.0.0.1:6379/11"


def test_rows_are_aligned() -> None:
    assert table([["a", "long one", "x"], ["longer", "b", ""]]) == ["  a       long one  x", "  longer  b"]
