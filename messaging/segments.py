"""How many segments a text takes on the air (3GPP TS 23.038 alphabets, 23.040 concatenation). No Django in here.

A single segment holds 160 GSM-7 septets or 70 UTF-16 units; parts of a longer text hold 153 or 67. `^{}\\[]~|€` and
form feed cost two septets, characters beyond the Basic Multilingual Plane two units, and neither pair is ever split.
So parts are packed greedily: dividing and rounding up gives too few.
"""

from __future__ import annotations

from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")

GSM7 = "gsm7"
UCS2 = "ucs2"
_SINGLE = {GSM7: 160, UCS2: 70}
_PART = {GSM7: 153, UCS2: 67}


@dataclass(frozen=True, slots=True)
class Segmentation:
    """`encoding` is "gsm7" or "ucs2"; units are septets or UTF-16 units; `units_left` is free in the last segment."""

    encoding: str
    segments: int
    units_used: int
    units_left: int


def measure(body: str) -> Segmentation:
    """The segments of a body, as carriers count and bill them. An empty body takes none."""
    encoding, costs = _costs(body)
    used = sum(costs)
    if used <= _SINGLE[encoding]:
        return Segmentation(encoding, 1 if costs else 0, used, _SINGLE[encoding] - used)
    segments, left = _pack(costs, _PART[encoding])
    return Segmentation(encoding, segments, used, left)


def _costs(body: str) -> tuple[str, list[int]]:
    """The encoding, and what each character costs in it."""
    if all(character in BASIC or character in EXTENSION for character in body):
        return GSM7, [2 if character in EXTENSION else 1 for character in body]
    return UCS2, [2 if ord(character) > 0xFFFF else 1 for character in body]


def _pack(costs: list[int], capacity: int) -> tuple[int, int]:
    """Parts needed, and what is left in the last one, when no character is split."""
    parts, left = 1, capacity
    for cost in costs:
        if cost > left:
            parts, left = parts + 1, capacity
        left -= cost
    return parts, left
