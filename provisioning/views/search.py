"""The search in the top bar: users, numbers and locations, the first few of each, with the way to all of them."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from provisioning import number_selection, user_filters
from provisioning.models import Location, PhoneNumber, User
from provisioning.models.choices import fold
from provisioning.roles import Permission, requires
from provisioning.scoping import locations_in_reach, numbers_in_reach, users_in_reach

SHOWN: Final = 5
LONGEST: Final = 200


@requires(Permission.VIEW_USERS, Permission.VIEW_NUMBERS, Permission.VIEW_LOCATIONS)
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Only what is in the person's reach. One more of each is read than shown, to say that there are more."""
    member: Any = request.user
    typed = " ".join(request.GET.get("q", "").replace("\x00", " ").split())[:LONGEST]
    found = {"users": _users(member, typed), "numbers": _numbers(member, typed), "locations": _locations(member, typed)}
    groups = {name: list(rows[: SHOWN + 1]) if typed else [] for name, rows in found.items()}
    context = {
        "typed": typed,
        **{name: rows[:SHOWN] for name, rows in groups.items()},
        "more": {name: len(rows) > SHOWN for name, rows in groups.items()},
        "any": any(groups.values()),
    }
    return render(request, "provisioning/search.html", context)


def _users(member: User, typed: str) -> QuerySet[User]:
    users = users_in_reach(member).filter(user_filters.matching(typed, member.organization_id))
    return users.select_related("location", "primary_number").order_by("sort_name", "pk")


def _numbers(member: User, typed: str) -> QuerySet[PhoneNumber]:
    numbers = number_selection.narrow(numbers_in_reach(member), {"q": typed})
    return numbers.select_related("user", "location").order_by("e164")


def _locations(member: User, typed: str) -> QuerySet[Location]:
    return locations_in_reach(member).filter(search_text__contains=fold(typed)).order_by("sort_name", "pk")
