"""Every flaw a user's world can have, and every pair of them: Python and SQL still say the same.

Random worlds (test_eligibility_agrees.py) go far from the beaten path; this one misses nothing near it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final
from unittest.mock import patch

import pytest

from provisioning.eligibility import KnownRoot, Standing, annotate_standing, check_user, standing, standings
from provisioning.eligibility.standing import _standing_rows
from provisioning.enablement import resolve
from provisioning.models import Brand, CallingPlan, Campaign, Location, Organization, PhoneNumber, User
from provisioning.user_rows import rows_of
from tests.factories import NOW, OrganizationFactory


@dataclass
class World:
    """A user who can send, and everything that takes; rows not yet stored."""

    other: Organization
    organization: Organization = field(default_factory=lambda: Organization(
        name="Organization", addon_licenses=1, texting_enabled=True
    ))  # fmt: skip
    plans: list[str] = field(default_factory=lambda: ["US"])
    extra_numbers: int = 0
    extra_active: bool = True
    has_number: bool = True

    def __post_init__(self) -> None:
        own = self.organization
        self.location = Location(organization=own, name="Location", country="US")
        self.brand = Brand(organization=own, legal_name="Brand", status="verified")
        self.campaign = Campaign(organization=own, brand=self.brand, name="Campaign", status="active")
        self.user = User(organization=own, location=self.location, license="professional")
        self.number = PhoneNumber(organization=own, user=self.user, campaign=self.campaign, capability="capable")

    def numbers(self) -> Iterator[PhoneNumber]:
        """The user's, and those that only fill the campaign."""
        if self.has_number:
            yield self.number
        for _each in range(self.extra_numbers):
            yield PhoneNumber(organization=self.organization, campaign=self.campaign, active=self.extra_active)


def value(row: str, **values: Any) -> Callable[[World], None]:
    """The flaw that a row has these values."""

    def spoil(world: World) -> None:
        for name, wrong in values.items():
            setattr(getattr(world, row) if row else world, name, wrong)

    return spoil


def stray(row: str) -> Callable[[World], None]:
    """The flaw that a row is another organization's."""

    def spoil(world: World) -> None:
        getattr(world, row).organization = world.other

    return spoil


FLAWS: Final[dict[str, Callable[[World], None]]] = {
    "online customer": value("organization", customer_type="online"),
    "no add-on": value("organization", addon_licenses=0),
    "healthcare": value("organization", healthcare=True),
    "attested": value("organization", phi_attested_at=NOW),
    "switched off": value("organization", texting_enabled=False),
    "plan in Canada": value("", plans=["CA"]),
    "plan elsewhere": value("", plans=["GB"]),
    "no plan": value("", plans=[]),
    "location in a territory": value("location", country="PR"),
    "location elsewhere": value("location", country="GB"),
    "local gateway": value("location", pstn_connection="local_gateway"),
    "location on": value("location", texting_setting="on"),
    "location off": value("location", texting_setting="off"),
    "stray location": stray("location"),
    "no location": value("user", location=None),
    "brand pending": value("brand", status="pending"),
    "brand rejected": value("brand", status="rejected"),
    "stray brand": stray("brand"),
    "campaign pending": value("campaign", status="pending"),
    "campaign suspended": value("campaign", status="suspended"),
    "stray campaign": stray("campaign"),
    "campaign crowded": value("", extra_numbers=2),
    "campaign filled": value("", extra_numbers=1),
    "the others inactive": value("", extra_active=False),
    "number pool": value("campaign", number_pool=True),
    "no number": value("", has_number=False),
    "stray number": stray("number"),
    "number unreported": value("number", capability="unknown"),
    "number incapable": value("number", capability="incapable"),
    "number from elsewhere": value("number", source="other"),
    "number inactive": value("number", active=False),
    "number not linked": value("number", campaign=None),
    "other license": value("user", license="standard"),
    "user on": value("user", texting_setting="on"),
    "user off": value("user", texting_setting="off"),
    "deactivated": value("user", is_active=False),
    "operator": value("user", organization=None, is_staff=True),
}


def stored(flaws: list[tuple[str, ...]]) -> dict[tuple[str, ...], User]:
    """One world for each, all of them at once."""
    other = OrganizationFactory()
    worlds = {names: World(other) for names in flaws}
    for index, (names, world) in enumerate(worlds.items()):
        for name in names:
            FLAWS[name](world)
        world.location.name = f"Location {index}"
        world.user.email = world.user.email_key = f"user{index}@example.com"
    Organization.objects.bulk_create(world.organization for world in worlds.values())
    CallingPlan.objects.bulk_create(
        CallingPlan(organization=world.organization, country=country)
        for world in worlds.values()
        for country in world.plans
    )
    Location.objects.bulk_create(world.location for world in worlds.values())
    Brand.objects.bulk_create(world.brand for world in worlds.values())
    Campaign.objects.bulk_create(world.campaign for world in worlds.values())
    User.objects.bulk_create(world.user for world in worlds.values())
    numbers = [number for world in worlds.values() for number in world.numbers()]
    for index, number in enumerate(numbers):
        number.e164 = f"+1415{index:07d}"
    PhoneNumber.objects.bulk_create(numbers)
    return {names: world.user for names, world in worlds.items()}


@pytest.fixture
def two_numbers_a_campaign() -> Iterator[None]:
    _standing_rows.cache_clear()
    with (
        patch("provisioning.eligibility.facts.CAMPAIGN_NUMBERS_LIMIT", 2),
        patch("provisioning.eligibility.user_rules.CAMPAIGN_NUMBERS_LIMIT", 2),
    ):
        yield
    _standing_rows.cache_clear()


def disagreements(users: dict[tuple[str, ...], User]) -> Iterator[tuple[tuple[str, ...], str]]:
    ids = [user.pk for user in users.values()]
    rows = {row.pk: row for row in annotate_standing(User.objects.filter(pk__in=ids))}
    people = {row.pk: row for row in User.objects.select_related("organization", "location").filter(pk__in=ids)}
    in_one_query = standings(ids)
    for names, user in users.items():
        person, row = people[user.pk], rows[user.pk]
        verdict, resolution = standing(person), resolve(person)
        if in_one_query[user.pk] != verdict:
            yield names, "standings()"
        if (row.can_text, row.can_send) != (verdict.can_receive, verdict.can_send):
            yield names, "can_text, can_send"
        if (row.effective_enabled, row.enablement_source) != (resolution.enabled, resolution.source.value):
            yield names, "enablement"
        for requirement in check_user(person):
            if getattr(row, f"req_{requirement.code}") != requirement.state.value:
                yield names, requirement.code
        # Its SQL is made anew for every organization: pairs of flaws are left to the random worlds.
        if len(names) < 2 and person.organization is not None:
            [line] = rows_of([person.pk], KnownRoot.of(person.organization))
            said = Standing(line.enabled, line.can_text, line.can_send, line.code, verdict.sentence)
            if (said, line.source) != (verdict, resolution.source):
                yield names, "rows_of()"


@pytest.mark.django_db
@pytest.mark.usefixtures("two_numbers_a_campaign")
def test_python_and_sql_agree_on_every_flaw_and_every_pair_of_flaws() -> None:
    users = stored([(), *((name,) for name in FLAWS), *combinations(FLAWS, 2)])
    assert len(users) == 1 + len(FLAWS) + len(FLAWS) * (len(FLAWS) - 1) // 2
    assert standing(users[()]).can_send
    assert list(disagreements(users)) == []
