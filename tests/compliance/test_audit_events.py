"""Every recorded change becomes one event, in the change's own transaction."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction

from compliance import audit
from compliance.models import AuditEvent, AuditHead
from provisioning.changes import Actor, record, record_target
from provisioning.models import Organization

pytestmark = pytest.mark.django_db


@time_machine.travel(datetime(2026, 11, 23, 15, 0, 0, 123456, tzinfo=UTC), tick=False)
def test_an_event_says_who_when_from_where_and_what_changed(organization, full_admin):
    actor = Actor.of_user(full_admin, via="portal", ip="192.0.2.7")
    record_target(
        "user.texting_changed", actor, full_admin, organization_id=organization.pk,
        before={"texting_setting": "default"}, after={"texting_setting": "on"},
    )  # fmt: skip
    event = AuditEvent.objects.get()
    assert event.organization == organization
    assert event.actor == full_admin
    assert event.actor_label == f"{full_admin.display_name} <{full_admin.email}>"
    assert (event.via, event.ip) == ("portal", "192.0.2.7")
    assert event.happened_at == datetime(2026, 11, 23, 15, 0, 0, 123456, tzinfo=UTC)
    assert (event.action, event.target_type, event.target_id) == ("user.texting_changed", "user", str(full_admin.pk))
    assert event.target_label == full_admin.display_name
    assert (event.before, event.after) == ({"texting_setting": "default"}, {"texting_setting": "on"})
    assert event.content_access is False


def test_the_first_event_is_already_linked_and_the_head_follows(organization, change):
    for _ in range(3):
        record(change(organization))
    events = list(AuditEvent.objects.order_by("sequence"))
    assert [event.sequence for event in events] == [1, 2, 3]
    assert [event.previous_hash for event in events] == ["", events[0].hash, events[1].hash]
    assert all(len(event.hash) == 64 for event in events)
    head = AuditHead.objects.get()
    assert (head.chain, head.organization, head.sequence, head.hash) == (
        str(organization.pk), organization, 3, events[2].hash,
    )  # fmt: skip


def test_each_organization_and_the_platform_have_chains_of_their_own(organization, other_organization, change):
    record(change(organization))
    record(change(other_organization))
    record(change(None))
    assert set(AuditEvent.objects.values_list("chain", "sequence")) == {
        (str(organization.pk), 1), (str(other_organization.pk), 1), ("platform", 1),
    }  # fmt: skip


def test_the_event_is_undone_with_the_write(organization, change):
    with transaction.atomic():
        record(change(organization))
        transaction.set_rollback(True)
    assert not AuditEvent.objects.exists()
    assert not AuditHead.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_write_whose_event_fails_does_not_happen_even_when_the_error_is_swallowed(organization, change):
    with transaction.atomic():
        organization.name = "Renamed unrecorded"
        organization.save(update_fields=["name"])
        with pytest.raises(TypeError):
            record(change(organization, after={"secret": object()}))
    assert Organization.objects.get(pk=organization.pk).name == "Northwind Dental Supply"
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_recorded_outside_a_transaction_gets_one(organization, change, monkeypatch):
    assert not connection.in_atomic_block
    monkeypatch.setattr(audit, "_move", lambda head, sequence, digest: (_ for _ in ()).throw(DatabaseError("gone")))
    with pytest.raises(DatabaseError):
        record(change(organization))
    assert not AuditEvent.objects.exists()
    monkeypatch.undo()
    record(change(organization))
    assert AuditEvent.objects.get().sequence == 1


def test_a_head_that_moved_past_the_lock_stops_the_write(organization, change, monkeypatch):
    record(change(organization))
    stale = AuditHead.objects.get()
    record(change(organization))
    monkeypatch.setattr(audit, "_locked_head", lambda organization_id: stale)
    stale.sequence = 5  # a place that is free, with a head that is not there
    with pytest.raises(audit.ChainMovedError), transaction.atomic():
        record(change(organization))
    assert AuditEvent.objects.count() == 2


NASTY = {
    "nul": "a\x00b",
    "surrogate": "\ud83d",
    "big": 10**30,
    "float": 1e16,
    "tiny": 5e-324,
    "nothing": None,
    "yes": True,
    "decimal": Decimal("1.10"),
    "id": uuid.UUID(int=7),
    "when": datetime(2026, 1, 2, tzinfo=UTC),
    "emoji": '📦 \u2028 "quotes" \\',
    "nested": {"b": [1, "2", {"c": ()}], "a": ""},
    "": "empty key",
}


def test_what_is_hashed_is_what_the_database_gives_back(organization, change):
    record(change(organization, before=NASTY, after={"list": [NASTY]}, target_label="x" * 900))
    event = AuditEvent.objects.get()
    assert audit.event_hash(event) == event.hash
    assert event.before["nul"] == "a\\x00b"
    assert event.before["surrogate"] == "\\ud83d"
    assert event.before["float"] == "1e+16"
    assert len(event.target_label) == 500


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("192.0.2.7", "192.0.2.7"), ("2001:DB8:0::1", "2001:db8::1"), ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"), ("", None), (None, None), ("testclient", None),
    ],
)  # fmt: skip
def test_an_address_has_one_spelling_and_a_socket_has_none(organization, change, given, kept):
    record(change(organization, actor=Actor(user_id=None, label="x", via="portal", ip=given)))
    event = AuditEvent.objects.get()
    assert event.ip == kept
    assert audit.event_hash(event) == event.hash


def test_every_column_is_hashed():
    columns = {field.attname for field in AuditEvent._meta.concrete_fields}
    assert set(audit.HASHED) == columns - {"hash"}


@pytest.mark.parametrize("column", audit.HASHED)
def test_a_change_of_any_column_changes_the_hash(organization, other_organization, full_admin, change, column):
    record(change(organization))
    event = AuditEvent.objects.get()
    other = {
        "id": uuid.uuid4(), "organization_id": other_organization.pk, "sequence": 2, "actor_id": full_admin.pk,
        "happened_at": datetime(2020, 1, 1, tzinfo=UTC), "before": {"x": 1}, "after": {"x": 1}, "content_access": True,
    }  # fmt: skip
    setattr(event, column, other.get(column, "changed"))
    assert audit.event_hash(event) != event.hash


def test_recording_costs_three_statements_once_the_chain_exists(organization, change, django_assert_num_queries):
    record(change(organization))
    with transaction.atomic(), django_assert_num_queries(3):
        record(change(organization))
