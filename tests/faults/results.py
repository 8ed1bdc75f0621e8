"""A plugin of pytest's that writes down what came of each row of the matrix, where FAULTS_RESULTS says.

What is skipped there, or in CI, has failed (conftest.py asks): nobody withstood a fault that was never done. One thing
CI may lack, as it may be handed a copy without history: the code of before.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from tests.faults.matrix import TESTED

_outcomes: dict[str, list[str]] = defaultdict(list)
_seconds: dict[str, float] = defaultdict(float)


def rows_of(nodeid: str) -> list[str]:
    """The rows that a test is of: by its function, and by its parameter where a function is of several."""
    function, _, parameter = nodeid.rpartition("::")[2].partition("[")
    mine = [name for name, test in TESTED.items() if test.__name__ == function]
    return mine if len(mine) <= 1 else [name for name in mine if parameter == f"{name}]"]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for name in rows_of(report.nodeid):
        _outcomes[name].append(report.outcome)
        _seconds[name] += report.duration if report.when == "call" else 0


def pytest_sessionfinish() -> None:
    if path := os.environ.get("FAULTS_RESULTS"):
        ended = {name: [_worst(outcomes), _seconds[name]] for name, outcomes in _outcomes.items()}
        Path(path).write_text(json.dumps(ended))


NO_HISTORY = "this copy has no history back to"


def fail_if_skipped(report: pytest.TestReport) -> None:
    if not report.skipped:
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if os.environ.get("FAULTS_RESULTS") or (os.environ.get("CI") and NO_HISTORY not in reason):
        report.outcome, report.longrepr = "failed", f"Not to be skipped here. {reason}"


def _worst(outcomes: list[str]) -> str:
    return next((outcome for outcome in ("failed", "skipped") if outcome in outcomes), "passed")
