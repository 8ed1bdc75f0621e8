"""How many segments a text takes, counted independently of the hub. 3GPP TS 23.038 (GSM-7), 160/153 and 70/67."""

from __future__ import annotations

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")


def count(body: str) -> int:
    """Segments of one text; an empty one takes one."""
    if all(character in BASIC or character in EXTENDED for character in body):
        return _packed([2 if character in EXTENDED else 1 for character in body], single=160, part=153)
    return _packed([2 if ord(character) > 0xFFFF else 1 for character in body], single=70, part=67)


def _packed(widths: list[int], single: int, part: int) -> int:
    """Greedy, because a pair is never split between two parts."""
    if sum(widths) <= single:
        return 1
    parts, room = 0, 0
    for width in widths:
        if width > room:
            parts, room = parts + 1, part
        room -= width
    return parts
