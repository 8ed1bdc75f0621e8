"""The table, the tests and the README say the same."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.faults import matrix
from tests.faults.__main__ import unproven_rows
from tests.faults.results import NO_HISTORY, fail_if_skipped, rows_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def every_module() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.faults.{path.stem}")


def test_each_row_has_a_test_and_each_test_a_row() -> None:
    assert set(matrix.TESTED) == {row.name for row in matrix.ROWS}


def test_each_row_has_a_name_of_its_own() -> None:
    assert len({row.name for row in matrix.ROWS}) == len(matrix.ROWS)


def test_a_result_is_told_of_the_row_that_it_belongs_to() -> None:
    assert rows_of("tests/faults/test_answers.py::test_the_outcome_is_unknown[garbage]") == ["garbage"]
    assert rows_of("tests/faults/test_workers.py::test_paused_past_the_lease[a-b-1-c]") == ["paused_past_the_lease"]
    assert rows_of("tests/faults/test_checker.py::test_a_broken_promise_is_found[x]") == []


def test_what_was_not_run_is_not_passed() -> None:
    passed = {row.name: ("passed", 1.0) for row in matrix.ROWS}
    first = matrix.ROWS[0].name
    assert unproven_rows(passed, chosen=False) == []
    assert unproven_rows({**passed, first: ("skipped", 0.0)}, chosen=True) == [first]
    assert unproven_rows({name: found for name, found in passed.items() if name != first}, chosen=False) == [first]
    assert unproven_rows({first: ("passed", 1.0)}, chosen=True) == []


@pytest.mark.parametrize("told_by", ["CI", "FAULTS_RESULTS"])
def test_what_is_skipped_has_failed(monkeypatch: pytest.MonkeyPatch, told_by: str) -> None:
    for name in ("CI", "FAULTS_RESULTS"):
        monkeypatch.delenv(name, raising=False)
    skipped, old = (
        pytest.TestReport("test_it", ("", 1, ""), {}, "skipped", ("file", 1, reason), "setup")
        for reason in ("no server", f"Skipped: {NO_HISTORY} 4711")
    )
    fail_if_skipped(skipped)
    assert skipped.skipped
    monkeypatch.setenv(told_by, "1")
    fail_if_skipped(skipped)
    fail_if_skipped(old)
    assert (skipped.failed, skipped.longrepr) == (True, "Not to be skipped here. no server")
    assert old.failed == (told_by == "FAULTS_RESULTS")


def test_the_readme_shows_the_matrix() -> None:
    assert matrix.table() in (ROOT / "README.md").read_text()
