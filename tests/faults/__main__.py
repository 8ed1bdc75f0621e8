"""The whole fault matrix: `python -m tests.faults`, on SQLite, and on Postgres when DATABASE_URL names one.

Prints each row with what came of it and the seconds it took. On Postgres a database beside the named one is made.
A row that was skipped, or of all rows one that was not run, is a failure. Further arguments are pytest's (`-k STOP`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from texting_hub.up.testing import environment
from texting_hub.up.words import ROOT

MARKS = "faults or slow_faults"
Results = dict[str, tuple[str, float]]
"""Of each row: passed, failed or skipped, and the seconds it took."""


def measured(database_url: str, arguments: list[str]) -> tuple[int, Results]:
    """pytest's exit code, and what came of each row."""
    given = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "HUB_TEST_DATABASE_URL")}
    if database_url:
        given["HUB_TEST_DATABASE_URL"] = database_url
    with tempfile.TemporaryDirectory(prefix="hub-faults-") as data:
        results = Path(data, "results.json")
        options = ["-q", "-m", MARKS, "-p", "no:cacheprovider", "-p", "tests.faults.results", "--create-db"]
        command = [sys.executable, "-m", "pytest", *options, "tests/faults", *arguments]
        child = {**environment(given, data), "FAULTS_RESULTS": str(results)}
        code = subprocess.run(command, cwd=ROOT, env=child, check=False).returncode
        return code, json.loads(results.read_text()) if results.exists() else {}


def table(databases: Mapping[str, Results]) -> str:
    """The matrix, one column for each database."""
    from tests.faults.matrix import ROWS

    longest = max(len(row.fault) for row in ROWS)
    heads = [f"{'fault':{longest}}", *(f"{name:>18}" for name in databases)]
    lines = ["  ".join(heads)]
    for row in ROWS:
        cells = (_cell(results.get(row.name)) for results in databases.values())
        lines.append("  ".join([f"{row.fault:{longest}}", *cells]))
    return "\n".join(lines)


def _cell(result: tuple[str, float] | None) -> str:
    if result is None:
        return f"{'not run':>18}"
    outcome, seconds = result
    return f"{outcome:>9} {seconds:6.1f} s"


def main(arguments: list[str]) -> int:
    """The worse of the two exit codes; 1 if one is 0 and not everything was run that should have been."""
    urls = {"SQLite": ""}
    if named := os.environ.get("DATABASE_URL") or os.environ.get("HUB_TEST_DATABASE_URL"):
        urls["Postgres"] = named
    found = {name: measured(url, arguments) for name, url in urls.items()}
    print()
    print(table({name: results for name, (_code, results) in found.items()}))
    unproven = any(unproven_rows(results, chosen=bool(arguments)) for _code, results in found.values())
    return max(int(unproven), *(code for code, _results in found.values()))


def unproven_rows(results: Results, *, chosen: bool) -> list[str]:
    """Rows that nothing was shown of. Where some were chosen, the others need not have been run."""
    from tests.faults.matrix import ROWS

    expected = results if chosen else [row.name for row in ROWS]
    return [name for name in expected if name not in results or results[name][0] == "skipped"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
