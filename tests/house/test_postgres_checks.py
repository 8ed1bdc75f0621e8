"""Who runs a Postgres that logs texts is told so, and how to end it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.checks import Warning, run_checks
from django.db import connection

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no log"),
]


def warnings() -> list[Any]:
    return [found for found in run_checks(databases=["default"]) if found.id == "texting_hub.W001"]


def follow(advice: str) -> None:
    """As the superuser that the tests are: for this connection, as the advice is for the role."""
    with connection.cursor() as cursor:
        for statement in re.findall(r'ALTER ROLE "\w+" (SET .+?);', advice):
            cursor.execute(statement)


def as_postgres_comes(**settings: str) -> None:
    usual = {"log_min_error_statement": "error", "log_error_verbosity": "default", "log_statement": "none", **settings}
    follow("".join(f"""ALTER ROLE "hub" SET {name} = '{value}';""" for name, value in usual.items()))


def test_a_server_that_logs_statements_that_fail_is_warned_of() -> None:
    as_postgres_comes()
    (warning,) = warnings()
    assert isinstance(warning, Warning)
    assert "log_error_verbosity, log_min_error_statement" in warning.msg


def test_who_follows_the_advice_is_warned_no_more() -> None:
    as_postgres_comes(log_statement="mod")
    (warning,) = warnings()
    assert "log_statement" in warning.hint
    follow(warning.hint)
    assert warnings() == []


def test_nobody_is_asked_unless_databases_are_checked() -> None:
    assert [found for found in run_checks() if found.id == "texting_hub.W001"] == []
