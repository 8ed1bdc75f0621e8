"""Reading the file: one text a line, UTF-8, either plain or `label<TAB>text`.

Lines end at LF (a CR before it belongs to the line end) and nowhere else: NEL and U+2028 are characters of the text.
A first line `#!escaped` says that bodies are written with JSON's backslash escapes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ESCAPED: Final = "#!escaped"


@dataclass(frozen=True, slots=True)
class Row:
    """A text and the line it stands on, from 1."""

    line: int
    body: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that holds no text, and why: `empty_line`, `not_utf8` or `bad_escape`."""

    line: int
    code: str


def read(path: Path, limit: int | None = None) -> Iterator[Row | Unreadable]:
    """The file's lines in order; at most `limit` of them."""
    lines = path.read_bytes().split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    escaped = bool(lines) and lines[0].strip() == ESCAPED.encode()
    numbered = list(enumerate(lines, start=1))[1 if escaped else 0 :]
    for number, line in numbered[:limit]:
        yield _row(number, line.removesuffix(b"\r"), escaped)


def _row(number: int, line: bytes, escaped: bool) -> Row | Unreadable:
    if not line:
        return Unreadable(number, "empty_line")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Unreadable(number, "not_utf8")
    _label, tab, rest = text.partition("\t")
    body = rest if tab else text
    if not escaped:
        return Row(number, body)
    try:
        return Row(number, json.loads(f'"{body}"', strict=False))
    except ValueError:
        return Unreadable(number, "bad_escape")
