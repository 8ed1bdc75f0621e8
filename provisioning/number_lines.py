"""Many numbers typed at once: one a line or separated by commas, ranges too. Nothing that was typed gets lost.

Every piece between two separators is one Entry: the numbers it means, or the sentence that says what is wrong with it.
A range is written as people write it: `415 555 0100 - 0149`, `4155550100-4155550149`, `(415) 555-0100 to 555-0149`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from provisioning.numbers import LONGEST_TYPED, national, parse
from provisioning.refusals import Refusal

MOST_NUMBERS: Final = 20_000
"""Numbers that are read at once."""
LONGEST_RANGE: Final = 10_000

_SEPARATORS: Final = re.compile(r"[,;\t|]")
_BETWEEN: Final = re.compile(
    r"\s+(?:to|through|thru|until)\s+|\s*(?:\.\.+|…|[–—]|->|→)\s*|\s+-\s+|-(?=[^-]*$)", re.IGNORECASE
)
"""What stands between the two ends of a range; a hyphen last, because numbers have hyphens of their own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of what was typed: `e164s` in order, without those that stand further up; or why there are none.

    `repeated` is how many of its numbers stand further up.
    """

    line: int
    typed: str
    e164s: tuple[str, ...] = ()
    repeated: int = 0
    refusal: Refusal | None = None

    @property
    def is_range(self) -> bool:
        return len(self.e164s) + self.repeated > 1


def read_lines(typed: str, region: str) -> list[Entry]:
    """Every piece of the text, in order. Refusal `too_many_numbers`: it is more than is read at once."""
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    for line, piece in _pieces(typed):
        entries.append(_entry(line, piece, region, seen))
        if len(seen) > MOST_NUMBERS or len(entries) > MOST_NUMBERS:
            raise Refusal(
                "too_many_numbers",
                _("These are more than %(most)s numbers. Add them in parts.") % {"most": f"{MOST_NUMBERS:,}"},
            )
    return entries


def left_over(entries: list[Entry], kept: set[int]) -> str:
    """What was typed in those of the entries (by their place), as it was, one a line."""
    return "\n".join(entry.typed for place, entry in enumerate(entries) if place in kept)


def _pieces(typed: str) -> Iterator[tuple[int, str]]:
    for line, text in enumerate(typed.splitlines(), start=1):
        for piece in _SEPARATORS.split(text):
            if piece.strip():
                yield line, piece.strip()


def _entry(line: int, piece: str, region: str, seen: dict[str, int]) -> Entry:
    try:
        found = _numbers(piece, region)
    except Refusal as refusal:
        return Entry(line, piece, refusal=refusal)
    fresh = tuple(e164 for e164 in found if e164 not in seen)
    if not fresh:
        return Entry(line, piece, repeated=len(found), refusal=_repeated(found, seen[found[0]]))
    seen.update(dict.fromkeys(fresh, line))
    return Entry(line, piece, fresh, repeated=len(found) - len(fresh))


def _repeated(found: list[str], line: int) -> Refusal:
    words = {"number": national(found[0]), "line": line}
    return Refusal("number_repeated", _("%(number)s stands in line %(line)s already.") % words)


def _numbers(piece: str, region: str) -> list[str]:
    """One number, or all of a range. What is no number is tried as a range, and says as such what is wrong."""
    try:
        return [parse(piece, region)]
    except Refusal as refusal:
        ends = _ends(piece)
        if ends is None:
            raise
        try:
            first = parse(ends[0], region)
        except Refusal as of_first:
            raise (refusal if of_first.code == "not_a_number" else of_first) from None
    return _range(piece, first, _last(first, ends[1], region), region)


def _ends(piece: str) -> tuple[str, str] | None:
    """The two ends of what may be a range: split where it says so most clearly."""
    if len(piece) > 2 * LONGEST_TYPED:
        return None
    for found in _BETWEEN.finditer(piece):
        first, last = piece[: found.start()].strip(), piece[found.end() :].strip()
        if sum(c.isdigit() for c in first) >= 7 and any(c.isdigit() for c in last):
            return first, last
    return None


def _last(first: str, typed: str, region: str) -> str:
    """The other end: a whole number, or only its last digits, as in 0100 - 0149."""
    digits = "".join(str(int(c)) for c in typed if c.isdecimal())
    if len(digits) < len(first) - 3 and re.fullmatch(r"[\d\s().-]+", typed):
        return first[: len(first) - len(digits)] + digits
    return parse(typed, region)


def _range(piece: str, first: str, last: str, region: str) -> list[str]:
    size = int(last) - int(first) + 1
    if len(first) != len(last) or size < 1:
        raise Refusal("range_backwards", _("“%(typed)s” ends before it begins.") % {"typed": piece})
    if size > LONGEST_RANGE:
        raise Refusal(
            "range_too_long",
            _("“%(typed)s” are %(size)s numbers; %(most)s is the most in one range. Check it, or add it in parts.")
            % {"typed": piece, "size": f"{size:,}", "most": f"{LONGEST_RANGE:,}"},
        )
    found = [f"+{number}" for number in range(int(first), int(last) + 1)]
    for edge in {e164[:-4]: e164 for e164 in found}.values():
        parse(edge, region)  # Each block of ten thousand is one exchange: of one kind and one country.
    return found
