"""One organization as large as they come: 100,000 users at 200 locations, with all that can be wrong with them.

    DATABASE_URL=postgres://... python -m tests.bench.large_organization [--users 100000] [--locations 200]

fills an empty database (it migrates it first) and prints who can sign in. `fill()` does the same inside a test or a
benchmark. The same numbers give the same rows, ids and all: two runs can be compared. On Postgres the rows go in by
COPY, in seconds; on SQLite by bulk_create.

Of the users about 97 in 100 are active, 15 have never signed in, 90 have a Professional license, 94 a number;
locations follow the size of cities (the first has thousands of people, the last a handful), most in the US on Cisco
PSTN. One campaign has a number pool and most numbers; one is crowded, one suspended.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provisioning.models import Campaign, Location, Organization, PhoneNumber, User

BEGAN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
DOMAIN = "meridian.example"
CHUNK = 5_000


def _words(text: str) -> list[str]:
    return text.split()


FIRST_NAMES = _words("""
    Aaliyah Aaron Abigail Adam Adele Agnes Ahmed Aiko Akira Alan Alba Alejandra Alex Alice Amara Amelia Amir Ana
    André Anika Anton Aoife Arjun Åsa Astrid Ava Axel Beatriz Ben Björn Brooke Camille Carlo Carmen Chen Chloé
    Clara Cole Dana Daniel David Deepa Desmond Diego Dmitri Élise Elena Emeka Emma Enzo Erik Esther Ethan Eva
    Fatima Felix Fiona Frank Freya Gabriel Grace Greta Hana Hannah Hassan Helen Hugo Ibrahim Ines Ingrid Isaac
    Ivan Jack Jada James Jana Jasper Joon José Julia Kai Karl Keiko Kenji Kofi Lars Laura Leila Leo Li Liam Lina
    Linh Luc Lucía Lukas Maja Marco Maria Marta Max Maya Mei Mia Milan Mina Mohamed Nadia Naomi Nia Nils Noah Nora
    Olga Oliver Omar Oscar Paula Pedro Petra Priya Quinn Rafael Rania Ravi Rosa Rosalind Ruth Sam Sara Sean Simon
    Sofia Sven Tara Theo Tomás Tunde Uma Vera Victor Wei Yara Yuki Yusuf Zara Zoe
""")
LAST_NAMES = _words("""
    Abernathy Adeyemi Aguilar Ahmed Ali Almeida Andersson Ångström Baker Banerjee Bauer Beaulieu Becker Bell Berg
    Bernard Bianchi Brown Byrne Campbell Carter Castellanos Chan Chen Choi Clark Cohen Costa Cruz Davis Delgado
    Diaz Dubois Edwards Eriksson Evans Faulkner Fernández Fischer Flores Foster Fraser Fujita Gallo García Gill
    Girard Gonzalez Grant Green Gupta Haddad Hall Hansen Harris Hartley Hassan Hayes Hernández Hill Hoang Hollis
    Hughes Ito Ivanov Iverson Jackson Jensen Johansson Johnson Jones Kaur Kelly Khan Kim King Klein Kowalski Kumar
    Lam Lavoie Le Lee Lewis Li Lindqvist Liu López Lundgren Ma MacDonald Mahmoud Malik Martin Martínez Matsuda
    Mbeki Mehta Mendes Miller Mitchell Moore Morales Moreau Müller Murphy Nakamura Nelson Nguyen Nowak O’Brien
    O’Neill Okafor Olsen Ortiz Park Patel Pereira Pérez Peters Petrov Phillips Popov Quinn Ramos Reid Reyes Ricci
    Richter Rivera Roberts Rossi Roy Russo Ryan Sánchez Santos Sato Schmidt Schneider Scott Sharma Silva Singh
    Smith Solberg Song Stewart Sun Suzuki Tan Taylor Thomas Thompson Torres Tran Tremblay Turner Vance Vargas Vega
    Walker Wang Watanabe Weber White Whitfield Williams Wilson Wong Wright Wu Yamamoto Yang Young Zhang Zhao
    Zimmer
""")
CITIES = _words("""
    San_Francisco New_York Chicago Houston Phoenix Dallas Austin Seattle Denver Boston Portland Atlanta Miami
    Tampa Detroit Nashville Memphis Omaha Tulsa Fresno Sacramento Oakland Tucson Mesa Raleigh Minneapolis Columbus
    Newark
""")
CANADIAN_CITIES = _words("""
    Toronto Vancouver Montréal Calgary Ottawa Edmonton Winnipeg Halifax
""")
KINDS = ("headquarters", "service centre", "warehouse", "clinic", "showroom", "distribution centre", "call centre")
US_CODES = _words("""
    201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251
    252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318
    319 320
""")
CANADIAN_CODES = _words("""
    204 236 250 289 306 343 365 403 416 418 437 438 450 506 514 519 604 613 647 778
""")


@dataclass(frozen=True, slots=True)
class LargeOrganization:
    """What was stored, and the administrators; `location_admin` is bound to the three largest locations."""

    organization: Organization
    locations: Sequence[Location]
    full_admin: User
    read_only_admin: User
    user_admin: User
    location_admin: User
    officer: User

    @property
    def administrators(self) -> list[User]:
        return [self.full_admin, self.read_only_admin, self.user_admin, self.location_admin, self.officer]


def fill(users: int = 100_000, locations: int = 200, *, name: str = "Meridian Health Supply") -> LargeOrganization:
    """Store the organization. Users' passwords are unusable: a test signs them in by force."""
    dice = random.Random(f"{name} {users} {locations}")
    ids = _Ids(dice)
    organization, campaigns = _organization(ids, name)
    places = [_location(ids, dice, organization, index) for index in range(locations)]
    _store(places)
    people = _people(ids, dice, organization, places, users)
    _store(people)
    _store(_numbers(ids, dice, organization, campaigns, people, places))
    _analyze()
    return LargeOrganization(organization, places, **_administrators(organization, people, places))


class _Ids:
    """UUIDs of version 7, one millisecond after another, the same in every run."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.milliseconds = int(BEGAN.timestamp() * 1000)

    def next(self) -> uuid.UUID:
        self.milliseconds += 1
        tail = self.dice.getrandbits(74)
        high = self.milliseconds << 80 | 0x7 << 76 | (tail >> 62) << 64
        return uuid.UUID(int=high | 0b10 << 62 | tail & (1 << 62) - 1)


def _organization(ids: _Ids, name: str) -> tuple[Organization, list[Campaign]]:
    """An enterprise with everything it takes, and three campaigns: pooled, crowded, suspended."""
    from provisioning.models import Brand, CallingPlan, Campaign, Organization

    organization = Organization(
        id=ids.next(), name=name, addon_licenses=100_000, texting_enabled=True, texting_changed_at=BEGAN,
        acceptable_use_accepted_at=BEGAN, created_at=BEGAN,
    )  # fmt: skip
    brand = Brand(id=ids.next(), organization=organization, legal_name=f"{name}, Inc.", status="verified")
    campaigns = [
        Campaign(id=ids.next(), organization=organization, brand=brand, name=title, registry_id=f"C{index:06d}",
                 status=status, number_pool=pool)
        for index, (title, status, pool) in enumerate(
            [("Customer care", "active", True), ("Delivery notices", "active", False), ("Offers", "suspended", True)]
        )
    ]  # fmt: skip
    organization.save(force_insert=True)
    plans = [CallingPlan(id=ids.next(), organization=organization, country=country) for country in ("US", "CA")]
    CallingPlan.objects.bulk_create(plans)
    brand.save(force_insert=True)
    Campaign.objects.bulk_create(campaigns)
    return organization, campaigns


def _location(ids: _Ids, dice: random.Random, organization: Organization, index: int) -> Location:
    from provisioning.models import Location

    country = "US" if index == 0 else dice.choices(["US", "CA", "PR", "GB", "DE"], [78, 14, 1, 5, 2])[0]
    city = dice.choice(CANADIAN_CITIES if country == "CA" else CITIES).replace("_", " ")
    place = Location(
        id=ids.next(),
        organization=organization,
        name=f"{city} {dice.choice(KINDS)} {index + 1}",
        country=country,
        pstn_connection="cisco_pstn" if index == 0 else _pick(dice, cisco_pstn=90, local_gateway=7, other=3),
        texting_setting="default" if index == 0 else _pick(dice, default=80, on=12, off=8),
        time_zone="America/Vancouver" if country == "CA" else "America/Los_Angeles",
        created_at=BEGAN,
    )
    place.fold_names()
    return place


def _people(
    ids: _Ids, dice: random.Random, organization: Organization, places: Sequence[Location], count: int
) -> list[User]:
    from provisioning.models import User
    from provisioning.models.choices import fold

    sizes = [1 / (rank + 3) for rank in range(len(places))]
    homes = dice.choices(places, sizes, k=count)
    people = []
    for index, home in enumerate(homes):
        first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        ascii_name = f"{first}.{last}".encode("ascii", "ignore").decode().lower()
        email = f"{ascii_name}.{index}@{DOMAIN}"
        seen = dice.random() < 0.85
        people.append(
            User(
                id=ids.next(), organization=organization, location=None if dice.random() < 0.005 else home,
                email=email, email_key=fold(email), first_name=first, last_name=last,
                sort_name=fold(f"{last}, {first}"), search_text=fold(f"{first} {last} {email}"),
                license=_pick(dice, professional=90, standard=8, none=2),
                texting_setting=_pick(dice, default=92, off=5, on=3),
                client_version=dice.choice(["desktop/42.12.0", "desktop/43.1", "mobile/43.2", ""]) if seen else "",
                is_active=dice.random() < 0.97, password="!" + "x" * 40,
                last_login=BEGAN + timedelta(minutes=index) if seen else None,
                invited_at=None if seen else BEGAN, created_at=BEGAN,
            )
        )  # fmt: skip
    return people


def _numbers(
    ids: _Ids,
    dice: random.Random,
    organization: Organization,
    campaigns: Sequence[Campaign],
    people: Sequence[User],
    places: Sequence[Location],
) -> Iterator[PhoneNumber]:
    """One for most people, then spare ones: a tenth as many."""
    from provisioning.models import PhoneNumber

    pooled, crowded, suspended = campaigns
    codes = _area_codes(places)
    counters = dict.fromkeys([*US_CODES, *CANADIAN_CODES], 0)
    linked = 0
    holders: list[User | None] = [person for person in people if dice.random() < 0.94]
    for holder in [*holders, *[None] * (len(people) // 10)]:
        place = (holder.location if holder is not None else None) or dice.choice(places)
        code = codes[place.pk]
        counters[code] += 1
        campaign = dice.choices([pooled, suspended, None], [96, 2, 2])[0]
        if linked < 60 and holder is not None:
            campaign, linked = crowded, linked + 1
        yield PhoneNumber(
            id=ids.next(), organization=organization, location=place, e164=_e164(code, counters[code]), user=holder,
            source=_pick(dice, cisco_calling_plan=97, other=3),
            capability=_pick(dice, capable=92, unknown=4, incapable=4),
            campaign=campaign, active=dice.random() < 0.99, created_at=BEGAN,
        )  # fmt: skip


def _area_codes(places: Sequence[Location]) -> dict[uuid.UUID, str]:
    return {
        place.pk: (CANADIAN_CODES if place.country == "CA" else US_CODES)[index % (20 if place.country == "CA" else 56)]
        for index, place in enumerate(places)
    }


def _e164(code: str, counter: int) -> str:
    """The counter-th number of an area code whose exchange is a valid one (2xx to 9xx, and not N11)."""
    exchange, line = divmod(counter * 7, 10_000)
    exchanges = [number for number in range(220, 1000) if number % 100 != 11]
    return f"+1{code}{exchanges[exchange]}{line:04d}"


def _administrators(organization: Organization, people: Sequence[User], places: Sequence[Location]) -> dict[str, User]:
    """The first active people become administrators; each of a role."""
    from provisioning.models import RoleAssignment

    roles = ["full_admin", "read_only_admin", "user_admin", "location_admin"]
    named = dict(zip([*roles, "officer"], (person for person in people if person.is_active), strict=False))
    bindings: list[tuple[str, Location | None]] = [(role, None) for role in roles[:3]]
    bindings += [("location_admin", place) for place in places[:3]]
    RoleAssignment.objects.bulk_create([
        *(RoleAssignment(organization=organization, user=named[role], role=role, location=place)
          for role, place in bindings),
        RoleAssignment(organization=organization, user=named["officer"], role="compliance_officer"),
    ])  # fmt: skip
    return named


def _pick(dice: random.Random, **weights: int) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]


def _store(rows: Iterable[Any]) -> None:
    """By COPY on Postgres, else by bulk_create; no signal and no default of save() is run, so rows are complete."""
    from django.db import connection

    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            _store_chunk(connection, chunk)
            chunk = []
    if chunk:
        _store_chunk(connection, chunk)


def _store_chunk(connection: Any, rows: list[Any]) -> None:
    model = type(rows[0])
    if connection.vendor != "postgresql":
        model.objects.bulk_create(rows)
        return
    fields = model._meta.concrete_fields
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_cell(field, row, connection) for field in fields])
    text.seek(0)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    with connection.cursor() as cursor:
        statement = f"COPY \"{model._meta.db_table}\" ({columns}) FROM STDIN WITH (FORMAT csv, NULL '\\N')"
        cursor.cursor.copy_expert(statement, text)


def _cell(field: Any, row: Any, connection: Any) -> Any:
    value = field.get_db_prep_save(getattr(row, field.attname), connection)
    return r"\N" if value is None else value


def _analyze() -> None:
    """Plans are made from statistics: on a database just filled there are none yet."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--locations", type=int, default=200)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    large = fill(options.users, options.locations)
    print(f"{large.organization.name}: {options.users:,} users at {options.locations:,} locations")
    for person in large.administrators:
        print(f"  {person.email}  {', '.join(sorted({str(role) for role in person.role_assignments.all()}))}")


if __name__ == "__main__":
    main()
