"""`./hub backup`, `restore` and `verify-backup`, as processes, in folders with spaces; and the running copy's lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from texting_hub.up import commands
from texting_hub.up.__main__ import main
from texting_hub.up.folder import DataFolder
from texting_hub.up.testing import environment as hermetic
from texting_hub.up.words import ROOT

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A data folder with a migrated SQLite database."""
    folder = tmp_path / "my data"
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True, cwd=ROOT, env=own(folder))
    return folder


def own(folder: Path) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name != "HUB_TEST_DATABASE_URL"}
    return hermetic(given, str(folder)) | {"HUB_BACKUP_PASSPHRASE": PASSPHRASE}


def hub(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`./hub ARGUMENTS --data FOLDER`, from a folder that is not the project's."""
    command = [sys.executable, "-P", "-m", "texting_hub.up", *arguments, "--data", str(folder)]
    return subprocess.run(
        command,
        cwd=folder.parent,
        env=own(folder),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_backup_verify_and_restore_by_hand(copy: Path, tmp_path: Path) -> None:
    made = hub(copy, "backup", "my backup")
    assert made.returncode == 0, made.stderr
    assert "opened again and checked" in made.stdout
    elsewhere = tmp_path / "no data here"
    checked = hub(elsewhere, "verify-backup", "my backup")
    assert checked.stdout.startswith("Whole. Made "), checked.stderr
    assert hub(elsewhere, "restore", "my backup", "--check").stdout.startswith("Whole. Made ")
    assert not elsewhere.exists()
    restored = hub(elsewhere, "restore", "my backup")
    assert restored.returncode == 0, restored.stderr
    assert "It may be started now." in restored.stdout
    assert (elsewhere / "secrets.json").read_bytes() == (copy / "secrets.json").read_bytes()
    assert (elsewhere / "hub.sqlite3").exists()
    assert not (elsewhere / "restoring").exists()


def test_a_folder_without_a_copy_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["backup", str(tmp_path / "one"), "--data", str(tmp_path / "empty")]) == 1
    assert "nothing to back up" in capsys.readouterr().err
    assert not (tmp_path / "empty").exists()


def test_a_running_copys_folder_is_not_restored_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_manage", lambda *_arguments: pytest.fail("it went on"))
    folder = DataFolder(tmp_path / "my data")
    folder.make()
    folder.hold()
    assert main(["restore", str(tmp_path / "one"), "--data", str(folder.path), "--replace"]) == 1
    assert "in use by process" in capsys.readouterr().err


def test_secrets_that_are_made_to_get_going_are_never_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(commands, "_manage", lambda *call: calls.append(call) or 0)
    for name in ("SECRET_KEY", "FIELD_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert main(["restore", "one", "--data", str(tmp_path / "x"), "--identity", "key"]) == 0
    ((arguments, environment),) = calls
    assert arguments == ["restore_backup", "--identity", "key", "--held", "--keys-from-backup", "--", "one"]
    assert environment["SECRET_KEY"]
    assert environment["FIELD_KEYS"]
    assert "REDIS_URL" not in environment
    monkeypatch.setenv("FIELD_KEYS", "given")
    assert main(["restore", "one", "--data", str(tmp_path / "y"), "--replace"]) == 0
    assert calls[1][0] == ["restore_backup", "--held", "--replace", "--", "one"]
    assert calls[1][1]["FIELD_KEYS"] == "given"


def test_a_stopped_backup_leaves_no_copy_in_the_clear(copy: Path, tmp_path: Path) -> None:
    """Stopped by SIGTERM at the moment at which the copy lies there and nothing of it is sealed yet."""
    program = (
        "import os, signal, sys\n"
        "import django\n"
        "django.setup()\n"
        "from texting_hub.backup import making\n"
        "def stop(*_): os.kill(os.getpid(), signal.SIGTERM); signal.pause()\n"
        "making.seal = stop\n"
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(['manage.py', 'make_backup', sys.argv[1]])\n"
    )
    environment = own(copy) | {"DJANGO_SETTINGS_MODULE": "texting_hub.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "one")],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 143, done.stderr
    assert not (copy / "backup-work").exists()
    assert not list(tmp_path.glob("one*"))
