"""The audit log pages: who sees what, filters, paging, words, CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance.audit_forms import AuditFilter, action_choices
from compliance.audit_search import (
    PROVIDER,
    SYSTEM,
    Criteria,
    actors,
    narrowed,
    objects,
    of_administrators,
    of_officers,
)
from compliance.models import AuditEvent
from provisioning.changes import Actor
from provisioning.locations import create_location, delete_location
from provisioning.models import Location, Organization, User
from tests import factories
from tests.compliance.audit_rows import told

pytestmark = pytest.mark.django_db

ADMIN, OFFICER = "/audit-log/", "/compliance/audit-log/"


@pytest.fixture
def page(people: SimpleNamespace, signed_in_as: Any) -> Any:
    """`page(query)` is the administrators' log as Teodor Vance sees it."""
    browser = signed_in_as(people.teodor)
    return lambda path=ADMIN, **query: browser.get(path, query)


def labels(response: Any) -> list[str]:
    """What the events of the page were about, but for sign-ins."""
    return [line.event.target_label for line in response.context["lines"] if line.event.action != "user.signed_in"]


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_administrators_never_see_what_is_the_officers_alone(page: Any, several: None) -> None:
    shown = page()
    assert labels(shown) == ["By the system", "By Teodor", "By Maya"]
    assert "A look" not in text_of(shown)


def test_officers_see_everything_of_their_organization(
    several: None, people: SimpleNamespace, signed_in_as: Any
) -> None:
    shown = signed_in_as(people.ingrid).get(OFFICER)
    assert labels(shown) == ["A purge", "An export", "A look", "By the system", "By Teodor", "By Maya"]
    assert text_of(shown).count("Officers only") == 2


@pytest.mark.parametrize(
    "query", [{"action": "messages.read"}, {"action": "export.requested"}, {"action": "purge.run"}]
)
def test_no_filter_brings_an_officers_event_to_an_administrator(
    page: Any, several: None, query: dict[str, str]
) -> None:
    shown = page(**query)
    assert shown.status_code == 422
    assert shown.context["lines"] == []


def test_nor_does_an_officers_name_or_the_id_of_what_was_looked_at(
    page: Any, several: None, people: SimpleNamespace
) -> None:
    assert labels(page(who=people.ingrid.email)) == []
    look = AuditEvent.objects.get(target_label="A look")
    assert "A look" not in text_of(page(what=look.target_id))


def test_the_actions_offered_to_administrators_leave_out_the_officers_own() -> None:
    def codes(officers: bool) -> set[str]:
        return {code for _title, group in action_choices(officers=officers)[1:] for code, _words in group}

    hidden = codes(True) - codes(False)
    assert {"messages.read", "export.requested", "export.downloaded", "purge.run"} <= hidden
    assert all(code.startswith(("messages.", "export.", "purge.")) for code in hidden)


def test_the_log_is_narrowed_by_actor(page: Any, several: None, people: SimpleNamespace) -> None:
    for typed in ("maya", "MAYA OKAFOR", "maya.okafor@northwind.example", str(people.maya.pk)):
        assert labels(page(who=typed)) == ["By Maya"], typed
    assert labels(page(who="System")) == ["By the system"]


def test_the_log_is_narrowed_by_action_and_by_everything_at_once(page: Any, several: None) -> None:
    assert labels(page(action="location.changed")) == ["By Teodor"]
    assert labels(page(action="location.changed", who="maya")) == []
    assert "No events match" in text_of(page(action="location.changed", who="maya"))


def test_what_the_provider_wrote_is_one_choice(page: Any, change: Any, organization: Organization) -> None:
    told(change, organization, None, action="admin.organization_changed", target_label="Provider")
    told(change, organization, None, target_label="Not")
    assert labels(page(action=PROVIDER)) == ["Provider"]


def test_an_operator_is_an_actor_only_where_the_log_names_one(
    change: Any, organization: Organization, other_organization: Organization
) -> None:
    operator = factories.OperatorFactory(email="owen@provider.example")
    assert actors(organization.pk, "owen@provider.example") == []
    told(change, organization, operator, action="admin.organization_changed")
    assert [meaning.key for meaning in actors(organization.pk, "Owen@provider.example")] == [str(operator.pk)]
    assert actors(organization.pk, "owen") == []
    assert actors(other_organization.pk, "owen@provider.example") == []


def test_the_log_is_narrowed_by_object(page: Any, change: Any, organization: Organization, user: User) -> None:
    reno = factories.LocationFactory(organization=organization, name="Reno")
    number = user.primary_number
    for target in (reno, number, user, organization):
        told(change, organization, None, target_id=str(target.pk), target_label=str(target))
    assert labels(page(what="reno")) == ["Reno"]
    assert labels(page(what=str(reno.pk))) == ["Reno"]
    assert labels(page(what=number.e164[5:])) == [number.e164]
    assert labels(page(what=user.email)) == [user.display_name]
    assert labels(page(what="Northwind dental supply")) == [organization.name]  # its brand has a longer name
    assert "About Reno." in text_of(page(what="reno"))


def test_what_was_deleted_is_found_by_the_name_it_had(page: Any, organization: Organization, full_admin: User) -> None:
    actor = Actor.of_user(full_admin, via="portal")
    place = create_location(organization, {"name": "Reno depot", "country": "GB"}, actor, factories.NOW)
    key = place.pk
    delete_location(place, actor, factories.NOW)
    assert [meaning.key for meaning in objects(organization.pk, "reno")] == [str(key)]
    assert [line.event.action for line in page(what="Reno Depot").context["lines"]] == [
        "location.deleted", "location.created",
    ]  # fmt: skip


def test_a_name_that_several_have_offers_each(page: Any, organization: Organization) -> None:
    first, second = (
        factories.UserFactory(organization=organization, location=None, first_name=name, last_name="Chen")
        for name in ("Wei", "Li")
    )
    shown = page(who="chen")
    assert shown.status_code == 422
    assert "“chen” may mean several. Choose one below." in text_of(shown)
    for person in (first, second):
        assert f'<a href="?who={person.pk}">{person.display_name}</a>' in text_of(shown)
    for number in range(8):
        factories.UserFactory(organization=organization, location=None, first_name=f"N{number}", last_name="Chen")
    assert "“chen” may mean many. Type more of the name." in text_of(page(who="chen"))


def test_a_name_that_nobody_has_is_said(page: Any, stranger: User) -> None:
    for typed in ("nobody", stranger.email, str(stranger.pk)):
        shown = page(who=typed)
        assert shown.status_code == 422
        assert "Nothing here is called" in text_of(shown)


@pytest.fixture
def at(change: Any, organization: Organization) -> Any:
    def make(*moments: str) -> None:
        Organization.objects.filter(pk=organization.pk).update(time_zone="America/Los_Angeles")
        for moment in moments:
            with time_machine.travel(datetime.fromisoformat(moment).replace(tzinfo=UTC), tick=False):
                told(change, organization, None, target_label=moment)

    return make


def test_times_are_those_of_the_organization(page: Any, at: Any) -> None:
    at("2026-11-20T07:59:59", "2026-11-20T08:00:00", "2026-11-21T07:59:59", "2026-11-21T08:00:00")
    day = page(begins="2026-11-20", ends="2026-11-20")
    assert labels(day) == ["2026-11-21T07:59:59", "2026-11-20T08:00:00"]
    assert "20 Nov 2026, 23:59:59" in text_of(day)
    assert "America/Los_Angeles" in text_of(day)
    assert labels(page(begins="2026-11-20T00:00", ends="2026-11-20T00:00")) == ["2026-11-20T08:00:00"]


def test_an_hour_that_the_clock_shows_twice_is_covered_whole(page: Any, at: Any) -> None:
    at("2026-11-01T08:29:00", "2026-11-01T08:30:00", "2026-11-01T09:30:59", "2026-11-01T09:31:00")
    assert labels(page(begins="2026-11-01T01:30", ends="2026-11-01T01:30")) == [
        "2026-11-01T09:30:59", "2026-11-01T08:30:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"begins": "yesterday"}, "This is not a time."),
        ({"begins": "2026-11-20T00:00+02:00"}, "This is not a time."),
        ({"ends": "1970-01-01"}, "This is not a time."),
        ({"begins": "2026-11-21", "ends": "2026-11-20"}, "This is before From."),
        ({"action": "no.such"}, "Select a valid choice."),
    ],
)
def test_a_filter_that_is_not_understood_is_marked_and_shows_nothing(
    page: Any, several: None, query: dict[str, str], sentence: str
) -> None:
    shown = page(**query)
    assert shown.status_code == 422
    assert sentence in text_of(shown)
    assert shown.context["lines"] == []


def test_pages_go_by_key_and_keep_the_filter(page: Any, change: Any, organization: Organization) -> None:
    for step in range(120):
        told(change, organization, None, target_label=f"Step {step}")
        if step % 10 == 0:
            told(change, organization, None, target_label="Noise", action="location.changed")
    query = {"action": "user.texting_changed"}
    first = page(**query)
    assert labels(first) == [f"Step {step}" for step in range(119, 69, -1)]
    second = page(**query, older=first.context["page"].older)
    assert labels(second) == [f"Step {step}" for step in range(69, 19, -1)]
    assert labels(page(**query, newer=second.context["page"].newer)) == labels(first)
    assert f"?action=user.texting_changed&amp;older={second.context['page'].older}" in second.content.decode()


def test_an_event_reads_in_words_with_before_and_after(page: Any, change: Any, organization: Organization) -> None:
    told(
        change, organization, None, action="location.changed",
        before={"pstn_connection": "Cisco PSTN"}, after={"pstn_connection": "Local Gateway"},
    )  # fmt: skip
    told(
        change, organization, None,
        before={f"n{n}": 0 for n in range(9)}, after={f"n{n}": 1 for n in range(9)},
    )  # fmt: skip
    said = text_of(page())
    assert "Changed a location" in said
    assert "PSTN connection: Cisco PSTN → Local Gateway" in said
    assert "<summary>and 3 more</summary>n6: 0 → 1<br>" in said


def rows_of(response: Any) -> list[dict[str, str]]:
    written = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(written, newline="")))


def test_the_csv_has_what_the_filter_leaves_and_its_taking_is_recorded(
    several: None, people: SimpleNamespace, signed_in_as: Any
) -> None:
    browser = signed_in_as(people.teodor)
    response = browser.post("/audit-log/export/?action=location.changed&who=teodor")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="audit-log-')
    [row] = rows_of(response)
    assert (row["object"], row["who"], row["email"]) == ("By Teodor", "Teodor Vance", people.teodor.email)
    assert row["changes"] == "texting setting: default → on"
    assert row["after"] == '{"texting_setting": "on"}'
    assert row["hash"] == AuditEvent.objects.get(target_label="By Teodor").hash
    event = AuditEvent.objects.get(action="audit_log.exported")
    assert (event.actor, event.content_access) == (people.teodor, False)
    assert event.after == {"action": "Changed a location", "actor": "Teodor Vance"}


def test_the_administrators_csv_has_nothing_of_the_officers_and_theirs_has_all(
    several: None, people: SimpleNamespace, signed_in_as: Any
) -> None:
    mine = {row["object"] for row in rows_of(signed_in_as(people.teodor).post("/audit-log/export/"))}
    assert {"By Maya", "By Teodor", "By the system"} <= mine
    assert not mine & {"A look", "An export", "A purge", "Elsewhere", "The platform"}
    theirs = {row["object"] for row in rows_of(signed_in_as(people.ingrid).post("/compliance/audit-log/export/"))}
    assert {"A look", "An export", "A purge", "By Maya"} <= theirs
    assert not theirs & {"Elsewhere", "The platform"}
    assert AuditEvent.objects.get(action="audit_log.exported", actor=people.ingrid).content_access


def test_a_cell_of_the_csv_starts_no_formula(
    change: Any, organization: Organization, people: SimpleNamespace, signed_in_as: Any
) -> None:
    told(change, organization, None, target_label="=cmd|' /C calc'!A0", before={}, after={"name": "@SUM(1)"})
    [row] = rows_of(signed_in_as(people.teodor).post("/audit-log/export/?action=user.texting_changed"))
    assert row["object"].startswith("'=cmd")
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@"))


def test_the_csv_goes_through_pieces_without_losing_or_repeating_a_row(
    change: Any, organization: Organization, people: SimpleNamespace, signed_in_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compliance import audit_export

    monkeypatch.setattr(audit_export, "ROWS_A_PIECE", 4)
    with time_machine.travel(datetime(2026, 11, 20, tzinfo=UTC), tick=False):  # all at one moment
        for step in range(11):
            told(change, organization, None, target_label=f"Step {step}", action="location.changed")
    found = [
        row["event"] for row in rows_of(signed_in_as(people.teodor).post("/audit-log/export/?action=location.changed"))
    ]
    assert len(found) == len(set(found)) == 11


def test_the_export_of_a_filter_that_is_not_understood_gives_no_file(
    people: SimpleNamespace, signed_in_as: Any
) -> None:
    response = signed_in_as(people.teodor).post("/audit-log/export/?begins=yesterday")
    assert response.status_code == 422
    assert not AuditEvent.objects.filter(action="audit_log.exported").exists()
    assert signed_in_as(people.teodor).get("/audit-log/export/").status_code == 405


@pytest.mark.parametrize("query", ["", "?who=maya&action=user.texting_changed&what=reno&begins=2026-01-01"])
def test_a_page_takes_at_most_sixteen_queries(
    change: Any, organization: Organization, people: SimpleNamespace, signed_in_as: Any, query: str
) -> None:
    reno = factories.LocationFactory(organization=organization, name="Reno")
    for _ in range(60):
        told(change, organization, people.maya, target_id=str(reno.pk))
    browser = signed_in_as(people.teodor)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shown = browser.get(ADMIN + query)
    assert len(shown.context["lines"]) == 50
    assert len(queries) <= (16 if query else 7)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="plans of Postgres")
def test_each_filter_reads_one_index_in_order(organization: Organization) -> None:
    from tests.bench.audit_log import insert

    people = [factories.UserFactory(organization=organization, location=None) for _ in range(23)]
    insert(organization, [person.pk for person in people], 20_000)
    officer, importer = (str(person.pk) for person in people[:2])
    mine, everything = of_administrators(organization.pk), of_officers(organization.pk)
    expected = [
        (mine, Criteria(), "audit_page_of_admins"),
        (everything, Criteria(), "audit_page"),
        (mine, Criteria(actor_id=officer), "audit_by_actor_of_admins"),
        (everything, Criteria(actor_id=importer), "audit_by_actor"),
        (everything, Criteria(actor_id=SYSTEM), "audit_of_the_system"),
        (mine, Criteria(actor_id=importer, action="user.signed_in"), "audit_by_actor_action"),
        (mine, Criteria(action="location.changed"), "audit_by_action"),
    ]
    for events, criteria, index in expected:
        plan = narrowed(events, criteria).order_by("-happened_at", "-pk")[:51].explain()
        assert f"using {index} " in plan, plan
        assert "Sort" not in plan, plan
    one = narrowed(mine, Criteria(target_id="c4ca4238a0b923820dcc509a6f75849b")).order_by("-happened_at", "-pk")[:51]
    assert "audit_by_target" in one.explain()


def test_the_form_of_an_unbound_day_is_in_the_zone_it_was_given(organization: Organization) -> None:
    from zoneinfo import ZoneInfo

    form = AuditFilter(
        {"begins": "2026-07-01"}, organization_id=organization.pk, zone=ZoneInfo("America/Toronto"), officers=False
    )
    assert form.is_valid()
    assert form.criteria().begins_at == datetime(2026, 7, 1, 4, tzinfo=UTC)


def test_a_location_administrator_and_a_user_administrator_have_no_audit_log(
    organization: Organization, signed_in_as: Any
) -> None:
    place: Location = factories.LocationFactory(organization=organization)
    for role, location in (("location_admin", place), ("user_admin", None)):
        person = factories.with_role(factories.UserFactory(organization=organization, location=None), role, location)
        assert signed_in_as(person).get(ADMIN).status_code == 403
