"""CSV that no spreadsheet computes and JSON Lines that no reader splits; both give the text back exactly."""

from __future__ import annotations

import csv as reader
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compliance.formats import csv, jsonl

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
NASTY = [
    "=1+1", "+1 (415) 555-0100", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'", "'=1", "''", "", " ",
    "=HYPERLINK(\"http://evil.example\",\"click\")", "=cmd|'/C calc'!A0", "＝1+1", "＠x",
    'She said "no", then\r\nleft;', "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg", "£5 €10 “curly” … ñ", "👩‍👩‍👧 🇨🇦",
    "+14155550101", "+1415555010x", "+0123456", "\ufeffBOM", "tab\tinside", "back\\slash \\u0041", "x" * 5000,
]  # fmt: skip


def through_csv(text):
    content = csv.head(["first", "body"]) + csv.line({"first": "x", "body": text})
    [_head, row] = reader.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return row[1]


@pytest.mark.parametrize("text", NASTY)
def test_a_nasty_body_comes_back_from_csv(text):
    assert csv.original(through_csv(text)) == text


@given(TEXT | TEXT.map("=".__add__) | TEXT.map("'".__add__))
@example("+14155550101")
def test_any_text_comes_back_from_csv_and_none_is_a_formula(text):
    cell = through_csv(text)
    assert csv.original(cell) == text
    if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        assert cell == text
        assert cell[0] == "+"
        assert cell[1:].isdecimal()


def test_a_phone_number_is_left_as_it_is():
    assert through_csv("+14155550101") == "+14155550101"


@pytest.mark.parametrize("text", ["+1415555010x", "+1 415 555 0101", "+14155550101\n", "+1415555010١", "+" + "1" * 16])
def test_what_only_looks_like_a_phone_number_is_not(text):
    assert through_csv(text).startswith("'")


def test_nothing_is_an_empty_cell_and_rows_end_in_crlf():
    assert csv.line({"a": None, "b": 3, "c": "x"}) == b",3,x\r\n"
    assert csv.head(["a", "b"]) == b"\xef\xbb\xbfa,b\r\n"


@pytest.mark.parametrize("text", NASTY)
def test_a_nasty_body_comes_back_from_json_lines(text):
    assert json.loads(jsonl.line({"body": text})) == {"body": text}


@given(TEXT)
def test_any_text_stays_on_one_line_of_json_lines(text):
    lines = (jsonl.line({"body": text}) + jsonl.line({"body": "next"})).decode().splitlines()
    assert [json.loads(line)["body"] for line in lines] == [text, "next"]
