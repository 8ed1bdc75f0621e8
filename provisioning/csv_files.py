"""Reading a CSV file that somebody's spreadsheet wrote: what it is, and its rows; or a sentence that says what to do.

What must never happen
- A file that fills memory or disk: bytes, rows, columns, the length of a line and of a cell all have limits, each
  checked before what it limits is built, and rows are read one at a time.
- A guess that nobody hears of: the encoding and the separator that were understood are told.
- Half a file taken for a whole one: a quotation mark that is never closed, a NUL or bytes of no known encoding refuse
  the file, with the row as a spreadsheet counts it.

Understood: UTF-8 (with or without a byte order mark), UTF-16, UTF-32, Windows-1252; comma, semicolon, tab; Excel's
line `sep=;`; every kind of line end; a cell over many lines. Nothing is known here of users.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from provisioning.csv_cells import original
from provisioning.refusals import Refusal

MOST_BYTES: Final = 10 * 1024 * 1024
MOST_ROWS: Final = 20_000
MOST_COLUMNS: Final = 200
LONGEST_LINE: Final = 200_000
"""In characters: a line is split into cells only if it is shorter, so a million columns are never made."""
COMMENT: Final = "# "
"""A row whose first cell begins so is not read: the template explains itself in one."""
DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
"""UTF-32 first: its mark begins with that of UTF-16."""
_NO_TEXT: Final = (
    b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff", b"BZh",
    b"7z\xbc\xaf",
)  # fmt: skip
"""First bytes of workbooks (.xlsx and .ods are zip files, .xls is OLE) and of other files chosen by mistake."""
_WORKBOOKS: Final = _NO_TEXT[:3]
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>[,;\t])"?[\r\n]*', re.IGNORECASE)
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that can be read. `header` is its first row; `encoding` and `delimiter` are how it was understood."""

    header: tuple[str, ...]
    encoding: str
    delimiter: str
    _content: bytes = field(repr=False)
    _codec: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows below the header, one at a time, each with its number as a spreadsheet counts. Rows without
        anything in them, and comments, are passed over.

        Refusal: `file_no_rows`, `file_too_many_rows`, or what is wrong in a row.
        """
        found = 0
        for number, cells in _records(self._content, self._codec, self.delimiter):
            if number == 1 or not any(cells) or cells[0].startswith(COMMENT):
                continue
            found += 1
            if found > MOST_ROWS:
                raise _too_many_rows()
            yield number, cells
        if not found:
            raise Refusal(
                "file_no_rows", _("This file has column names and no rows below them. Add a row for each user.")
            )


def read(content: bytes, is_known: Callable[[str], bool]) -> Sheet:
    """The file, if it is one. `is_known` says whether a column name means something to the caller: the separator that
    makes most of them known is the one.

    Refusal: a code that begins with `file_`, and a sentence that says what to do.
    """
    _refuse_no_text(content)
    codec, encoding = _encoding(content)
    delimiter, header = _header(content, codec, is_known)
    _refuse_header(header, is_known)
    return Sheet(tuple(header), encoding, delimiter, content, codec)


def _refuse_no_text(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise too_large()
    if content.startswith(_WORKBOOKS):
        sentence = _(
            "This is a workbook, not a CSV file. Open it in the spreadsheet program, "
            "save it as “CSV UTF-8 (comma delimited)”, then upload the file that makes."
        )
        raise Refusal("file_is_workbook", sentence)
    if content.startswith(_NO_TEXT):
        raise Refusal(
            "file_is_not_csv", _("This is not a CSV file. Choose the file that the spreadsheet saved as CSV.")
        )
    if not content.strip(b"\0\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise Refusal("file_empty", _("This file is empty. Download the template, fill it in, then upload it."))


def too_large() -> Refusal:
    """For whoever receives the bytes, too: a file this large is not even read."""
    words = {"size": MOST_BYTES // 1024 // 1024, "rows": f"{MOST_ROWS:,}"}
    sentence = _("This file is larger than %(size)s MB. Split it into files of at most %(rows)s rows each.")
    return Refusal("file_too_large", sentence % words, http_status=413)


def _too_many_rows() -> Refusal:
    words = {"rows": f"{MOST_ROWS:,}"}
    sentence = _("This file has more than %(rows)s rows. Split it into files of at most that many each.")
    return Refusal("file_too_many_rows", sentence % words)


def _encoding(content: bytes) -> tuple[str, str]:
    """Codec and name. Without a mark: UTF-16 if every second byte is NUL, UTF-8 if it is valid, else Windows-1252."""
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return _proven(content, (codec, name))
    return _proven(content, *_unmarked(content[:4096]), ("utf-8", "UTF-8"), ("cp1252", "Windows-1252"))


def _unmarked(start: bytes) -> list[tuple[str, str]]:
    """UTF-16 that says nothing of it: Latin letters have a NUL in every second byte."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * 4 < len(start) or min(even, odd) * 4 > max(even, odd):
        return []
    return [("utf-16-be" if even > odd else "utf-16-le", "UTF-16")]


def _proven(content: bytes, *candidates: tuple[str, str]) -> tuple[str, str]:
    """The first in which every byte means something."""
    for codec, name in candidates:
        if _decodes(content, codec):
            return codec, name
    sentence = _(
        "The letters of this file can’t be read: it is neither UTF-8 nor UTF-16 nor Windows-1252. "
        "Save it as “CSV UTF-8 (comma delimited)”, then upload it again."
    )
    raise Refusal("file_encoding", sentence)


def _decodes(content: bytes, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    try:
        for start in range(0, len(content), _PIECE):
            decoder.decode(content[start : start + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _lines(content: bytes, codec: str) -> Iterator[str]:
    """Physical lines with their ends, none too long to be split; without Excel's line that names the separator."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding=codec, errors="strict", newline="")
    for index, line in enumerate(text):
        if index == 0 and _SEPARATOR_LINE.fullmatch(line):
            continue
        if len(line) > LONGEST_LINE:
            raise _long_line(line)
        yield line


def _long_line(line: str) -> Refusal:
    if max(line.count(delimiter) for delimiter in DELIMITERS) > MOST_COLUMNS:
        return _too_many_columns()
    words = {"most": f"{LONGEST_LINE:,}"}
    sentence = _("A line of this file is longer than %(most)s characters. Check that it is the right file.")
    return Refusal("file_line_too_long", sentence % words)


def _too_many_columns() -> Refusal:
    words = {"most": MOST_COLUMNS}
    return Refusal(
        "file_too_many_columns", _("This file has more than %(most)s columns. Delete those you don’t need.") % words
    )


def _records(content: bytes, codec: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row with its number, cells as they were before they were made safe. A cell over many lines is one row."""
    number = 0
    reader = csv.reader(_without_nul(content, codec, lambda: number), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken(number + 1, error) from error
        number += 1
        yield number, [original(cell) for cell in cells]


def _without_nul(content: bytes, codec: str, rows_read: Callable[[], int]) -> Iterator[str]:
    for line in _lines(content, codec):
        if "\0" in line:
            sentence = _("Row %(row)s has a NUL character, which no text has. Type the row again, or check the file.")
            raise Refusal("file_nul", sentence % {"row": rows_read() + 1}, row=rows_read() + 1)
        yield line


def _broken(row: int, error: csv.Error) -> Refusal:
    """What csv.reader could not read, in words."""
    if "field limit" in str(error):
        words = {"row": row, "most": f"{csv.field_size_limit():,}"}
        sentence = _(
            "Row %(row)s has a cell of more than %(most)s characters. Often a quotation mark before it is not closed."
        )
        return Refusal("file_cell_too_long", sentence % words, row=row)
    sentence = _(
        "From row %(row)s on this file can’t be read: a quotation mark is not closed, or something follows it. "
        "Correct the row, or save the file as CSV again."
    )
    return Refusal("file_quotes", sentence % {"row": row}, row=row)


def _header(content: bytes, codec: str, is_known: Callable[[str], bool]) -> tuple[str, list[str]]:
    """The separator under which most columns are known (then: of which there are most), and the first row by it."""
    best: tuple[tuple[int, int], str, list[str]] | None = None
    refused: Refusal | None = None
    for delimiter in DELIMITERS:
        try:
            header = _first_row(content, codec, delimiter)
        except Refusal as refusal:
            if refusal.code == "file_too_many_columns":
                raise
            refused = refused or refusal
            continue
        score = (sum(map(is_known, header)), len(header))
        if best is None or score > best[0]:
            best = (score, delimiter, header)
    if best is None:
        raise refused or _no_header([])
    return best[1], best[2]


def _first_row(content: bytes, codec: str, delimiter: str) -> list[str]:
    for _number, cells in _records(content, codec, delimiter):
        if len(cells) > MOST_COLUMNS:
            raise _too_many_columns()
        return [cell.strip() for cell in cells]
    return []


def _refuse_header(header: list[str], is_known: Callable[[str], bool]) -> None:
    if not any(map(is_known, header)):
        raise _no_header(header)


def _no_header(header: list[str]) -> Refusal:
    """The first row names no column: it is data, or it is in words of its own."""
    if not any(header):
        return Refusal("file_no_header", _("The first row is empty. It must name the columns, as the template does."))
    if any("@" in cell for cell in header):
        sentence = _("The first row is data. It must name the columns: add a row above it, as the template has.")
        return Refusal("file_no_header", sentence)
    names = ", ".join(f"“{cell[:40]}”" for cell in header[:5] if cell)
    sentence = _("None of the columns is known (%(names)s). Name them in the first row as the template does.")
    return Refusal("file_no_header", sentence % {"names": names})


def unread(sheet: Sheet, index: int) -> str:
    """A column that nothing is read from, as a person finds it: by its name, or by its letter if it has none."""
    name = sheet.header[index] if index < len(sheet.header) else ""
    return name[:100] or _("column %(letter)s, without a name") % {"letter": letter(index)}


def letter(index: int) -> str:
    """The column's letter in a spreadsheet: 0 is A, 26 is AA."""
    first, last = divmod(index, 26)
    return (letter(first - 1) if first else "") + chr(ord("A") + last)


def described(sheet: Sheet) -> dict[str, Any]:
    """How the file was understood, JSON-ready."""
    return {"encoding": sheet.encoding, "delimiter": DELIMITERS[sheet.delimiter]}
