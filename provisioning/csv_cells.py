"""CSV for people with a spreadsheet: RFC 4180, CRLF, UTF-8 with a byte order mark (Excel guesses Latin-1 without).

A cell that a spreadsheet would take for a formula gets an apostrophe in front: one that begins with = + - @, a tab, a
line end, their full-width twins, or an apostrophe. `original` takes it off again, so nothing is lost. It takes off
only what `safe` can have put there: a file from elsewhere may say 't Hart. Phone numbers in E.164 (+14155550101) are
left as they are; they are digits after the plus, and people look for them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
_E164 = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)


def safe(text: str) -> str:
    """The text as a cell that no spreadsheet computes."""
    return f"'{text}" if text.startswith(RISKY) and not _E164.fullmatch(text) else text


def original(cell: str) -> str:
    """What `safe` was given."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(RISKY) else cell


def head(columns: Iterable[str]) -> bytes:
    """The start of a file: byte order mark and header row."""
    return BYTE_ORDER_MARK + rows([columns])


def rows(lines: Iterable[Iterable[str]]) -> bytes:
    """Rows as they are; give their cells through `safe` first."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(lines)
    return buffer.getvalue().encode("utf-8")
