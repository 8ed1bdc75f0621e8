"""Phone numbers as people type them: read in any format, refused with a sentence each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.numbers import national, parse
from provisioning.refusals import Refusal


@pytest.mark.parametrize(
    "typed",
    [
        "+14155550101", "+1 415 555 0101", "(415) 555-0101", "415-555-0101", "415.555.0101", "4155550101",
        "14155550101", "1 (415) 555-0101", "tel:+1-415-555-0101", " 415 555 0101 ", "415–555–0101",
        "４１５５５５０１０１", "٤١٥٥٥٥٠١٠١", "\u202a+1 (415) 555\u20110101\u202c", "415\u00a0555\u00a00101",
        "'+14155550101", "14155550101.0",
    ],
)  # fmt: skip
def test_any_human_format_is_read(typed: str) -> None:
    assert parse(typed, "US") == "+14155550101"


@pytest.mark.parametrize(
    ("typed", "region", "e164"),
    [
        ("0113 496 0101", "GB", "+441134960101"),
        ("441134960101", "GB", "+441134960101"),
        ("07911 123456", "GB", "+447911123456"),
        ("604 555 0110", "CA", "+16045550110"),
        ("604 555 0110", "US", "+16045550110"),
        ("787 555 0101", "US", "+17875550101"),
        ("415 555 0101", "PR", "+14155550101"),
    ],
)
def test_a_number_without_a_country_code_is_of_the_locations_country(typed: str, region: str, e164: str) -> None:
    assert parse(typed, region) == e164


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("", "number_missing", "Enter a phone number"),
        ("\u200e ", "number_missing", "Enter a phone number"),
        ("abc", "not_a_number", "“abc” is not a phone number"),
        ("Reception 415 555 0101", "not_a_number", "not a phone number"),
        ("415 555 0101 front desk", "not_a_number", "not a phone number"),
        ("=4155550101", "not_a_number", "not a phone number"),
        ("415\x005550101", "not_a_number", "415\ufffd5550101"),
        ("415555010", "not_a_number", "not a phone number"),
        ("710 555 0101", "not_a_number", "not a phone number"),
        ("1.41556E+10", "number_rounded", "rounded by a spreadsheet"),
        ("1,41556E+10", "number_rounded", "rounded by a spreadsheet"),
        ("911", "short_number", "911 is a short number"),
        ("988", "short_number", "short number"),
        ("72345", "short_number", "short codes can’t be added"),
        ("555-0101", "area_code_missing", "no area code"),
        ("(415) 555-0101 x12", "number_extension", "without it"),
        ("800 555 0199", "toll_free_number", "+1 800 555 0199 is toll-free"),
        ("1 800 FLOWERS", "toll_free_number", "is toll-free"),
        ("900 555 0123", "premium_number", "premium-rate"),
        ("500 555 0100", "number_kind", "not a number of a place or a mobile phone"),
        ("+44 113 496 0101", "foreign_number", "another country: United Kingdom, not United States"),
        ("+1 876 555 0101", "foreign_number", "another country: Jamaica, not United States"),
    ],
)
def test_what_cant_be_a_number_of_a_us_location_says_why(typed: str, code: str, words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse(typed, "US")
    assert refusal.value.code == code
    assert words in refusal.value.sentence


def test_a_number_of_the_us_is_foreign_where_the_location_is_abroad() -> None:
    with pytest.raises(Refusal, match="foreign_number"):
        parse("+1 415 555 0101", "GB")


def test_the_example_is_one_of_the_locations_country() -> None:
    with pytest.raises(Refusal) as refusal:
        parse("abc", "GB")
    assert "as in 0121 234 5678 or +44 121 234 5678" in refusal.value.sentence


@given(st.text(max_size=80))
def test_whatever_is_typed_is_a_number_or_a_refusal(typed: str) -> None:
    answer = _answer(typed)
    if isinstance(answer, Refusal):
        assert answer.sentence.isprintable()
    else:
        assert parse(answer, "US") == answer


def _answer(typed: str) -> str | Refusal:
    try:
        return parse(typed, "US")
    except Refusal as refusal:
        return refusal


@pytest.mark.parametrize(
    ("e164", "shown"),
    [
        ("+14155550101", "(415) 555-0101"),
        ("+16045550110", "(604) 555-0110"),
        ("+441134960101", "+44 113 496 0101"),
        ("72345", "72345"),
        ("", ""),
    ],
)
def test_numbers_are_shown_in_their_national_format_and_foreign_ones_with_their_country_code(
    e164: str, shown: str
) -> None:
    assert national(e164) == shown
