"""What `./hub up` says. A terminal that was closed meanwhile is no reason to stop halfway through a shutdown."""

from __future__ import annotations

import contextlib
import sys


def say(sentence: str = "") -> None:
    """One line for the person who started this copy."""
    with contextlib.suppress(OSError, ValueError):
        print(sentence, flush=True)


def complain(sentence: str) -> None:
    """One line on stderr, saying which program it comes from."""
    with contextlib.suppress(OSError, ValueError):
        print(f"./hub: {sentence}", file=sys.stderr, flush=True)


def table(rows: list[list[str]]) -> list[str]:
    """Rows as aligned lines, indented by two."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
