"""The data folder: private, held by one supervisor, and never somebody else's folder."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from texting_hub.up.folder import DataFolder, read_private, write_private
from texting_hub.up.words import Trouble


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "new" / "data")
    folder.make()
    assert {mode(folder.path), mode(folder.logs), mode(folder.path / "valkey")} == {0o700}


def test_one_that_stood_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    tmp_path.chmod(0o755)
    DataFolder(tmp_path).make()
    assert mode(tmp_path) == 0o700


def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    tmp_path.chmod(0o755)
    with pytest.raises(Trouble, match="not Texting Hub's"):
        DataFolder(tmp_path).make()
    assert mode(tmp_path) == 0o755
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_private_folder_is_taken_whatever_else_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    tmp_path.chmod(0o700)
    DataFolder(tmp_path).make()
    assert (tmp_path / "logs").is_dir()


def test_a_file_in_the_place_of_the_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(Trouble, match="cannot be used"):
        DataFolder(tmp_path / "data").make()


def test_a_second_supervisor_is_told_who_has_it(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.make()
    first.hold()
    first.write_run({"pid": 4711, "url": "http://127.0.0.1:8000/"})
    with pytest.raises(Trouble, match=r"process 4711 serves it at http://127\.0\.0\.1:8000/"):
        second.hold()


def test_asking_whether_it_is_held_does_not_disturb_the_holder(tmp_path: Path) -> None:
    holder, asker = DataFolder(tmp_path), DataFolder(tmp_path)
    holder.make()
    assert not asker.is_held()
    holder.hold()
    assert asker.is_held()
    assert asker.is_held()


def test_private_files_are_written_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")
    path.chmod(0o644)
    write_private(path, {"password": "x"})
    assert mode(path) == 0o600
    assert json.loads(path.read_text()) == {"password": "x"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_a_file_that_was_cut_off_reads_as_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    assert read_private(tmp_path / "run.json") == {}


def test_folders_have_names_of_their_own(tmp_path: Path) -> None:
    assert DataFolder(tmp_path / "a").key != DataFolder(tmp_path / "b").key
    assert len(DataFolder(tmp_path / "a").key) == 12
