"""What a page of the audit log costs with 1,000,000 events of one organization, on Postgres.

    DATABASE_URL=postgres://... python -m tests.bench.audit_log [--events 1000000]

fills an empty database (it migrates it first), then times the SQL of the page with every filter, first page and deep
ones, and the CSV export. The events are what makes filters slow: half a million by one import long ago, 100,000 looks
of an officer in a row just now, actions and actors that never meet. The hashes are not real ones.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Any

MOST_MILLISECONDS = 20.0
RUNS = 7

FILL = """
INSERT INTO compliance_auditevent (id, chain, organization_id, sequence, previous_hash, hash, happened_at, actor_id,
    actor_label, via, ip, action, target_type, target_id, target_label, before, after, content_access)
SELECT
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
        || substr(md5(n::text), 4, 15))::uuid,
    %(organization)s, %(organization)s::uuid, n, '', md5(n::text) || md5(n::text), at,
    CASE WHEN looks THEN (%(people)s::uuid[])[1]
         WHEN imported THEN (%(people)s::uuid[])[2]
         WHEN n %% 5 = 0 THEN NULL
         ELSE (%(people)s::uuid[])[3 + n %% 20] END,
    'Somebody <somebody@example.com>', 'portal', '192.0.2.7',
    CASE WHEN looks THEN 'messages.read'
         WHEN imported THEN (ARRAY['user.changed', 'user.texting_changed'])[1 + n %% 2]
         WHEN n %% 1000 = 7 THEN 'location.changed'
         ELSE (ARRAY['user.signed_in', 'user.signed_out', 'number.moved', 'user.created'])[1 + n %% 4] END,
    'user', md5((n %% 60000)::text), 'Rosalind Abernathy', '{"setting": "default"}', '{"setting": "on"}', looks
FROM (
    SELECT n, now() - (%(events)s - n) * interval '34 seconds' AS at,
        n > %(events)s * 0.9 AS looks, n BETWEEN %(events)s * 0.1 AND %(events)s * 0.6 AS imported
    FROM generate_series(1, %(events)s) AS n
) AS made
"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--events", type=int, default=1_000_000)
    events = asked.parse_args().events
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    organization, people = fill(events)
    slow = [name for name, median in measure(organization, people) if median > MOST_MILLISECONDS]
    print("too slow: " + ", ".join(slow) if slow else f"every page is under {MOST_MILLISECONDS:g} ms")


def fill(events: int) -> tuple[Any, list[uuid.UUID]]:
    """The organization, an officer, the importer and twenty administrators; what is there already is used again."""
    from django.db import connection

    from provisioning.models import Organization, User

    organization, new = Organization.objects.get_or_create(name="Meridian Audit")
    if new:
        for index in range(23):
            User(organization=organization, email=f"person{index}@audit.example", first_name="P", password="!").save()
        people = list(organization.users.order_by("pk").values_list("pk", flat=True))
        insert(organization, people, events)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM compliance_auditevent")
    return organization, list(organization.users.order_by("pk").values_list("pk", flat=True))


def insert(organization: Any, people: list[uuid.UUID], events: int) -> None:
    """Store the events, and let the planner know."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(FILL, {"organization": str(organization.pk), "people": people, "events": events})
        cursor.execute("ANALYZE compliance_auditevent")


def measure(organization: Any, people: list[uuid.UUID]) -> list[tuple[str, float]]:
    """Median milliseconds of the SQL of one page, by what is asked."""
    from compliance.audit_export import written
    from compliance.audit_search import Criteria, narrowed, of_administrators, of_officers
    from compliance.keyset import page_of

    officer, importer, admin = (str(person) for person in people[:3])
    everything, mine = of_officers(organization.pk), of_administrators(organization.pk)
    moments = list(everything.order_by("happened_at").values_list("happened_at", flat=True)[::100_000])
    early, later = moments[1], moments[2]
    deep = str(everything.filter(happened_at__lte=moments[5]).order_by("-happened_at").values_list("pk", flat=True)[0])
    asked = {
        "first page": Criteria(),
        "an administrator": Criteria(actor_id=admin),
        "the importer, long ago": Criteria(actor_id=importer),
        "the officer": Criteria(actor_id=officer),
        "the system": Criteria(actor_id="system"),
        "a rare action": Criteria(action="location.changed"),
        "a dense action, long ago": Criteria(action="user.changed"),
        "an action that never was": Criteria(action="brand.submitted"),
        "the provider": Criteria(action="admin"),
        "dense actor and dense action that never meet": Criteria(actor_id=importer, action="user.signed_in"),
        "one object": Criteria(target_id="c4ca4238a0b923820dcc509a6f75849b"),
        "an old range": Criteria(begins_at=early, ends_at=later),
        "an old range of an actor who was not there": Criteria(admin, begins_at=moments[3], ends_at=moments[4]),
        "an old range and a rare action": Criteria(action="location.changed", begins_at=early, ends_at=later),
        "everything at once": Criteria(admin, "user.created", "c4ca4238a0b923820dcc509a6f75849b", early, later),
    }
    found = []
    for who, events in (("administrators", mine), ("officers", everything)):
        for name, criteria in asked.items():
            for place, cursor in (("", ""), (", deep", deep)):
                found.append(_timed(f"{who}: {name}{place}", lambda e=events, c=criteria, k=cursor: page_of(
                    narrowed(e, c), "happened_at", older=k)))  # fmt: skip
    began, rows = time.perf_counter(), 0
    from zoneinfo import ZoneInfo

    for piece in written(narrowed(mine, Criteria(begins_at=early, ends_at=later)), ZoneInfo("UTC")):
        rows += piece.count(b"\r\n")
    print(f"{'CSV of ' + format(rows, ','):64} {(time.perf_counter() - began):8.1f} s")
    return found


def _timed(name: str, ask: Callable[[], Any]) -> tuple[str, float]:
    """The median over several runs, the whole of Django's work included."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    median = statistics.median(times)
    print(f"{name:64} {median:8.2f} ms")
    return name, median


if __name__ == "__main__":
    main()
