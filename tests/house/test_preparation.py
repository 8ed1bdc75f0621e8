"""Before the pages: static files when they changed, the demonstration once, a sentence for a dead database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.db import OperationalError

from provisioning import clock, heartbeats
from texting_hub.up import demonstration, prepare
from texting_hub.up.folder import DataFolder
from texting_hub.up.words import ROOT

ANSWER = '{"sign_ins": [{"role": "User", "name": "n", "email": "e", "password": "p"}], "carrier_account_id": "a"}'


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> DataFolder:
    made = DataFolder(tmp_path)
    (tmp_path / "secrets.json").write_text("{}")
    made.make()
    settings.DATA_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    settings.SIMULATOR_URL = "http://127.0.0.1:8001/"
    return made


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The management commands that were run."""
    names: list[str] = []

    def call(name: str, **options: Any) -> None:
        names.append(name)
        if "stdout" in options:
            options["stdout"].write(f"Seeding\n{ANSWER}\n")
        if name == "collectstatic":
            root = Path(prepare.settings.STATIC_ROOT)
            root.mkdir(exist_ok=True)
            (root / "staticfiles.json").write_text("{}")

    monkeypatch.setattr(prepare, "call_command", call)
    return names


def test_static_files_are_collected_once(folder: DataFolder, called: list[str]) -> None:
    prepare.collect_static()
    prepare.collect_static()
    assert called == ["collectstatic"]


def test_changed_static_files_are_collected_again(
    folder: DataFolder, called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare.collect_static()
    monkeypatch.setattr(prepare, "static_digest", lambda: "another")
    prepare.collect_static()
    assert called == ["collectstatic", "collectstatic"]


def test_static_files_that_were_deleted_are_collected_again(folder: DataFolder, called: list[str]) -> None:
    prepare.collect_static()
    (folder.path / "static" / "staticfiles.json").unlink()
    prepare.collect_static()
    assert called == ["collectstatic", "collectstatic"]


def test_the_demonstration_is_made_once(folder: DataFolder, called: list[str]) -> None:
    prepare.seed(migrated=True)
    prepare.seed(migrated=False)
    assert called == ["seed_demo"]
    assert demonstration.kept(folder)["carrier_account_id"] == "a"
    assert demonstration.kept(folder)["sign_ins"][0]["role"] == "User"


def test_a_new_database_or_another_port_is_seeded_again(folder: DataFolder, called: list[str], settings: Any) -> None:
    prepare.seed(migrated=True)
    prepare.seed(migrated=True)
    settings.SIMULATOR_URL = "http://127.0.0.1:8101/"
    prepare.seed(migrated=False)
    assert called == ["seed_demo"] * 3


def test_a_demonstration_of_an_earlier_version_is_brought_up_to_date(
    folder: DataFolder, called: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare.seed(migrated=True)
    monkeypatch.setattr(prepare, "demonstration_sources", lambda: [ROOT / "hub"])
    prepare.seed(migrated=False)
    assert called == ["seed_demo"] * 2


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> bool:
        raise OperationalError("connection to server failed:\n  Connection refused")

    monkeypatch.setattr(prepare, "migrate", refuse)
    assert prepare.main() == 1
    assert capsys.readouterr().out == (
        "trouble: The database does not answer: connection to server failed: Connection refused\n"
    )


@pytest.mark.django_db
def test_each_start_is_noted(called: list[str], monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DEMONSTRATION = False
    monkeypatch.setattr(prepare, "collect_static", lambda: None)
    before = clock.database_now()
    assert prepare.main() == 0
    noted = heartbeats.last(heartbeats.START)
    assert noted is not None
    assert noted >= before


@pytest.mark.django_db
def test_a_database_that_is_up_to_date_is_left_alone(called: list[str]) -> None:
    assert prepare.migrate() is False
    assert called == []


def test_every_static_file_that_a_page_names_exists() -> None:
    templates = list((ROOT / "templates").rglob("*.html"))
    named = {name for path in templates for name in re.findall(r"{% static ['\"]([^'\"]+)['\"]", path.read_text())}
    assert "hub.css" in named
    assert [name for name in sorted(named) if finders.find(name) is None] == []
