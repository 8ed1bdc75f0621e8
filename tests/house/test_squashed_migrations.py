"""A new database is made in one step an app; one of before goes on by the single files. Both end in the same schema."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

from tests.house import schemas
from tests.house.servers import drop_database, own_servers
from texting_hub.up.testing import environment as hermetic
from texting_hub.up.words import ROOT

WAYS = ("at_once", "by_single_files")


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, dict[str, str]]]:
    """The environment of each way: a data folder and an empty database."""
    made = {way: hermetic(os.environ, str(tmp_path / way)) | own_servers() for way in WAYS}
    yield made
    for place in made.values():
        drop_database(place.get("DATABASE_URL"))


@pytest.mark.slow
def test_both_ways_end_in_the_same_schema_with_nothing_left_to_apply(places: dict[str, dict[str, str]]) -> None:
    running = {
        way: subprocess.Popen(
            [sys.executable, "-m", "tests.house.upgrading", way],
            cwd=ROOT, env=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for way, place in places.items()
    }  # fmt: skip
    for way, process in running.items():
        said, _nothing = process.communicate(timeout=120)
        assert process.returncode == 0, f"{way}: {said}"
    at_once, by_single_files = (schema_of(places[way]) for way in WAYS)
    assert at_once.keys() == by_single_files.keys()
    for kind, found in at_once.items():
        assert found - by_single_files[kind] == set(), f"{kind} only of a new database"
        assert by_single_files[kind] - found == set(), f"{kind} only of a database of before"


def schema_of(place: dict[str, str]) -> dict[str, set[str]]:
    if address := place.get("DATABASE_URL"):
        return schemas.of_postgres(address)
    return schemas.of_sqlite(str(Path(place["HUB_DATA"], "hub.sqlite3")))


@pytest.mark.django_db
def test_the_database_has_every_index_and_constraint_that_the_models_name() -> None:
    with connection.cursor() as cursor:
        for model in apps.get_models():
            named = {each.name for each in [*model._meta.indexes, *model._meta.constraints]}
            there = connection.introspection.get_constraints(cursor, model._meta.db_table)
            assert named - there.keys() == set(), model._meta.label
