"""Users changed a second by a bulk action, in an organization of 100,000: the task as a worker runs it, turn by turn.

    DATABASE_URL=postgres://... python -m tests.bench.bulk_users [--users 20000]

on a database that tests/bench/large_organization.py has filled (or an empty one, which it fills first). Measured:

picked    so many users, selected one by one, switched off
filtered  all that match "texting on", switched off: the filter empties as the walk goes on
moved     so many of one filter, moved to one location
preview   the confirm page's count of everyone
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

TARGET_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django

    django.setup()
    _report(_administrator(), options.users)


def _administrator() -> Any:
    from django.core.management import call_command

    from provisioning.models import Role, User
    from tests.bench import large_organization

    call_command("migrate", verbosity=0)
    admins = User.objects.filter(role_assignments__role=Role.FULL_ADMIN, is_active=True).order_by("pk")
    if not admins.exists():
        large_organization.fill()
    return admins.first()


def _report(administrator: Any, users: int) -> None:
    from provisioning.bulk_user_actions import ACTIONS
    from provisioning.bulk_user_preview import preview
    from provisioning.models import Location
    from provisioning.scoping import users_in_reach
    from provisioning.user_selection import Selection

    everyone = Selection.matching(administrator, {})
    looks = [_seconds(lambda: preview(ACTIONS["texting_off"], everyone, None, administrator)) for _each in range(5)]
    print(f"preview   {statistics.median(looks) * 1000:8.0f} ms for everyone")
    ids = users_in_reach(administrator).order_by("pk").values_list("pk", flat=True)
    picked = Selection.picked(ids[:users])
    _run("picked", "texting_off", picked, administrator)
    _run("again", "texting_off", picked, administrator)
    _run("filtered", "texting_off", Selection.matching(administrator, {"status": "on"}), administrator)
    _run("default", "texting_default", Selection.matching(administrator, {"source": "user"}), administrator)
    home = Location.objects.filter(organization=administrator.organization).order_by("pk").first()
    _run("moved", "move", picked, administrator, home)


def _run(name: str, action: str, selection: Any, administrator: Any, location: Any = None) -> None:
    from provisioning import task_engine
    from provisioning.bulk_user_actions import ACTIONS
    from provisioning.bulk_users import start_bulk
    from provisioning.clock import database_now

    choice = location.pk if location is not None else None
    task = start_bulk(
        ACTIONS[action], selection, administrator, choice=choice, via="command", ip=None, now=database_now()
    )  # fmt: skip
    turns = []
    while task.unfinished:
        turns.append(_seconds(lambda: task_engine.run(task.pk, task.lease_token)))
        task.refresh_from_db()
    took = sum(turns)
    rate = task.done / took
    print(
        f"{name:9} {took:8.1f} s for {task.done:,} users: {rate:,.0f} a second, {task.changed:,} changed, "
        f"{task.refused:,} refused, {len(turns)} turns, the longest {max(turns):.1f} s; {task.state}"
    )
    if rate * TARGET_SECONDS < 20_000:
        raise SystemExit(f"20,000 users would take {20_000 / rate:.0f} s, longer than {TARGET_SECONDS}.")


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
