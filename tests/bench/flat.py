"""Whether a text costs the same in a full table and behind a long queue: rounds of each, interleaved.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python -m tests.bench.flat [--rounds 5]

table   10,000 against 5,000,000 delivered texts of the last 400 days: accepting, and draining to the last receipt
queue   1,000 against 100,000 texts that wait: draining to the last receipt

What is told is how much longer a text takes on the large side. Each side has a database, a Redis database and
processes of its own, which rest while the other is measured. The large table takes about 5 GB of disk while it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests.bench.common import BROKER, row

GATE = 1.3
MEASURED = {
    "table, accepting": (
        "tests.bench.accept", ["--history", "10000"], ["--history", "5000000"],
    ),
    "table, draining": (
        "tests.bench.relay", ["--history", "10000"], ["--history", "5000000"],
    ),
    "queue, draining": (
        "tests.bench.relay", ["--texts", "1000"], ["--texts", "100000"],
    ),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=list(MEASURED))
    parser.add_argument("--json", type=Path, help="Keep the figures here.")
    options = parser.parse_args()
    found = {name: _compared(name, options.rounds) for name in MEASURED if options.only in (None, name)}
    for name, one in found.items():
        print(row(f"{name}: small, texts/s", one["small"]))
        print(row(f"{name}: large, texts/s", one["large"]))
        print(row(f"{name}: cost large / small", one["ratios"]))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0 if all(statistics.median(one["ratios"]) <= GATE for one in found.values()) else 1


def _compared(name: str, rounds: int) -> dict[str, list[float]]:
    module, small, large = MEASURED[name]
    with Side(module, small, "small") as one, Side(module, large, "large") as other:
        rates = [(one.round(), other.round()) for _ in range(rounds)]
    ratios = [few / many for few, many in rates]
    return {"small": [few for few, _many in rates], "large": [many for _few, many in rates], "ratios": ratios}


class Side(contextlib.AbstractContextManager["Side"]):
    """A benchmark that measures a round when it is asked to."""

    def __init__(self, module: str, options: list[str], name: str) -> None:
        broker = urlsplit(BROKER)
        place = int(broker.path.strip("/") or 0) + (name == "large")
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/flat_{name}")
        environment = {
            **os.environ, "DATABASE_URL": urlunsplit(database),
            "BENCH_REDIS_URL": urlunsplit(broker._replace(path=f"/{place}")),
        }  # fmt: skip
        only_ours = [] if module.endswith("accept") else ["--only", "ours"]
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", module, *only_ours, "--on-demand", *options],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._said() == "ready", "it does not start"

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def round(self) -> float:
        """Texts a second."""
        assert self._process.stdin is not None
        self._process.stdin.write("round\n")
        self._process.stdin.flush()
        return float(self._said())

    def __exit__(self, *_error: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=120)


if __name__ == "__main__":
    sys.exit(main())
