"""The gate of Export CSV: 100,000 users in one streaming pass, in a process that never has 200 MB.

    DATABASE_URL=postgres://... python -m tests.bench.csv_export [--users 100000]

fills a database of its own, then a fresh process asks Django's whole stack for /users/export/ and reads the answer to
its end. Prints rows, bytes, seconds, the first byte's time and the peak of the process's memory; exits 1 when missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from tests.bench.large_database import measured, peak_megabytes, settings_of_a_measurement

MOST_MEGABYTES = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with settings_of_a_measurement():
        if options.measure:
            print(json.dumps(_measure(options.measure)))
            return 0
        found = measured("tests.bench.csv_export", users=options.users)
    print(
        f"{found['rows']:,} users, {found['bytes'] / 1e6:.1f} MB in {found['seconds']:.1f} s, first byte after "
        f"{found['first']:.2f} s, {found['queries']} queries; "
        f"memory {found['before']:.0f} MB before, {found['peak']:.0f} MB at most (gate {MOST_MEGABYTES} MB)"
    )
    good = found["peak"] < MOST_MEGABYTES and found["rows"] == options.users
    print("passed" if good else "MISSED")
    return 0 if good else 1


def _measure(administrator_id: str) -> dict[str, Any]:
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from provisioning.models import User

    settings.SECOND_FACTOR_REQUIRED = False
    browser = Client()
    browser.force_login(
        User.objects.get(pk=administrator_id), backend="django.contrib.auth.backends.ModelBackend"
    )  # fmt: skip
    before, queries = peak_megabytes(), []

    def counted(execute: Any, sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(counted):
        began = time.perf_counter()
        answer = browser.get("/users/export/", HTTP_HOST="127.0.0.1")
        assert answer.status_code == 200, answer.status_code
        rows, size, first = -1, 0, 0.0
        for piece in answer:
            first = first or time.perf_counter() - began
            rows += piece.count(b"\r\n")
            size += len(piece)
    return {
        "rows": rows, "bytes": size, "seconds": time.perf_counter() - began, "first": first, "before": before,
        "peak": peak_megabytes(), "queries": len(queries),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
