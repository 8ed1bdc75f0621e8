"""How phone numbers are shown: E.164 is stored, people read `+1 415 555 0101`."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat


@lru_cache(maxsize=4096)
def display(e164: str) -> str:
    """`+14155550101` as `+1 415 555 0101`; what is not a phone number (a short code) as it is."""
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL).replace("-", " ")
