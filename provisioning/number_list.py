"""Pages of numbers in order, by key: page 2,000 costs what page 1 does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from provisioning.models import PhoneNumber

PAGE_SIZE: Final = 50


@dataclass(frozen=True, slots=True)
class NumberPage:
    """Rows in order of the number, and the keys of the neighbouring pages (empty: there is no such page)."""

    rows: list[PhoneNumber]
    before: str
    after: str


def page_of_numbers(numbers: QuerySet[PhoneNumber], *, after: str = "", before: str = "") -> NumberPage:
    """Numbers of one organization: the next ones after a number, or the last ones before it."""
    backwards = bool(before) and not after
    if after:
        numbers = numbers.filter(e164__gt=after)
    elif before:
        numbers = numbers.filter(e164__lt=before)
    found = list(numbers.order_by("-e164" if backwards else "e164")[: PAGE_SIZE + 1])
    more, rows = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    if backwards:
        rows.reverse()
    has_before, has_after = (more, bool(rows)) if backwards else (bool(after and rows), more)
    return NumberPage(rows, rows[0].e164 if has_before else "", rows[-1].e164 if has_after else "")
