"""The Retention and Audit log tabs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from compliance import certificates
from compliance.audit_words import line
from compliance.models import AuditEvent, PurgeRun
from compliance.retention import purge, purge_restored
from compliance.views.retention import next_purge
from messaging import clock
from provisioning.changes import Actor, record
from tests.compliance.rows import CUTOFF, INSTANT, conversation_of, text
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock_stands_still(monkeypatch):
    monkeypatch.setattr(clock, "database_now", lambda: NOW)


@pytest.fixture
def desk(officer, signed_in_as):
    return signed_in_as(officer)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 23, 1, 59, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC)),
        (datetime(2026, 11, 23, 2, 0, tzinfo=UTC), datetime(2026, 11, 24, 2, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), datetime(2027, 1, 1, 2, tzinfo=UTC)),
    ],
)
def test_the_next_purge_is_at_two_utc(now, expected):
    assert next_purge(now) == expected


def test_the_beat_starts_the_purge_at_two_utc():
    from texting_hub.celery import BEAT, app

    schedule = BEAT["nightly purge"]["schedule"]
    assert (schedule.hour, schedule.minute, app.conf.timezone) == ({2}, {0}, "UTC")


def test_the_page_says_how_long_what_was_deleted_and_what_comes_next(desk, user, organization):
    conversation = conversation_of(user)
    text(conversation, CUTOFF - INSTANT)
    text(conversation, CUTOFF + timedelta(days=3))
    [run] = purge(NOW, organization=organization)
    page = desk.get("/compliance/retention/").content.decode()
    assert "400 days" in page
    assert "24 Nov 2026, 02:00 UTC" in page
    assert "texts from before 20 Oct 2025, 02:00 UTC" in page
    assert "Removed 1" in page
    assert "22 Oct 2025" in page
    assert run.digest[:12] in page
    assert "1 message leaves in the next 7 days" in page


def test_the_page_before_the_first_purge_says_when_it_is(desk):
    page = desk.get("/compliance/retention/").content.decode()
    assert "None yet. The first one runs tonight." in page
    assert "No messages" in page


def test_a_run_that_is_not_finished_shows_as_running(desk, organization):
    PurgeRun.objects.create(organization=organization, night=NOW.date(), cutoff=CUTOFF, started_at=NOW)
    assert "Running" in desk.get("/compliance/retention/").content.decode()


def test_a_certificate_can_be_taken_and_checked(desk, organization):
    purge(NOW - timedelta(days=1), organization=organization)
    [run] = purge(NOW, organization=organization)
    response = desk.get(f"/compliance/retention/{run.pk}/")
    assert response["Content-Disposition"] == 'attachment; filename="purge-2026-11-23.json"'
    taken = json.loads(response.content)
    assert taken.pop("digest") == run.digest == certificates.seal(run)
    assert taken == certificates.certificate(run)
    assert taken["previous_digest"] == run.previous.digest


def test_a_restores_run_says_so_and_its_file_has_a_name_of_its_own(desk, organization):
    [nightly] = purge(NOW, organization=organization)
    [own] = purge_restored(NOW, Actor(user_id=None, label="restore_backup", via="command"))
    page = desk.get("/compliance/retention/").content.decode()
    assert page.count("After a restore") == 1
    response = desk.get(f"/compliance/retention/{own.pk}/")
    assert response["Content-Disposition"] == 'attachment; filename="purge-2026-11-23-150000.json"'
    assert json.loads(response.content)["previous_digest"] == nightly.digest


def test_an_unfinished_run_has_no_certificate(desk, organization):
    run = PurgeRun.objects.create(organization=organization, night=NOW.date(), cutoff=CUTOFF, started_at=NOW)
    assert desk.get(f"/compliance/retention/{run.pk}/").status_code == 404


def test_runs_go_by_pages(desk, organization):
    for day in range(32):
        purge(NOW - timedelta(days=40 - day), organization=organization)
    first = desk.get("/compliance/retention/")
    assert len(first.context["page"].rows) == 30
    second = desk.get("/compliance/retention/", {"older": first.context["page"].older})
    assert [run.night for run in second.context["page"].rows] == [
        (NOW - timedelta(days=39)).date(), (NOW - timedelta(days=40)).date(),
    ]  # fmt: skip


def test_the_audit_log_says_who_what_from_what_to_what_and_from_where(desk, organization, change):
    record(change(organization))
    page = desk.get("/compliance/audit-log/").content.decode()
    assert "Maya Okafor" in page
    assert "Changed Business Texting of a user" in page
    assert "texting setting: default → on" in page
    assert "192.0.2.7" in page


def test_the_audit_log_has_only_the_organizations_own_events(desk, other_organization, change):
    record(change(other_organization, target_label="Somebody else"))
    record(change(None, target_label="Somebody else"))
    assert "Somebody else" not in desk.get("/compliance/audit-log/").content.decode()


def test_the_audit_log_goes_by_pages_newest_first(desk, organization, change, django_assert_max_num_queries):
    for step in range(55):
        record(change(organization, target_label=f"Step {step}"))
    with django_assert_max_num_queries(12):
        first = desk.get("/compliance/audit-log/")
    newest = AuditEvent.objects.order_by("-sequence").first().sequence
    assert [line.event.sequence for line in first.context["lines"]] == list(range(newest, newest - 50, -1))
    second = desk.get("/compliance/audit-log/", {"older": first.context["page"].older})
    assert second.context["lines"][0].event.sequence == newest - 50


def told(**values):
    event = {"action": "user.texting_changed", "actor_label": "x", "via": "portal", "before": {}, "after": {}}
    return line(AuditEvent(happened_at=timezone.now(), target_label="Rosalind", **(event | values)))


def test_a_line_tells_changes_and_leaves_out_what_stayed():
    assert told(before={"a_b": "x", "same": 1}, after={"a_b": None, "same": 1}).details == ["a b: x → –"]
    assert told(after={"enabled": True, "people": ["a", "b"], "name": "Rosalind"}).details == [
        "enabled: yes", "people: a, b",
    ]  # fmt: skip


def test_a_line_shortens_long_lists_of_changes_and_tells_counts_of_a_purge():
    many = told(after={f"n{n}": n for n in range(9)})
    assert (many.shown[-1], many.more) == ("n5: 5", ["n6: 6", "n7: 7", "n8: 8"])
    purged = told(action="purge.run", after={"cutoff": "x", "messages_deleted": 5, "digest": "y"})
    assert purged.details == ["messages deleted: 5"]


def test_a_line_names_a_person_apart_from_the_address():
    person = told(actor_label="Maya Okafor <maya@northwind.example>")
    assert (person.who, person.address) == ("Maya Okafor", "maya@northwind.example")
    assert told(actor_label="Nightly purge").address == ""


def test_what_an_operator_wrote_is_named_in_words():
    assert told(action="admin.phonenumber_changed").action == "Changed, by the provider: phone number"
    assert told(action="admin.callingplan_removed").action == "Removed, by the provider: Cisco Calling Plan"


def test_an_action_without_words_is_shown_by_its_code():
    assert told(action="something.new").action == "something.new"
