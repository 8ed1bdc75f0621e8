"""CSV for people with a spreadsheet: RFC 4180, CRLF, UTF-8 with a byte order mark (Excel guesses Latin-1 without).

A cell that a spreadsheet would take for a formula gets an apostrophe in front: one that begins with = + - @, a tab, a
line end, their full-width twins, or an apostrophe. `original` takes it off again, so nothing is lost: a cell begins
with an apostrophe only if one was put there. Phone numbers in E.164 (+14155550101) are left as they are; they are
digits after the plus, and people look for them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
_E164 = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)


def head(columns: Iterable[str]) -> bytes:
    """The start of the file: byte order mark and header row."""
    return BYTE_ORDER_MARK + _row(columns)


def line(record: Mapping[str, Any]) -> bytes:
    """One record as a row; nothing (None) is an empty cell."""
    return _row(safe(_text(value)) for value in record.values())


def safe(text: str) -> str:
    """The text as a cell that no spreadsheet computes."""
    return f"'{text}" if text.startswith(RISKY) and not _E164.fullmatch(text) else text


def original(cell: str) -> str:
    """What `safe` was given."""
    return cell.removeprefix("'")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _row(cells: Iterable[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().encode("utf-8")
