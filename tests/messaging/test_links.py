"""Links of public URL shorteners are found however they are dressed up, and nothing else is taken for one."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.links import MOST_DOTS, shortener_in, visible
from messaging.shorteners import SHORTENERS

A_SHORTENER = st.sampled_from(sorted(SHORTENERS))
LABEL = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)


@pytest.mark.parametrize(
    "body",
    [
        "Pay here: https://bit.ly/3xYz",
        "Pay here: bit.ly/3xYz",
        "BIT.LY/3xYz",
        "See bit.ly.",
        "(bit.ly/3xYz)",
        "“bit.ly”",
        "bit.ly, or call",
        "now!bit.ly/3xYz",
        "www.bit.ly/3xYz",
        "https://bit.ly:443/3xYz",
        "bit.ly?x=1",
        "Wait...bit.ly/3xYz",
        "this/bit.ly/3xYz",
        "one\nbit.ly/3xYz\ntwo",
        "ｂｉｔ．ｌｙ/3xYz",
        "ⓑⓘⓣ.ⓛⓨ/3xYz",
        "bit。ly/3xYz",
        "b\u200bit.l\u00ady/3xYz",
        "bit\ufe0f.ly/3xYz",
        "https://xn--ni7coa7a.ly/3xYz",
        "https://ann@bit.ly/3xYz",
    ],
)
def test_a_shortener_is_found(body: str) -> None:
    assert shortener_in(body) == "bit.ly"


@pytest.mark.parametrize(
    "body",
    [
        "notbit.ly.example.com",
        "https://bit.ly.example.com/3xYz",
        "orbit.lyrics.com",
        "habit.ly",
        "my-bit.ly",
        "at.co",
        "https://example.com/bit.ly/3xYz",
        "https://example.com?to=bit.ly/3xYz",
        "ann@bit.ly",
        "bit.ly@example.com",
        "https://bit.ly@example.com/",
        "Not a bit. Lyle will call.",
        "xn--.ly xn--99999999999999999999.ly",
        "",
    ],
)
def test_what_is_none_is_taken_for_none(body: str) -> None:
    assert shortener_in(body) == ""


def test_the_list_is_of_plain_names() -> None:
    assert len(SHORTENERS) >= 50
    for name in SHORTENERS:
        assert visible(name) == name == name.casefold()
        assert 1 <= name.count(".") <= MOST_DOTS
    assert {"bit.ly", "tinyurl.com", "t.co", "goo.gl", "ow.ly", "is.gd", "buff.ly", "rebrand.ly"} <= SHORTENERS


@given(A_SHORTENER, st.sampled_from(["", "https://", "http://", "www.", "go."]), LABEL, st.randoms())
def test_any_of_them_is_found_in_any_case_behind_anything(name: str, before: str, path: str, random: object) -> None:
    mixed = "".join(character.upper() if random.random() < 0.5 else character for character in name)  # type: ignore[attr-defined]
    assert shortener_in(f"Look at {before}{mixed}/{path}, please.") == name
    assert shortener_in(f"Look at {before}{mixed}. Thanks") == name


@given(A_SHORTENER)
def test_any_of_them_is_found_in_full_width(name: str) -> None:
    assert shortener_in("".join(chr(ord(character) + 0xFEE0) for character in name)) == name


@given(A_SHORTENER, LABEL, LABEL)
def test_none_is_found_inside_another_domain(name: str, other: str, label: str) -> None:
    assert shortener_in(f"https://{name}.{label}.example/{other}") == ""
    if f"{label}{name}" not in SHORTENERS:
        assert shortener_in(f"https://{label}{name}/{other}") == ""


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert shortener_in(text) in {"", *SHORTENERS}


def test_a_long_text_is_looked_at_once() -> None:
    assert shortener_in("a." * 200_000 + "-" * 200_000) == ""
