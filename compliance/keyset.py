"""Pages by key, newest first: page 2,000 costs what page 1 does, and what is added meanwhile shifts nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from django.db.models import Q, QuerySet

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and the ids that the neighbouring pages begin behind (None: there is no such page)."""

    rows: list[Any]
    newer: uuid.UUID | None
    older: uuid.UUID | None


class Cursors(TypedDict):
    """Where a page begins: at most one of the two is an id."""

    older: str
    newer: str


def cursors(query: Mapping[str, str]) -> Cursors:
    """From the address of a page."""
    return {"older": query.get("older", ""), "newer": query.get("newer", "")}


def page_of(rows: QuerySet[Any], key: str, *, older: str = "", newer: str = "", size: int = PAGE_SIZE) -> Page:
    """Rows by `key` and id, descending, behind the row with the id `older` or in front of the one with `newer`.

    An id that names none of the rows gives the first page.
    """
    forwards = not newer
    place = _place(rows, key, older or newer)
    if place is not None:
        rows = rows.filter(_beyond(key, *place, down=forwards))
    ordered = rows.order_by(f"-{key}", "-pk") if forwards or place is None else rows.order_by(key, "pk")
    found = list(ordered[: size + 1])
    more, shown = len(found) > size, found[:size]
    if place is not None and not forwards:
        shown.reverse()
        return _page(shown, newer=more, older=True)
    return _page(shown, newer=place is not None, older=more)


def _place(rows: QuerySet[Any], key: str, cursor: str) -> tuple[Any, uuid.UUID] | None:
    try:
        return rows.order_by().filter(pk=uuid.UUID(cursor)).values_list(key, "pk").first()
    except ValueError:
        return None


def _beyond(key: str, value: Any, pk: uuid.UUID, *, down: bool) -> Q:
    """The first condition says nothing new; it is the one that an index can begin at."""
    direction = "lt" if down else "gt"
    beyond = Q(**{f"{key}__{direction}": value}) | Q(**{key: value, f"pk__{direction}": pk})
    return Q(**{f"{key}__{direction}e": value}) & beyond


def _page(rows: list[Any], *, newer: bool, older: bool) -> Page:
    if not rows:
        return Page(rows, None, None)
    return Page(rows, newer=rows[0].pk if newer else None, older=rows[-1].pk if older else None)
