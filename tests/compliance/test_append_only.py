"""The database itself refuses to change or remove an audit event."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from compliance import triggers
from compliance.models import AuditEvent, AuditHead
from provisioning.changes import record

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_events(organization, change):
    record(change(organization))
    record(change(organization))


def refused(statement):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_event_is_not_updated():
    refused("UPDATE compliance_auditevent SET actor_label = 'somebody else'")


def test_an_event_is_not_deleted():
    refused("DELETE FROM compliance_auditevent WHERE sequence = 2")


def test_the_orm_meets_the_same_refusal():
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()
    event = AuditEvent.objects.first()
    event.action = "nothing.happened"
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        event.save()


def test_a_head_is_not_deleted():
    refused("DELETE FROM compliance_audithead")


@pytest.mark.parametrize("move", ["sequence = 1", "sequence = 2", "sequence = 3", "hash = 'x'", "chain = 'x'"])
def test_a_head_moves_only_forward_with_a_new_hash(move):
    refused(f"UPDATE compliance_audithead SET {move}")


def test_a_head_moves_forward():
    assert AuditHead.objects.update(sequence=3, hash="new") == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
@pytest.mark.parametrize("table", ["compliance_auditevent", "compliance_audithead"])
def test_a_table_is_not_truncated(table):
    connection.check_constraints()  # no deferred check is left that would refuse first
    refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Postgres has no REPLACE")
@pytest.mark.parametrize(
    ("table", "changed"), [("compliance_auditevent", "actor_label"), ("compliance_audithead", "hash")]
)
def test_a_row_is_not_replaced(table, changed):
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
    values = ", ".join("'forged'" if column == changed else column for column in columns)
    refused(f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} LIMIT 1")


def test_the_migrations_leave_every_trigger_in_place():
    assert triggers.missing(connection) == []


def test_triggers_that_were_removed_are_named_and_put_back():
    triggers.remove(connection)
    assert "audit_event_stays" in triggers.missing(connection)
    triggers.install(connection)
    assert triggers.missing(connection) == []
    refused("DELETE FROM compliance_auditevent")
