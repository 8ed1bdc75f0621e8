"""Users by location on Postgres: location after location, each by name, and no further than the page is long.

No index can hold this order: the location's name stands in another table, and sorting everybody by a join costs more
the more users there are. So each location's users come from the index on (location, name), and Postgres stops at the
row that fills the page. SQLite reads nested loops in this order by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, CharField, Func, OuterRef, Q, QuerySet, Subquery, UUIDField, Value, When

from provisioning.models import Location, User


@dataclass(frozen=True, slots=True)
class Places:
    """What the list can be of: everyone the administrator reaches, and every location that those listed can be at."""

    reach: QuerySet[User]
    locations: QuerySet[Location]

    def ids(
        self, users: QuerySet[User], cursor: Mapping[str, Any] | None, *, falling: bool, most: int
    ) -> list[uuid.UUID]:
        """At most `most` ids of `users`, from the cursor on; falling is Z to A, with those without a location first.

        One query, and one more where the page holds people without a location.
        """
        nowhere = cursor is not None and cursor["location_id"] is None
        found: list[uuid.UUID] = []
        if falling and (cursor is None or nowhere):
            found = _without_place(users, cursor, falling=True, most=most)
        if len(found) < most and (falling or not nowhere):
            found += self._in_places(users, None if nowhere else cursor, falling=falling, most=most - len(found))
        if len(found) < most and not falling:
            found += _without_place(users, cursor if nowhere else None, falling=False, most=most - len(found))
        return found

    def _in_places(
        self, users: QuerySet[User], cursor: Mapping[str, Any] | None, *, falling: bool, most: int
    ) -> list[uuid.UUID]:
        """In the cursor's own place the index starts at the cursor's name, in every other at the first there is."""
        locations = (
            self.locations.order_by("-sort_name", "-pk") if falling else self.locations.order_by("sort_name", "pk")
        )
        here = users.filter(location=OuterRef("pk"))
        if cursor is not None:
            locations = locations.filter(_from(cursor["location__sort_name"], cursor["location_id"], falling=falling))
            locations = locations.annotate(first_name=self._first_names(cursor, falling=falling))
            here = here.filter(**{f"sort_name__{'lte' if falling else 'gte'}": OuterRef("first_name")})
            beyond = _from(cursor["sort_name"], cursor["pk"], falling=falling) & ~Q(pk=cursor["pk"])
            here = here.filter(~Q(location=cursor["location_id"]) | beyond)
        ids = ArraySubquery(_by_name(here, falling=falling)[:most])
        each = Func(ids, function="unnest", output_field=UUIDField())
        return list(locations.annotate(each=each).values_list("each", flat=True)[:most])

    def _first_names(self, cursor: Mapping[str, Any], *, falling: bool) -> Case:
        """Of each place: the name its users are read from. The last name of all is looked up once."""
        own = When(pk=cursor["location_id"], then=Value(cursor["sort_name"]))
        last = Subquery(self.reach.order_by("-sort_name").values("sort_name")[:1])
        return Case(own, default=last if falling else Value(""), output_field=CharField())


def _without_place(
    users: QuerySet[User], cursor: Mapping[str, Any] | None, *, falling: bool, most: int
) -> list[uuid.UUID]:
    users = users.filter(location__isnull=True)
    if cursor is not None:
        users = users.filter(_from(cursor["sort_name"], cursor["pk"], falling=falling)).exclude(pk=cursor["pk"])
    return list(_by_name(users, falling=falling)[:most])


def _by_name(users: QuerySet[User], *, falling: bool) -> QuerySet[User, uuid.UUID]:
    ordered = users.order_by("-sort_name", "-pk") if falling else users.order_by("sort_name", "pk")
    return ordered.values_list("pk", flat=True)


def _from(name: str, key: uuid.UUID, *, falling: bool) -> Q:
    """The row itself, and what comes after it; the first condition, which the second implies, serves the index."""
    if falling:
        return Q(sort_name__lte=name) & (Q(sort_name__lt=name) | Q(pk__lte=key))
    return Q(sort_name__gte=name) & (Q(sort_name__gt=name) | Q(pk__gte=key))
