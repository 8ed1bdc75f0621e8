"""Management > Users: the list."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from provisioning.eligibility import annotate_standing
from provisioning.forms.users import UsersFilter
from provisioning.keyset import page_by_name
from provisioning.roles import Permission, requires
from provisioning.scoping import locations_in_reach, users_in_reach
from provisioning.standing_words import pill

COUNT_LIMIT = 10_000


@requires(Permission.VIEW_USERS)
def users(request: HttpRequest) -> HttpResponse:
    """The list: searched and filtered in SQL, fifty a page by key. A location of somebody else is not found."""
    administrator: Any = request.user
    everyone = annotate_standing(users_in_reach(administrator))
    filters = UsersFilter(request.GET, locations=locations_in_reach(administrator))
    if not filters.is_valid() and "location" in filters.errors:
        raise Http404
    found = filters.narrow(everyone)
    page = page_by_name(
        found.select_related("location", "primary_number"),
        after=filters.cursor("after"),
        before=filters.cursor("before"),
        descending=filters.descending,
    )
    context = {
        "filters": filters,
        "rows": [(row, pill(row)) for row in page.rows],
        "page": page,
        "total": capped_count(users_in_reach(administrator)),
        "able": capped_count(everyone.filter(can_text=True)),
        "matching": capped_count(found) if filters.narrows else "",
    }
    return render(request, "provisioning/users.html", context)


def capped_count(queryset: QuerySet[Any]) -> str:
    """At most 10,000 rows are counted; beyond that the page says "10,000+"."""
    counted = queryset.order_by().values("pk")[: COUNT_LIMIT + 1].count()
    return f"{COUNT_LIMIT:,}+" if counted > COUNT_LIMIT else f"{counted:,}"
