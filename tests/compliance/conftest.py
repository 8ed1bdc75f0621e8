"""A database that several connections share, on SQLite too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from provisioning.changes import Actor, Change


@pytest.fixture(autouse=True)
def export_folder(settings: Any, tmp_path: Path) -> Path:
    """Exports of a test are the test's own."""
    settings.EXPORT_DIR = tmp_path / "exports"
    return settings.EXPORT_DIR


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


@pytest.fixture
def change() -> Any:
    """`change(organization, ...)` is a change that an administrator could have made."""

    def make(organization: Any, **fields: Any) -> Change:
        return Change(**{
            "action": "user.texting_changed",
            "actor": Actor(user_id=None, label="Maya Okafor <maya@northwind.example>", via="portal", ip="192.0.2.7"),
            "organization_id": organization and organization.pk,
            "target_type": "user",
            "target_id": "018f",
            "target_label": "Rosalind Abernathy",
            "before": {"texting_setting": "default"},
            "after": {"texting_setting": "on"},
            **fields,
        })  # fmt: skip

    return make
