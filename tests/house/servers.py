"""A database of its own, for a test that starts real programs on the servers that the environment names."""

from __future__ import annotations

import contextlib
import os
import uuid
from urllib.parse import urlsplit

import psycopg2

from texting_hub.up.testing import own_database

DATABASE, BROKER = os.environ.get("HUB_TEST_DATABASE_URL"), os.environ.get("HUB_TEST_REDIS_URL")


def own_servers() -> dict[str, str]:
    """A new database on the named server, and the named Redis; nothing where none are named."""
    servers = {}
    if DATABASE:
        name = f"hub_up_{uuid.uuid4().hex}"
        on_server(f"CREATE DATABASE {name}")
        servers["DATABASE_URL"] = urlsplit(DATABASE)._replace(path=f"/{name}").geturl()
    if BROKER:
        servers["REDIS_URL"] = own_database(BROKER, os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
    return servers


def drop_database(address: str | None) -> None:
    if address:
        on_server(f"DROP DATABASE IF EXISTS {urlsplit(address).path.strip('/')} WITH (FORCE)")


def on_server(statement: str) -> None:
    """Run a statement that no transaction may contain."""
    connection = psycopg2.connect(urlsplit(str(DATABASE))._replace(path="/postgres").geturl())
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)
