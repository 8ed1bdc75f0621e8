"""Where texts may go. Cases are data; each refusal has a code and says what to do."""

from __future__ import annotations

import pytest

from messaging.destinations import is_allowed
from messaging.policy import parse_destination
from provisioning.refusals import Refusal


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("(206) 555-0122", "+12065550122"),
        ("206 555 0122", "+12065550122"),
        ("1-206-555-0122", "+12065550122"),
        ("+1 206.555.0122", "+12065550122"),
        ("\N{FULLWIDTH PLUS SIGN}１２０６５５５０１２２", "+12065550122"),
        ("  +12065550122\N{NO-BREAK SPACE}", "+12065550122"),
        ("tel:+1-206-555-0122", "+12065550122"),
        ("+1 604 555 0123", "+16045550123"),
        ("+1 867 555 0123", "+18675550123"),
        ("+1 787 555 0123", "+17875550123"),
        ("+1 340 555 0123", "+13405550123"),
        ("+1 671 555 0123", "+16715550123"),
        ("+1 800 222 1222", "+18002221222"),
        ("206 911 0911", "+12069110911"),
    ],
)
def test_us_and_canadian_numbers_are_understood_however_typed(typed: str, e164: str) -> None:
    assert parse_destination(typed) == e164
    assert is_allowed(e164)


@pytest.mark.parametrize(
    ("typed", "code", "kind"),
    [
        ("", "invalid_destination", None),
        ("hello", "invalid_destination", None),
        ("555 0122", "invalid_destination", None),
        ("+1 206 555 01222", "invalid_destination", None),
        ("+1 555 555 1212", "invalid_destination", None),
        ("+1 999 555 0123", "invalid_destination", None),
        ("206 555 0122 ext. 5", "invalid_destination", None),
        ("+999 123 456", "invalid_destination", None),
        ("2" * 5000, "invalid_destination", None),
        ("\x00", "invalid_destination", None),
        ("'; drop table", "invalid_destination", None),
        ("+1 876 5550101", "destination_not_allowed", "international"),
        ("876 555 0101", "destination_not_allowed", "international"),
        ("+1 242 555 0123", "destination_not_allowed", "international"),
        ("+44 20 7946 0958", "destination_not_allowed", "international"),
        ("011 44 20 7946 0958", "destination_not_allowed", "international"),
        ("+52 55 1234 5678", "destination_not_allowed", "international"),
        ("+1 900 555 0123", "destination_not_allowed", "premium_rate"),
        ("900-234-5678", "destination_not_allowed", "premium_rate"),
        ("12345", "destination_not_allowed", "short_code"),
        ("741741", "destination_not_allowed", "short_code"),
        ("988", "destination_not_allowed", "short_code"),
        ("+1 988", "destination_not_allowed", "short_code"),
        ("411", "destination_not_allowed", "short_code"),
        ("911", "emergency", None),
        (" 9-1-1 ", "emergency", None),
        ("９１１", "emergency", None),
        ("1911", "emergency", None),
        ("+1911", "emergency", None),
        ("+1 911", "emergency", None),
        ("001911", "emergency", None),
        ("112", "emergency", None),
        ("tel:911", "emergency", None),
    ],
)
def test_everything_else_is_refused_with_its_code(typed: str, code: str, kind: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        parse_destination(typed)
    assert (refused.value.code, refused.value.extra.get("kind")) == (code, kind)
    assert not is_allowed(typed)


def test_only_an_emergency_number_is_told_to_call_911() -> None:
    sentences = {typed: refusal(typed).sentence for typed in ("911", "988", "12345", "+1 876 5550101", "hello")}
    assert [typed for typed, sentence in sentences.items() if "Call 911" in sentence] == ["911"]


def refusal(typed: str) -> Refusal:
    with pytest.raises(Refusal) as refused:
        parse_destination(typed)
    return refused.value
