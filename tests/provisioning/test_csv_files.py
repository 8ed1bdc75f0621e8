"""Any bytes as a file: read as a spreadsheet meant them, or refused with a sentence that says what to do."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioning import csv_cells, csv_files, csv_users
from provisioning.refusals import Refusal

HEADER = "Email,First Name,Last Name\r\n"
ROW = "ana@example.com,Ana,Müller\r\n"


def read(content: bytes | str) -> tuple[csv_files.Sheet, list[tuple[int, list[str]]]]:
    sheet = csv_files.read(content.encode() if isinstance(content, str) else content, csv_users.is_known)
    return sheet, list(sheet.rows())


def refused(content: bytes | str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(content)
    assert caught.value.sentence.endswith(".")
    return caught.value


@pytest.mark.parametrize(
    ("codec", "named"),
    [
        ("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"), ("utf-32", "UTF-32"), ("cp1252", "Windows-1252"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_encoding_and_separator_that_a_spreadsheet_writes_is_understood(
    codec: str, named: str, delimiter: str
) -> None:
    sheet, rows = read((HEADER + ROW).replace(",", delimiter).encode(codec))
    assert (sheet.encoding, sheet.delimiter) == (named, delimiter)
    assert sheet.header == ("Email", "First Name", "Last Name")
    assert rows == [(2, ["ana@example.com", "Ana", "Müller"])]


def test_the_separator_is_the_one_that_makes_columns_known_not_the_one_there_is_most_of() -> None:
    sheet, rows = read("Email;First Name\nana@example.com;Ana, Maria, Eva, Luz\n")
    assert sheet.delimiter == ";"
    assert rows == [(2, ["ana@example.com", "Ana, Maria, Eva, Luz"])]


def test_the_line_by_which_excel_names_the_separator_is_no_row() -> None:
    sheet, rows = read("sep=;\r\nEmail;First Name\r\nana@example.com;Ana\r\n")
    assert (sheet.header, rows) == (("Email", "First Name"), [(2, ["ana@example.com", "Ana"])])


def test_rows_are_counted_as_a_spreadsheet_counts_them() -> None:
    lines = 'Email,First Name\n\n"a@example.com","two\nlines"\n,,\nb@example.com,B\n# not read,x\nc@example.com,C\n'
    assert [number for number, _cells in read(lines)[1]] == [3, 5, 7]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_one(end: str) -> None:
    assert read(f"Email{end}a@example.com{end}b@example.com")[1] == [(2, ["a@example.com"]), (3, ["b@example.com"])]


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\xef\xbb\xbf\r\n  \r\n", "file_empty"),
        (b"\xff\xfe", "file_empty"),
        (HEADER, "file_no_rows"),
        (HEADER + ",,\r\n\r\n# only a comment,,\r\n", "file_no_rows"),
        (ROW + ROW, "file_no_header"),
        ("\r\n" + HEADER + ROW, "file_no_header"),
        ("Nombre,Correo\r\nAna,x\r\n", "file_no_header"),
        ("Email|First Name\nana@example.com|Ana\n", "file_no_header"),
        (workbook(), "file_is_workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "file_is_workbook"),
        (b"%PDF-1.7\n", "file_is_not_csv"),
        (HEADER.encode() + b"ana@example.com,A\0na,x\r\n", "file_nul"),
        (HEADER.encode() + b"ana@example.com,\x81\x8d,x\r\n", "file_encoding"),
        (HEADER.encode("utf-16") + b"\x00\xd8,", "file_encoding"),
        (HEADER + 'ana@example.com,"Ana,x\r\n' + ROW * 3, "file_quotes"),
        (HEADER + 'ana@example.com,"A"na,x\r\n', "file_quotes"),
        (HEADER + 'ana@example.com,"Ana\r\n' + ROW * 9_000, "file_cell_too_long"),
        (HEADER + f'ana@example.com,{"x" * 150_000},y\r\n', "file_cell_too_long"),
        (HEADER + f'ana@example.com,{"x" * 250_000},y\r\n', "file_line_too_long"),
        ("Email," + ",".join(f"c{n}" for n in range(201)) + "\r\n", "file_too_many_columns"),
        ("Email," + "," * 1_000_000 + "\r\n" + ROW, "file_too_many_columns"),
        (HEADER + "ana@example.com" + "," * 1_000_000 + "\r\n", "file_too_many_columns"),
        (HEADER + ROW * 20_001, "file_too_many_rows"),
        (b"Email\r\n" + b"x" * csv_files.MOST_BYTES, "file_too_large"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_rows_is_refused_by_its_cause(content: bytes | str, code: str) -> None:
    assert refused(content).code == code


def test_what_is_wrong_in_a_row_is_told_with_the_row() -> None:
    assert "Row 4 " in refused(HEADER + ROW + ROW + "x,\0,y\r\n").sentence
    assert "row 3 " in refused(HEADER + ROW + 'x,"y').sentence


def test_twenty_thousand_rows_are_read() -> None:
    assert len(read(HEADER + ROW * 20_000)[1]) == 20_000


def test_a_million_columns_take_no_memory_worth_the_name() -> None:
    content = (HEADER + "a" + "," * 9_000_000 + "\r\n").encode()
    tracemalloc.start()
    assert refused(content).code == "file_too_many_columns"
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The line itself, decoded, and what is left of reading it.
    assert peak < 5 * len(content)


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(str.encode)
    | st.binary(max_size=200).map((HEADER + ROW).encode().__add__)
)
@example(b"\xff\xfe\x00")
@example(b"\xff\xfe\x00\x00\x01")
@example(b'Email\n"')
@example(b"sep=;")
@example(b"\x00E\x00m\x00a\x00i\x00l\x00\n\x00a")
def test_any_bytes_are_read_or_refused_with_a_sentence(content: bytes) -> None:
    code, found = "", 0
    try:
        found = len(read(content)[1])
    except Refusal as refusal:
        code = refusal.code
    assert code.startswith("file_") != bool(found)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), st.sampled_from([",", ";", "\t"]))
def test_whatever_cells_are_written_safely_come_back(names: list[tuple[str, str]], delimiter: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(["Email", "First Name", "Last Name"])
    writer.writerows([["x@example.com", *map(csv_cells.safe, pair)] for pair in names])
    _sheet, rows = read(b"\xef\xbb\xbf" + written.getvalue().encode())
    assert [tuple(cells[1:]) for _number, cells in rows] == names


@pytest.mark.parametrize(
    "name", ["'t Hart", "'s-Gravenhage", "O'Brien", "=1+1", "'=1+1", "''", "+14155550101", "-5", "＝x"]
)
def test_an_apostrophe_comes_off_only_where_it_was_put(name: str) -> None:
    assert csv_cells.original(csv_cells.safe(name)) == name


def test_an_apostrophe_of_a_name_in_another_systems_file_stays() -> None:
    assert read("Email,Last Name\na@example.com,'t Hart\n")[1] == [(2, ["a@example.com", "'t Hart"])]
