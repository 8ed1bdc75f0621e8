"""Tax ids as their countries write them: the US EIN, the Canadian Business Number."""

from __future__ import annotations

import re
from typing import Final

from provisioning.models.registry_terms import IRS_COUNTRIES

EIN_PREFIXES: Final = frozenset(
    f"{prefix:02}"
    for first, last in ((1, 6), (10, 16), (20, 27), (30, 48), (50, 68), (71, 77), (80, 88), (90, 95), (98, 99))
    for prefix in range(first, last + 1)
)
"""The campus and Internet prefixes that the IRS has given out (irs.gov, "How EINs are assigned and valid prefixes")."""
_EIN = re.compile(r"(\d{2})-?(\d{7})", re.ASCII)
_BN = re.compile(r"(\d{9})(RC\d{4})?", re.ASCII)
_ANY = re.compile(r"[A-Z0-9][A-Z0-9./ -]{1,20}", re.ASCII)


def canonical(typed: str, country: str) -> str | None:
    """The id as it is stored (12-3456789, 123456782 or 123456782RC0001); None when the country has no such ids."""
    text = " ".join(typed.upper().split())
    if country in IRS_COUNTRIES:
        return _ein(text.replace(" ", ""))
    if country == "CA":
        return _bn(text.replace(" ", "").replace("-", ""))
    return text if _ANY.fullmatch(text) else None


def _ein(text: str) -> str | None:
    found = _EIN.fullmatch(text)
    return f"{found[1]}-{found[2]}" if found and found[1] in EIN_PREFIXES else None


def _bn(text: str) -> str | None:
    found = _BN.fullmatch(text)
    return text if found and _luhn(found[1]) else None


def _luhn(digits: str) -> bool:
    """The check digit of a Business Number (Luhn)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
