"""Pages of users by key: the next page starts after the last row shown, so page 2,000 costs what page 1 does.

Three orders, each in both directions, each served by an index of User.Meta: by name, by e-mail address, and by location
(then by name; those without a location stand at the end). The key is the id of the last row shown, whose place is
looked up: it holds even when that row has left the filter meanwhile.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Concat

from provisioning.eligibility import KnownRoot
from provisioning.keyset_places import Places
from provisioning.models import User
from provisioning.user_rows import UserRow, rows_of

PAGE_SIZE: Final = 50
COLUMNS: Final = {
    "name": ("sort_name", "pk"),
    "email": ("email_key",),
    "location": ("location__sort_name", "location_id", "sort_name", "pk"),
}
"""What each order compares, the last one unique."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: before or after a row, in an order."""

    order: str = "name"
    descending: bool = False
    after: uuid.UUID | None = None
    before: uuid.UUID | None = None

    @property
    def backwards(self) -> bool:
        """Read towards the beginning of the list, to show the page before."""
        return self.after is None and self.before is not None

    @property
    def falling(self) -> bool:
        """Read in descending order."""
        return self.descending != self.backwards


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and the keys of the neighbouring pages (None: there is no such page)."""

    rows: list[UserRow]
    before: uuid.UUID | None
    after: uuid.UUID | None


def page_of(
    users: QuerySet[User], places: Places, place: Place, root: KnownRoot, *, few: bool = False, size: int = PAGE_SIZE
) -> Page:
    """A page of `users`, whom `places` holds; `few`: so few that sorting them is cheap.

    A key of nobody in reach gives the first page.
    """
    if users.query.is_empty():
        return Page([], None, None)
    key = place.after or place.before
    cursor = places.reach.order_by().filter(pk=key).values(*COLUMNS[place.order]).first() if key else None
    if cursor is None:
        place = Place(place.order, place.descending)
    found = rows_of(_ids(users, places, cursor, place, few=few, most=size + 1), root)
    more, rows = len(found) > size, found[:size]
    if place.backwards:
        rows.reverse()
    return _page(rows, has_before=more if place.backwards else cursor is not None, has_after=place.backwards or more)


def _ids(
    users: QuerySet[User], places: Places, cursor: Mapping[str, Any] | None, place: Place, *, few: bool, most: int
) -> list[uuid.UUID]:
    """Who is on the page. Found apart from what is shown of them, so that an index alone can answer."""
    if place.order == "location" and connection.vendor == "postgresql" and not few:
        return places.ids(users, cursor, falling=place.falling, most=most)
    if cursor is not None:
        users = users.filter(_beyond(COLUMNS[place.order], cursor, falling=place.falling))
    return list(users.order_by(*_order(place, few=few)).values_list("pk", flat=True)[:most])


def _order(place: Place, *, few: bool = False) -> list[Any]:
    """Few are sorted by an expression that no index has, so that no index is walked for its order."""
    columns: list[Any] = [F(name) for name in COLUMNS[place.order]]
    if few and place.order != "location":
        columns[0] = Concat(columns[0], Value(""))
    if place.order == "location":
        first = columns[0].desc(nulls_first=True) if place.falling else columns[0].asc(nulls_last=True)
    else:
        first = columns[0].desc() if place.falling else columns[0].asc()
    return [first, *(column.desc() if place.falling else column.asc() for column in columns[1:])]


def _beyond(columns: tuple[str, ...], cursor: Mapping[str, Any], *, falling: bool) -> Q:
    """After the cursor. The bound on the first column alone, which the rest implies, is what an index can start at."""
    if cursor[columns[0]] is None:  # Nowhere: at the end of the list.
        same = Q(location__isnull=True) & _beyond(("sort_name", "pk"), cursor, falling=falling)
        return same | Q(location__isnull=False) if falling else same
    found = _after(columns, cursor, falling=falling)
    return found | Q(location__isnull=True) if columns[0].startswith("location") and not falling else found


def _after(columns: tuple[str, ...], cursor: Mapping[str, Any], *, falling: bool) -> Q:
    column, rest = columns[0], columns[1:]
    value = cursor[column]
    beyond = Q(**{f"{column}__{'lt' if falling else 'gt'}": value})
    if not rest:
        return beyond
    bound = Q(**{f"{column}__{'lte' if falling else 'gte'}": value})
    return bound & (beyond | _after(rest, cursor, falling=falling))


def _page(rows: list[UserRow], *, has_before: bool, has_after: bool) -> Page:
    if not rows:
        return Page(rows, None, None)
    return Page(rows, before=rows[0].pk if has_before else None, after=rows[-1].pk if has_after else None)
