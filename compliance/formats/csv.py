"""Records as CSV rows; provisioning/csv_cells.py says what a cell is, so that no spreadsheet computes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioning.csv_cells import BYTE_ORDER_MARK, RISKY, head, original, rows, safe

__all__ = ["BYTE_ORDER_MARK", "RISKY", "head", "line", "original", "safe"]


def line(record: Mapping[str, Any]) -> bytes:
    """One record as a row; nothing (None) is an empty cell."""
    return rows([[safe(_text(value)) for value in record.values()]])


def _text(value: Any) -> str:
    return "" if value is None else str(value)
