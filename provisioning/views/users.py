"""Management > Users: the list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from provisioning.eligibility import KnownRoot
from provisioning.forms import users as forms
from provisioning.keyset import page_of
from provisioning.keyset_places import Places
from provisioning.models import Organization, User
from provisioning.roles import Permission, permissions_of, requires
from provisioning.scoping import locations_in_reach, users_in_reach
from provisioning.user_filters import narrow_for_list, narrow_places

COUNT_LIMIT = 10_000


@requires(Permission.VIEW_USERS)
def users(request: HttpRequest) -> HttpResponse:
    """Searched, filtered and sorted in SQL, fifty a page by key. A location of somebody else is not found.

    Counting takes longer than all the rest: the page asks for it once it is there (`users_counts`), or by its link.
    """
    administrator: Any = request.user
    asked = _asked(request)
    root = KnownRoot.of(_organization(request), reasons=False)
    locations = narrow_places(locations_in_reach(administrator), asked.values)
    places = Places(users_in_reach(administrator), locations)
    found, few = narrow_for_list(places.reach, asked.values, root)
    page = page_of(found, places, asked.place, root, few=few)
    can_change = Permission.CHANGE_USERS in permissions_of(administrator)
    context = {
        "asked": asked,
        "choices": forms,
        "columns": list(_columns(asked)),
        "rows": page.rows,
        "earlier": asked.address(before=page.before) if page.before else "",
        "later": asked.address(after=page.after) if page.after else "",
        "counts": counts_of(places.reach, found, asked, root) if "whole" in request.GET else None,
        "bulk_query": asked.address() if asked.values or asked.sort != "name" else "",
        "can_change": can_change,
    }
    return render(request, "provisioning/users.html", context)


@dataclass(frozen=True, slots=True)
class Column:
    """A heading. `sorted` is empty where the list is sorted by another, `address` where it can't be sorted by this."""

    label: str
    hidden: bool = False
    address: str = ""
    sorted: str = ""


def _columns(asked: forms.UsersFilter) -> Iterator[Column]:
    """Pressing a heading sorts by it; pressing it again turns the order round."""
    for name, label, hidden in (
        ("name", _("Name"), False),
        ("email", _("E-mail"), True),
        ("location", _("Location"), True),
    ):
        current = asked.order == name
        turned = "-" if current and not asked.place.descending else ""
        way = ("descending" if asked.place.descending else "ascending") if current else ""
        yield Column(label, hidden, asked.address(sort=f"{turned}{name}"), way)
    yield Column(_("Primary number"), hidden=True)
    yield Column(_("Business Texting"))


@requires(Permission.VIEW_USERS)
def users_counts(request: HttpRequest) -> HttpResponse:
    """How many users there are, can text, and match: the part of the list that comes after it."""
    asked = _asked(request)
    root = KnownRoot.of(_organization(request), reasons=False)
    administrator: Any = request.user
    reach = users_in_reach(administrator)
    found = asked.narrow(reach, asked.values, root)
    context = {"asked": asked, "counts": counts_of(reach, found, asked, root)}
    return render(request, "provisioning/_users_counts.html", context)


def counts_of(
    reach: QuerySet[User], found: QuerySet[User], asked: forms.UsersFilter, root: KnownRoot
) -> dict[str, Capped]:
    """`total`, `able` and, of a filtered list, `matching`."""
    able = asked.narrow(reach, {"status": "on"}, root)
    counts = {"total": capped_count(reach), "able": capped_count(able)}
    return counts | ({"matching": capped_count(found)} if asked.narrows else {})


@dataclass(frozen=True, slots=True)
class Capped:
    """How many, counted no further than one past the limit."""

    number: int

    def __str__(self) -> str:
        return f"{COUNT_LIMIT:,}+" if self.number > COUNT_LIMIT else f"{self.number:,}"


def capped_count(queryset: QuerySet[Any]) -> Capped:
    """At most 10,000 rows are counted; beyond that the page says "10,000+"."""
    return Capped(queryset.order_by().values("pk")[: COUNT_LIMIT + 1].count())


def _asked(request: HttpRequest) -> forms.UsersFilter:
    administrator: Any = request.user
    locations = locations_in_reach(administrator).order_by("sort_name", "pk")
    asked = forms.UsersFilter(request.GET, list(locations.values_list("pk", "name")))
    if "location" in asked.unknown:
        raise Http404
    return asked


def _organization(request: HttpRequest) -> Organization:
    """The signed-in administrator's own; read once a request."""
    administrator: Any = request.user
    organization: Organization = administrator.organization
    return organization
