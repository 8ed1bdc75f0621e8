"""Services > PSTN & Routing > Numbers: the inventory, searched, filtered, fifty a page by key."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from provisioning.forms.numbers import NumbersFilter
from provisioning.models import PhoneNumber, User
from provisioning.number_actions import ACTIONS, NumberAction
from provisioning.number_list import page_of_numbers
from provisioning.number_selection import narrow
from provisioning.roles import Permission, administered_locations, permissions_of, requires
from provisioning.scoping import campaigns_in_reach, locations_in_reach, numbers_in_reach
from provisioning.views.users import capped_count


@requires(Permission.VIEW_NUMBERS)
def numbers(request: HttpRequest) -> HttpResponse:
    """The list. A location of somebody else is not found."""
    user = administrator(request)
    filters = filter_of(request)
    if "location" in filters.errors:
        raise Http404
    reach = numbers_in_reach(user)
    found = narrow(reach, filters.values)
    page = page_of_numbers(
        found.select_related("location", "user", "campaign"), after=filters.key("after"), before=filters.key("before")
    )
    owned = narrow(reach, {})
    context = {
        "filters": filters,
        "rows": [(row, holder_of(row, user)) for row in page.rows],
        "page": page,
        "total": capped_count(owned),
        "free": capped_count(owned.filter(user__isnull=True)),
        "matching": capped_count(found) if filters.narrows else "",
        "actions": actions_of(user) if filters.values.get("state") != "released" else [],
        "can_change": Permission.CHANGE_NUMBERS in permissions_of(user),
    }
    return render(request, "provisioning/numbers.html", context)


def administrator(request: HttpRequest) -> User:
    """Whoever is signed in, whom @requires has let in."""
    user: Any = request.user
    found: User = user
    return found


def filter_of(request: HttpRequest) -> NumbersFilter:
    """What the address narrows by, among what the administrator reaches."""
    user = administrator(request)
    return NumbersFilter(
        request.GET,
        locations=locations_in_reach(user),
        campaigns=campaigns_in_reach(user).order_by("name", "pk"),
        with_released=administered_locations(user) is None,
    )


def holder_of(number: PhoneNumber, user: User) -> User | None:
    """Who has the number, if this administrator may know: users of other locations are not a location's affair."""
    bound_to = administered_locations(user)
    holder = number.user
    return holder if holder is not None and (bound_to is None or holder.location_id in bound_to) else None


def actions_of(user: User) -> list[NumberAction]:
    """What this administrator can do to many numbers."""
    granted = permissions_of(user)
    return [action for action in ACTIONS.values() if action.permission in granted]
