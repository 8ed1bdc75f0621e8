"""Phone numbers as people read and type them."""

from __future__ import annotations

import phonenumbers


def grouped(e164: str) -> str:
    """A North American number as people read it: +1 415 555 0122; others as they are."""
    if len(e164) == 12 and e164.startswith("+1") and e164[1:].isdecimal():
        return f"+1 {e164[2:5]} {e164[5:8]} {e164[8:]}"
    return e164


def typed(number: str) -> str | None:
    """E.164 of what somebody typed, None when it is not a number; one without a country is North American."""
    try:
        parsed = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
