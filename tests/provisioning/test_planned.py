"""Statements that Postgres plans once a connection: the same answers, and one plan however often they are used."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from django.db import OperationalError, connection

from provisioning.models import User
from provisioning.planned import Planned, plan_anew
from provisioning.prepared import PreparedModels
from tests import factories

pytestmark = pytest.mark.django_db

only_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="Postgres keeps plans")


def answers(planned: Planned, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        planned.execute(cursor, values)
        return list(cursor.fetchall())


def kept() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'hub\\_%%'", [])
        return int(cursor.fetchone()[0])


def test_values_go_where_they_belong_and_what_is_fixed_stays() -> None:
    user = factories.UserFactory(last_name="100%")
    planned = Planned(
        "SELECT last_name FROM provisioning_user"
        " WHERE license = %s AND email = %s AND last_name LIKE '%%\\%%' ESCAPE %s",
        [None, 0, None], [user.license, None, "\\"],
    )  # fmt: skip
    for _again in range(3):
        assert answers(planned, user.email) == [("100%",)]
    assert answers(planned, "nobody@example.com") == []


def test_one_value_may_stand_in_two_places() -> None:
    user = factories.UserFactory(first_name="Ann", last_name="Ann")
    planned = Planned(
        "SELECT email FROM provisioning_user WHERE first_name = %s AND last_name = %s", [0, 0], [None, None]
    )
    assert answers(planned, "Ann") == [(user.email,)]


def test_a_statement_without_values() -> None:
    factories.UserFactory()
    planned = Planned("SELECT COUNT(*) > 0 FROM provisioning_user WHERE license = %s", [None], ["professional"])
    assert [bool(row[0]) for row in answers(planned)] == [True]


@only_postgres
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_ended_before_the_plan_was_made_is_djangos_error() -> None:
    """Whoever answers 503 when the database is away, or tries again, knows no driver's errors."""
    planned = Planned("SELECT email FROM provisioning_user WHERE email = %s AND 23 = 23", [0], [None])
    connection.ensure_connection()
    other = connection.copy()
    with contextlib.closing(other), other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    with contextlib.closing(connection), pytest.raises(OperationalError):
        answers(planned, "ann@example.com")


@only_postgres
def test_it_is_planned_once_a_connection() -> None:
    planned = Planned("SELECT email FROM provisioning_user WHERE email = %s AND 17 = 17", [0], [None])
    before = kept()
    for _again in range(3):
        answers(planned, "x")
    assert kept() == before + 1


@only_postgres
@pytest.mark.django_db(transaction=True)
def test_a_new_connection_plans_anew() -> None:
    planned = Planned("SELECT email FROM provisioning_user WHERE email = %s AND 18 = 18", [0], [None])
    for _connection in range(2):
        assert answers(planned, "x") == []
        connection.close()


@only_postgres
def test_a_rolled_back_transaction_takes_no_plan_away() -> None:
    from django.db import transaction

    planned = Planned("SELECT email FROM provisioning_user WHERE email = %s AND 19 = 19", [0], [None])
    with transaction.atomic():
        answers(planned, "x")
        transaction.set_rollback(True)
    assert answers(planned, "x") == []


@only_postgres
def test_switched_off_nothing_is_kept_on_the_server(settings: Any) -> None:
    settings.PREPARED_STATEMENTS = False
    user = factories.UserFactory()
    before = kept()
    by_email = PreparedModels(lambda email: User.objects.filter(email=email, is_active=True), email="")
    assert by_email.first(email=user.email) == user
    assert kept() == before


@only_postgres
def test_it_is_planned_anew_when_told_to() -> None:
    """A table that filled up since: the old plan reads all of it, the new one looks into the index."""
    planned = Planned("SELECT place FROM growing WHERE place = %s", [0], [None])
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE growing (place int, words text)")
        assert answers(planned, 1) == []
        cursor.execute("CREATE INDEX growing_places ON growing (place)")
        plan_anew()
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_indexonlyscan = off")
        assert answers(planned, 1) == []
        cursor.execute("RESET enable_indexscan; RESET enable_bitmapscan; RESET enable_indexonlyscan")
        cursor.execute("INSERT INTO growing SELECT place, 'words' FROM generate_series(1, 20000) AS place")
        assert "Seq Scan" in _plan(planned)
        plan_anew()
        assert "growing_places" in _plan(planned)


def _plan(planned: Planned) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN EXECUTE {planned._name} (1)")
        return " ".join(row[0] for row in cursor.fetchall())
