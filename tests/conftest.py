"""What every test has: two organizations (so isolation is tested everywhere), and a clock that stands still."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import redis
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import settings as hypothesis_settings

from compliance import triggers
from provisioning.models import Organization, User
from tests import factories
from texting_hub.up.testing import broker_for_tests

# The same examples every time, so that a red build is red again; HYPOTHESIS_PROFILE=dev looks further, at random.
# CI's second run, on Postgres and Redis, is `again`: what is decided in Python was looked at in the first.
hypothesis_settings.register_profile("ci", derandomize=True, max_examples=40, deadline=None, database=None)
hypothesis_settings.register_profile("again", derandomize=True, max_examples=15, deadline=None, database=None)
hypothesis_settings.register_profile("dev", max_examples=1000, deadline=None)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True, scope="session")
def flush_past_the_append_only_triggers() -> Iterator[None]:
    """Tests that commit are followed by a flush of every table, which the audit log's triggers refuse."""
    flush = TransactionTestCase._fixture_teardown

    def without_triggers(case: TransactionTestCase) -> None:
        triggers.remove(connection)
        try:
            flush(case)
        finally:
            triggers.install(connection)

    with mock.patch.object(TransactionTestCase, "_fixture_teardown", without_triggers):
        yield


@pytest.fixture(autouse=True)
def static_files_without_a_manifest(settings: Any) -> None:
    """Pages are rendered without `collectstatic`; that every file they name exists is collectstatic's own test."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def shared_database(transactional_db: Any, tmp_path: Path) -> Iterator[Path | None]:
    """Tests in threads need what production has: the test database is memory of one process, so move to a file.

    Gives the file on SQLite and None on Postgres, whose test database is shared as it is.
    """
    if connection.vendor != "sqlite":
        yield None
        return
    path = tmp_path / "hub.sqlite3"
    connection.ensure_connection()
    memory, name = connection.connection, connection.settings_dict["NAME"]
    with sqlite3.connect(path) as file:
        memory.backup(file)
    file.close()
    connection.connection, connection.settings_dict["NAME"] = None, str(path)
    try:
        yield path
    finally:
        connection.close()
        connection.connection, connection.settings_dict["NAME"] = memory, name


@pytest.fixture(autouse=True)
def second_factor_not_asked_for(settings: Any) -> None:
    """Whoever signs in here has no second factor; the tests of second factors switch the question on again."""
    settings.SECOND_FACTOR_REQUIRED = False


@pytest.fixture
def organization(db: Any) -> Organization:
    return factories.OrganizationFactory(name="Northwind Dental Supply")


@pytest.fixture
def other_organization(db: Any) -> Organization:
    return factories.OrganizationFactory(name="Contoso Optical")


@pytest.fixture
def user(organization: Organization) -> User:
    """An end user who can text."""
    return factories.texting_user(organization)


@pytest.fixture
def stranger(other_organization: Organization) -> User:
    """An end user of another organization who can text."""
    return factories.texting_user(other_organization)


@pytest.fixture
def full_admin(organization: Organization) -> User:
    person = factories.UserFactory(organization=organization, location=None)
    return factories.with_role(person, "full_admin")


@pytest.fixture
def officer(organization: Organization) -> User:
    person = factories.UserFactory(organization=organization, location=None)
    return factories.with_role(person, "compliance_officer")


@pytest.fixture
def signed_in_as() -> Any:
    """`signed_in_as(user)` is a browser (Django's test client) with that person signed in."""

    def sign_in(person: User) -> Client:
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The address of this test process's own Valkey (or Redis, see texting_hub/up/testing.py)."""
    with broker_for_tests() as address:
        yield address


@pytest.fixture
def valkey(broker: str, settings: Any) -> str:
    """An empty Valkey for one test, which settings name too; its address."""
    with redis.Redis.from_url(broker) as client:
        client.flushdb()
    settings.REDIS_URL = broker
    return broker
