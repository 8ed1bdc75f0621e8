"""Pages by key: the next page starts after the last row shown, so page 2,000 costs what page 1 does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from provisioning.models import User

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and the keys of the neighbouring pages (None: there is no such page)."""

    rows: list[Any]
    before: uuid.UUID | None
    after: uuid.UUID | None


def page_by_name(
    users: QuerySet[User], *, after: uuid.UUID | None, before: uuid.UUID | None, descending: bool = False
) -> Page:
    """Users by name, then id. A key that names none of these users gives the first page."""
    key = after or before
    cursor = users.order_by().filter(pk=key).values_list("sort_name", "pk").first() if key else None
    backwards = cursor is not None and after is None
    if cursor is not None:
        users = users.filter(_beyond(*cursor, greater=descending == backwards))
    found = list(_ordered(users, descending=descending != backwards)[: PAGE_SIZE + 1])
    more, rows = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    if backwards:
        rows.reverse()
    return _page(rows, has_before=more if backwards else cursor is not None, has_after=backwards or more)


def _beyond(name: str, key: uuid.UUID, *, greater: bool) -> Q:
    if greater:
        return Q(sort_name__gt=name) | Q(sort_name=name, pk__gt=key)
    return Q(sort_name__lt=name) | Q(sort_name=name, pk__lt=key)


def _ordered(users: QuerySet[User], *, descending: bool) -> QuerySet[User]:
    return users.order_by("-sort_name", "-pk") if descending else users.order_by("sort_name", "pk")


def _page(rows: list[Any], *, has_before: bool, has_after: bool) -> Page:
    if not rows:
        return Page(rows, None, None)
    return Page(rows, before=rows[0].pk if has_before else None, after=rows[-1].pk if has_after else None)
