"""Rows with values of their own are stored in one statement, exactly as they are, or not at all."""

from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from provisioning.models import User
from provisioning.row_writes import write_columns
from tests import factories

pytestmark = pytest.mark.django_db


def test_each_row_gets_its_own_values_and_no_other_column_or_row_is_touched() -> None:
    place = factories.LocationFactory()
    rows = [factories.UserFactory(location=place, email=f"{index}@example.com") for index in range(3)]
    untouched = factories.UserFactory(location=place, first_name="Nobody")
    rows[0].first_name, rows[1].first_name, rows[2].first_name = "O'Neill %s", "", "“李” ; --"
    rows[1].location, rows[2].is_active = None, False
    rows[0].last_name = "not stored"
    with CaptureQueriesContext(connection) as captured:
        write_columns(rows, ["first_name", "location", "is_active"])
    stored = {user.pk: user for user in User.objects.all()}
    assert [stored[row.pk].first_name for row in rows] == ["O'Neill %s", "", "“李” ; --"]
    assert [stored[row.pk].location_id for row in rows] == [place.pk, None, place.pk]
    assert [stored[row.pk].is_active for row in rows] == [True, True, False]
    assert stored[rows[0].pk].last_name != "not stored"
    assert stored[untouched.pk].first_name == "Nobody"
    if connection.vendor == "postgresql":
        assert len(captured) == 1


def test_a_value_that_is_too_long_is_refused_not_cut_off() -> None:
    row = factories.UserFactory(first_name="Ana")
    row.first_name = "x" * 101
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no lengths.")
    with pytest.raises(DataError), transaction.atomic():
        write_columns([row], ["first_name"])
    assert User.objects.get(pk=row.pk).first_name == "Ana"


def test_nothing_to_store_is_no_statement() -> None:
    with CaptureQueriesContext(connection) as captured:
        write_columns([], ["first_name"])
        write_columns([User()], [])
    assert len(captured) == 0
