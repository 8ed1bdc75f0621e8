"""The Users list by name, e-mail address and location, page after page, both ways."""

from __future__ import annotations

import random
import uuid
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from provisioning.eligibility import KnownRoot
from provisioning.keyset import COLUMNS, Page, Place, _beyond, _order, page_of
from provisioning.keyset_places import Places
from provisioning.models import Location, Organization, User
from provisioning.user_filters import narrow_for_list
from tests import factories

pytestmark = pytest.mark.django_db
SIZE = 4


@pytest.fixture
def crowd(organization: Organization) -> list[User]:
    """Thirty people of ten names at five locations, two of them without any users, and some at none."""
    dice = random.Random(30)
    places = [factories.LocationFactory(organization=organization, name=f"Place{digit}") for digit in (3, 1, 4, 2, 5)]
    people = []
    for _each in range(30):
        fields = {"first_name": "", "last_name": f"Name{dice.randrange(10)}", "email": f"p{dice.random()}@x.example"}
        location = dice.choice([*places[:3], None])
        license = dice.choice(["professional", "standard"])
        people.append(factories.UserFactory(organization=organization, location=location, license=license, **fields))
    return people


def in_order(people: list[User], order: str, descending: bool) -> list[uuid.UUID]:
    """As Python sorts them; those without a location stand at the end."""

    def key(user: User) -> tuple[Any, ...]:
        if order == "email":
            return (user.email_key,)
        place = user.location
        at = (place is None, place.sort_name if place else "") if order == "location" else ()
        return (*at, user.sort_name, user.pk.int)

    return [user.pk for user in sorted(people, key=key, reverse=descending)]


def page(organization: Organization, place: Place, **values: str) -> Page:
    reach = User.objects.filter(organization=organization)
    root = KnownRoot.of(organization)
    found, few = narrow_for_list(reach, values, root)
    places = Places(reach, Location.objects.filter(organization=organization))
    return page_of(found, places, place, root, few=few, size=SIZE)


def forwards(organization: Organization, order: str, descending: bool, **values: str) -> list[Page]:
    pages = [page(organization, Place(order, descending), **values)]
    while pages[-1].after:
        pages.append(page(organization, Place(order, descending, after=pages[-1].after), **values))
        assert len(pages) < 20
    return pages


def ids(pages: list[Page]) -> list[uuid.UUID]:
    return [row.pk for each in pages for row in each.rows]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", list(COLUMNS))
@pytest.mark.parametrize("values", [{}, {"license": "standard"}, {"q": "name1"}])
def test_each_is_shown_once_in_order_and_back_again(
    organization: Organization, crowd: list[User], order: str, descending: bool, values: dict[str, str]
) -> None:
    shown = [
        user
        for user in crowd
        if user.license == values.get("license", user.license) and values.get("q", "") in user.search_text
    ]
    pages = forwards(organization, order, descending, **values)
    assert ids(pages) == in_order(shown, order, descending)
    assert len(shown) > SIZE or "q" in values
    for earlier, later in pairwise(pages):
        assert later.before == later.rows[0].pk
        back = page(organization, Place(order, descending, before=later.before), **values)
        assert [row.pk for row in back.rows] == [row.pk for row in earlier.rows]
    assert pages[0].before is None


@pytest.mark.parametrize("order", list(COLUMNS))
def test_a_row_that_left_the_filter_still_holds_its_place(
    organization: Organization, crowd: list[User], order: str
) -> None:
    first = page(organization, Place(order), license="standard")
    rest = ids(forwards(organization, order, False, license="standard"))[SIZE:]
    User.objects.filter(pk=first.after).update(license="professional")
    following = page(organization, Place(order, after=first.after), license="standard")
    assert [row.pk for row in following.rows] == rest[:SIZE]


@pytest.mark.parametrize("order", list(COLUMNS))
def test_the_last_page_costs_as_many_queries_as_the_first_and_one_to_find_its_place(
    organization: Organization, crowd: list[User], order: str, django_assert_max_num_queries: Any
) -> None:
    pages = forwards(organization, order, False)
    reach, root = User.objects.filter(organization=organization), KnownRoot.of(organization)
    places = Places(reach, Location.objects.filter(organization=organization))
    page_of(reach, places, Place(order), root, size=SIZE)  # makes the SQL that is kept
    with django_assert_max_num_queries(2):
        page_of(reach, places, Place(order), root, size=SIZE)
    with django_assert_max_num_queries(4 if order == "location" else 3):
        page_of(reach, places, Place(order, after=pages[-2].after), root, size=SIZE)


@pytest.mark.parametrize("order", ["name", "email"])
@pytest.mark.parametrize("falling", [False, True])
def test_an_index_alone_finds_a_page_far_down(
    organization: Organization, crowd: list[User], order: str, falling: bool
) -> None:
    """No sort, and the index is entered at the key: what a page costs doesn't grow with what stands before it."""
    key = in_order(crowd, order, falling)[20]
    cursor = User.objects.filter(pk=key).values(*COLUMNS[order]).get()
    place = Place(order, falling)
    users = User.objects.filter(_beyond(COLUMNS[order], cursor, falling=falling), organization=organization)
    with connection.cursor() as statement:
        if connection.vendor == "postgresql":
            statement.execute("SET LOCAL enable_seqscan = off")
            statement.execute("SET LOCAL enable_bitmapscan = off")
            statement.execute("SET LOCAL enable_sort = off")
    plan = users.order_by(*_order(place)).values("pk")[: SIZE + 1].explain()
    index = "users_page" if order == "name" else "users_by_email"
    assert index in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    column = "sort_name" if order == "name" else "email_key"
    if connection.vendor == "postgresql":
        condition = next(line for line in plan.splitlines() if "Index Cond" in line)
        assert column in condition, plan
    else:
        assert f"{column}{'<' if falling else '>'}?" in plan, plan
