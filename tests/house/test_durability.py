"""A commit is on the disk when it is told: an accepted text is not lost, and one on the wire not sent again, by a
power failure."""

from __future__ import annotations

import pytest
from django.db import connection

FULL = 2


@pytest.mark.django_db
def test_a_commit_waits_for_the_disk() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone() == (FULL,)
        else:
            cursor.execute("SELECT current_setting('synchronous_commit'), current_setting('fsync')")
            assert cursor.fetchone() == ("on", "on")
