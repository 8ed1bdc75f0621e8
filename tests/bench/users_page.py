"""The speed gate of the Users page: 1 organization of 100,000 users at 200 locations, on Postgres.

    DATABASE_URL=postgres://... python -m tests.bench.users_page [--rounds 15] [--database hub_bench]

makes a database of its own beside the named one and fills it (tests/bench/large_organization.py), or uses it when
it is there, then asks for the Users page in every order and with every filter, each time between two requests of an
empty signed-in view of the same server: whatever else the machine does, it does to both. Exits with 1 when the gate
is missed:

- at most 12 queries a page, and none of them over 2 ms for a dense filter: one that at least one user in ten fits.
  Of the rounds, the quickest quarter counts: a query that waits for a processor tells of the machine;
- the median time of a page is at most 10 times that of the empty view;
- a page far down costs at most half as much again as the first (of both, the quickest quarter).

The server is Django's own handler with every middleware of the portal, called in this process: no socket, so that
the ratio has nothing constant in it that flatters the page.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from django.test import Client

TIMES_EMPTY = 10.0
MOST_QUERIES = 12
MOST_MS_A_QUERY = 2.0
DENSE = 10_000
"""Users that a filter fits when it is dense: one in ten."""
FAR = 5_000
"""Users from which on a list has a page far down that is worth a look."""
DEEPER = 1.5
EMPTY = "/empty/"


@dataclass
class Measured:
    """One address: the median of the page and of the empty view around it, in ms, and its queries."""

    title: str
    address: str
    matches: int
    pages: list[float] = field(default_factory=list)
    empties: list[float] = field(default_factory=list)
    queries: list[list[float]] = field(default_factory=list)

    @property
    def times(self) -> float:
        return statistics.median(self.pages) / statistics.median(self.empties)

    @property
    def count(self) -> int:
        return max(len(each) for each in self.queries)

    @property
    def slowest(self) -> float:
        """What the query takes that takes longest, in ms."""
        return max(quickest_quarter(each) for each in zip(*self.queries, strict=True))

    @property
    def median(self) -> float:
        """The same in the middle of the rounds, waiting included."""
        return max(statistics.median(each) for each in zip(*self.queries, strict=True))

    @property
    def dense(self) -> bool:
        return self.matches >= DENSE

    def missed(self) -> list[str]:
        found = []
        if self.times > TIMES_EMPTY:
            found.append(f"{self.times:.1f} times the empty view")
        if self.count > MOST_QUERIES:
            found.append(f"{self.count} queries")
        if self.dense and self.slowest > MOST_MS_A_QUERY:
            found.append(f"a query of {self.slowest:.1f} ms")
        return found


def quickest_quarter(times: Sequence[float]) -> float:
    """The lower quartile."""
    return statistics.quantiles(times, n=4)[0] if len(times) > 1 else times[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--database", default="hub_users_page", help="made and filled unless it is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        os.environ.update(
            HUB_DATA=folder, DJANGO_SETTINGS_MODULE="texting_hub.settings", LOG_LEVEL="WARNING",
            DATABASE_URL=_database(options.database),
        )  # fmt: skip
        sys.exit(_run(options.rounds))


def _database(name: str) -> str:
    """The address of the benchmark's database, made beside the one that DATABASE_URL names."""
    import psycopg2

    named = os.environ.get("DATABASE_URL", "")
    if not named.startswith("postgres"):
        sys.exit("The gate is Postgres's: set DATABASE_URL=postgres://...")
    with closing(psycopg2.connect(named)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{name}"')
    return urlunsplit(urlsplit(named)._replace(path=f"/{name}"))


def _run(rounds: int) -> int:
    import django

    django.setup()
    _prepare()
    browser = _browser()
    cases = list(_cases(browser))
    for each in cases:
        _get(browser, each.address)
    for _round in range(rounds):
        for each in cases:
            _measure(browser, each)
    failed = _report(cases)
    _print_beside(browser, rounds)
    return failed


BESIDE = (
    "/users/counts/", "/users/counts/?status=on", "/users/counts/?q=smith",
    "/api/v1/people", "/api/v1/people?status=on", "/calling/service-settings/",
)  # fmt: skip


def _print_beside(browser: Client, rounds: int) -> None:
    """What the gate doesn't ask for, and people wait for all the same."""
    print("\nbeside the gate, ms:")
    for address in BESIDE:
        times = [_get(browser, address) for _round in range(rounds + 1)][1:]
        print(f"{address:58} {statistics.median(times):7.1f}")


def _prepare() -> None:
    """The database filled, statistics fresh as autovacuum keeps them, files without a manifest, the empty view."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    import texting_hub.urls
    from provisioning.models import User
    from tests.bench.large_organization import fill

    def empty(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{request.user.pk}")

    call_command("migrate", verbosity=0)
    if not User.objects.exists():
        print("Filling the database...")
        fill()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    texting_hub.urls.urlpatterns.append(path(EMPTY.strip("/") + "/", empty))
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECOND_FACTOR_REQUIRED = False
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["page"] = "1000000/min"


def _browser(role: str = "full_admin") -> Client:
    from django.test import Client

    from provisioning.models import User

    browser = Client()
    person = User.objects.filter(role_assignments__role=role)[0]
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def _cases(browser: Client) -> Iterator[Measured]:
    """Every filter alone, searches rare and dense, some together; each order both ways, first page and far down."""
    from django.db.models import Count

    from provisioning.eligibility import KnownRoot
    from provisioning.forms.users import requirement_choices
    from provisioning.models import Location, Organization, User
    from provisioning.user_filters import narrow

    root = KnownRoot.of(Organization.objects.get())
    largest = Location.objects.annotate(size=Count("users")).order_by("-size")[0]
    filters: list[dict[str, str]] = [{}]
    filters += [{"status": value} for value in ("on", "off", "not_eligible")]
    filters += [{"source": value} for value in ("organization", "location", "user")]
    filters += [{"requirement": value} for value, _label in requirement_choices()]
    filters += [{"license": value} for value in ("professional", "standard", "none")]
    filters += [{"account": value} for value in ("active", "invited", "deactivated")]
    filters += [{"location": str(largest.pk)}, {"location": "none"}]
    words = (
        "smith",
        "an",
        "priya patel",
        "meridian",
        "paula.macdonald.0",
        "nobody at all",
        "201225",
        "12012250007",
        "9999",
    )
    filters += [{"q": word} for word in words]
    filters += [{"q": "smith", "status": "on"}, {"location": str(largest.pk), "status": "not_eligible"}]
    filters += [{"source": "user", "status": "off", "license": "professional"}]
    people = User.objects.filter(organization=root.organization)
    for values in filters:
        matches = narrow(people, values, root).count()
        title = ", ".join(f"{name}={value}" for name, value in values.items() if len(value) < 30) or "everyone"
        for order in ("", "-name", "email", "-email", "location", "-location") if not values else ("", "location"):
            yield from _ends(browser, f"{title}{order and ' by ' + order}", {**values, "sort": order}, matches)


def _ends(browser: Client, title: str, query: dict[str, str], matches: int) -> Iterator[Measured]:
    """The first page and, of a list that has as many, one in the middle."""
    from urllib.parse import urlencode

    from provisioning.models import User

    address = "/users/?" + urlencode({name: value for name, value in query.items() if value})
    yield Measured(title, address, matches)
    if matches >= FAR:
        middle = User.objects.filter(sort_name__gte="martin").order_by("sort_name")[0]
        yield Measured(f"{title}, far down", f"{address}&after={middle.pk}", matches)


def _measure(browser: Client, each: Measured) -> None:
    from django.db import connection

    before = _get(browser, EMPTY)
    each.pages.append(_get(browser, each.address))
    each.empties += [before, _get(browser, EMPTY)]
    watched = _Watch()
    with connection.execute_wrapper(watched):
        browser.get(each.address)
    each.queries.append(watched.milliseconds)


class _Watch:
    """How long each query of a request takes, from sending it to having its rows."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.milliseconds.append((time.perf_counter() - began) * 1000)


def _get(browser: Client, address: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    response = browser.get(address)
    took = (time.perf_counter() - began) * 1000
    assert response.status_code == 200, (address, response.status_code)
    return took


def _report(cases: list[Measured]) -> int:
    empty = statistics.median(value for each in cases for value in each.empties)
    print(f"empty signed-in view: {empty:.2f} ms\n")
    print(f"{'page':58} {'match':>7} {'ms':>7} {'times':>6} {'queries':>7} {'slowest':>8} {'median':>6}")
    failed = 0
    for each in cases:
        missed = each.missed()
        failed += bool(missed)
        print(
            f"{each.title[:58]:58} {each.matches:7,} {statistics.median(each.pages):7.1f} {each.times:6.1f} "
            f"{each.count:7} {each.slowest:8.2f} {each.median:6.2f}  {'MISSED: ' + ', '.join(missed) if missed else ''}"
        )
    failed += _depth(cases)
    print(f"\n{'The gate holds.' if not failed else f'The gate is missed {failed} times.'}")
    return 1 if failed else 0


def _depth(cases: list[Measured]) -> int:
    """How often a page far down is slower than the first one of its list."""
    by_title = {each.title: each for each in cases}
    slower = 0
    for title, deep in by_title.items():
        first = by_title.get(title.removesuffix(", far down"))
        if first is None or first is deep:
            continue
        times = quickest_quarter(deep.pages) / quickest_quarter(first.pages)
        if times > DEEPER:
            slower += 1
            print(f"MISSED: {title} takes {times:.1f} times as long as the first page")
    return slower


if __name__ == "__main__":
    main()
