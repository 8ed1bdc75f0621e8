"""Segments against the standard's edges, against a second implementation, and against an independent packer."""

from __future__ import annotations

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from messaging.segments import BASIC, EXTENSION, GSM7, UCS2, measure

GSM_TEXTS = st.text(alphabet=sorted(BASIC | EXTENSION), max_size=700)
ANY_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x1b"), max_size=350)


@pytest.mark.parametrize(
    ("body", "encoding", "segments", "used", "left"),
    [
        ("", GSM7, 0, 0, 160),
        ("a", GSM7, 1, 1, 159),
        ("a" * 160, GSM7, 1, 160, 0),
        ("a" * 161, GSM7, 2, 161, 145),
        ("a" * 306, GSM7, 2, 306, 0),
        ("a" * 307, GSM7, 3, 307, 152),
        ("€" * 80, GSM7, 1, 160, 0),
        ("€" * 81, GSM7, 2, 162, 153 - 10),
        ("a" * 152 + "€" + "a" * 152, GSM7, 3, 306, 152),
        ("\f" + "a" * 158, GSM7, 1, 160, 0),
        ("[]{}^\\~|", GSM7, 1, 16, 144),
        ("äöüßÄÖÜ@£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞ", GSM7, 1, 30, 130),
        ("中" * 70, UCS2, 1, 70, 0),
        ("中" * 71, UCS2, 2, 71, 63),
        ("😀" * 35, UCS2, 1, 70, 0),
        ("a" * 66 + "😀" + "a" * 3, UCS2, 2, 71, 62),
        ("中" * 66 + "😀" + "中" * 66, UCS2, 3, 134, 66),
        ("ç", UCS2, 1, 1, 69),
        ("tab\there", UCS2, 1, 8, 62),
        ("`", UCS2, 1, 1, 69),
        ("‘quoted’", UCS2, 1, 8, 62),
        ("\x92", UCS2, 1, 1, 69),
    ],
)
def test_segments_at_the_edges(body: str, encoding: str, segments: int, used: int, left: int) -> None:
    size = measure(body)
    assert (size.encoding, size.segments, size.units_used, size.units_left) == (encoding, segments, used, left)


def test_the_alphabet_is_that_of_the_standard() -> None:
    assert len(BASIC) == 127  # 128 places, one of which is the escape
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


@given(st.one_of(GSM_TEXTS, ANY_TEXTS))
def test_a_second_implementation_counts_the_same(body: str) -> None:
    theirs = smsutil.split(body) if body else None
    ours = measure(body)
    assert ours.segments == (len(theirs.parts) if theirs else 0)
    assert ours.encoding == (GSM7 if not body or smsutil.is_valid_gsm(body) else UCS2)


@given(st.one_of(GSM_TEXTS, ANY_TEXTS))
def test_packing_agrees_with_cutting_the_encoded_text(body: str) -> None:
    """An independent way: encode, then cut as far as goes without cutting a pair."""
    ours = measure(body)
    if ours.encoding == GSM7:
        units = "".join("\x1b" + c if c in EXTENSION else c for c in body)
        single, part, opens = 160, 153, lambda unit: unit == "\x1b"
    else:
        raw = body.encode("utf-16-be")
        units = [raw[i : i + 2] for i in range(0, len(raw), 2)]
        single, part, opens = 70, 67, lambda unit: 0xD8 <= unit[0] <= 0xDB
    assert ours.units_used == len(units)
    parts = 0
    while units:
        end = len(units) if not parts and len(units) <= single else min(part, len(units))
        end -= bool(end < len(units) and opens(units[end - 1]))
        units, parts = units[end:], parts + 1
    assert ours.segments == parts
