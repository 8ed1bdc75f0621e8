"""Users as CSV over the API: export, dry run, import as a task, discard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from provisioning import csv_files
from provisioning.changes import Actor
from provisioning.models import Location, Organization, Task, User, UserImport
from provisioning.tokens import issue
from tests import factories
from tests.provisioning.csv_uploads import file_of, uploaded
from tests.task_runs import outcomes, run_to_end

pytestmark = pytest.mark.django_db

EXPORT, IMPORTS = "/api/v1/people/export", "/api/v1/people/imports"


@pytest.fixture
def place(organization: Organization) -> Location:
    return factories.LocationFactory(organization=organization, name="San Francisco headquarters")


@pytest.fixture
def ana(place: Location) -> User:
    return factories.UserFactory(location=place, email="ana@example.com", first_name="Ana")


def holder(person: User, *scopes: str) -> Client:
    token, plain = issue(
        person, name="sync", scopes=scopes, expires_at=timezone.now() + timedelta(days=1), actor=Actor.system("test")
    )  # fmt: skip
    assert token.scopes
    return Client(headers={"Authorization": f"Bearer {plain}"})


@pytest.fixture
def api(full_admin: User) -> Client:
    return holder(full_admin, "people:read", "people:write", "numbers:write")


def sent(client: Client, content: bytes, query: str = "") -> Any:
    return client.post(f"{IMPORTS}{query}", content, content_type="text/csv")


ANNA = file_of(["ana@example.com", "Anna"], header=["Email", "First Name"])


def test_people_are_exported_as_a_file_and_filtered(api: Client, ana: User, user: User) -> None:
    answer = api.get(EXPORT, {"q": "ana@"}, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert [line.split(",")[0] for line in content.splitlines()] == ["Email", "ana@example.com"]


def test_a_filter_that_is_no_good_is_told_instead_of_exporting_everybody(
    api: Client, ana: User, stranger: User
) -> None:
    foreign = str(stranger.location_id)
    for query in ({"status": "sleeping"}, {"location": "x"}, {"location": foreign}, {"requirement": "luck"}):
        answer = api.get(EXPORT, query)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), query


def test_a_file_is_imported_as_a_task(api: Client, ana: User) -> None:
    answer = sent(api, ANNA)
    task = Task.objects.get()
    assert answer.status_code == 202
    assert answer["Location"] == f"/api/v1/tasks/{task.pk}"
    assert answer.json() == {"task": str(task.pk), "import_id": str(UserImport.objects.get().pk)}
    assert outcomes(run_to_end(task)) == [(2, "ana@example.com", "changed", "")]
    ana.refresh_from_db()
    assert ana.first_name == "Anna"


def test_a_file_may_come_in_a_form(api: Client, ana: User) -> None:
    answer = api.post(IMPORTS, {"file": SimpleUploadedFile("people.csv", ANNA)})
    assert answer.status_code == 202
    assert UserImport.objects.get().file_name == "people.csv"


def test_a_dry_run_plans_and_writes_nothing_until_it_is_applied(api: Client, ana: User) -> None:
    rows = [["ana@example.com", "Anna", "x"], ["b@example.com", "", ""], ["", "B", ""]]
    content = file_of(*rows, header=["Email", "First Name", "Shoe"])
    answer = sent(api, content, "?dry_run=true&invite=false")
    assert answer.status_code == 201
    plan = answer.json()
    assert [plan[name] for name in ("creates", "changes", "unchanged", "errors")] == [1, 1, 0, 1]
    assert (plan["unknown_columns"], plan["columns"], plan["invite"]) == (["Shoe"], ["email", "first_name"], False)
    assert (plan["task"], Task.objects.exists()) == (None, False)
    assert api.get(answer["Location"]).json() == plan

    rows = api.get(f"{answer['Location']}/rows").json()["results"]
    assert rows[0] == {
        "row": 2, "email": "ana@example.com", "action": "change", "problems": [],
        "changes": [{"column": "First Name", "before": "Ana", "after": "Anna"}],
    }  # fmt: skip
    [error] = api.get(f"{answer['Location']}/rows", {"action": "error"}).json()["results"]
    assert (error["row"], error["problems"][0]["column"], error["problems"][0]["code"]) == (
        4,
        "Email",
        "email_required",
    )

    started = [api.post(f"{answer['Location']}/apply") for _each in range(2)]
    assert [each.status_code for each in started] == [202, 202]
    assert started[0].json() == started[1].json()
    task = run_to_end(Task.objects.get())
    assert (task.changed, task.refused, task.via) == (2, 1, "api")


def test_an_import_is_discarded(api: Client, ana: User) -> None:
    address = sent(api, ANNA, "?dry_run=true")["Location"]
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


def test_rows_are_paged_in_the_files_order_with_the_same_queries(api: Client) -> None:
    content = file_of(*([f"user-{index}@example.com"] for index in range(120)), header=["Email"])
    address = sent(api, content, "?dry_run=true")["Location"] + "/rows"
    seen: list[int] = []
    counts = set()
    while address:
        with CaptureQueriesContext(connection) as captured:
            page = api.get(address).json()
        counts.add(len(captured))
        seen += [row["row"] for row in page["results"]]
        address = page["next"]
    assert seen == list(range(2, 122))
    assert max(counts) <= 6


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "file_empty"),
        (b"PK\x03\x04", 422, "file_is_workbook"),
        (b"Email\na@example.com,\0\n", 422, "file_nul"),
        (b"x" * (csv_files.MOST_BYTES + 1), 413, "file_too_large"),
    ],
)
def test_what_is_no_file_is_refused_with_its_code(api: Client, content: bytes, status: int, code: str) -> None:
    answer = sent(api, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_a_form_without_a_file_and_another_kind_of_body_are_told(api: Client) -> None:
    assert api.post(IMPORTS, {"fil": "x"}).status_code == 400
    assert api.post(IMPORTS, "{}", content_type="application/json").status_code == 415
    assert sent(api, ANNA, "?dry_run=perhaps").status_code == 400


def test_numbers_are_given_only_with_the_scope_of_numbers(full_admin: User, ana: User, place: Location) -> None:
    factories.PhoneNumberFactory(organization=place.organization, location=place, e164="+14155550102")
    content = file_of(["ana@example.com", "+14155550102"], header=["Email", "Primary Number"])
    people_only = holder(full_admin, "people:read", "people:write")
    address = sent(people_only, content, "?dry_run=true")["Location"]
    [row] = people_only.get(f"{address}/rows").json()["results"]
    assert (row["action"], row["problems"][0]["code"]) == ("error", "permission_denied")
    by_a_person = uploaded(full_admin, content)
    people_only.post(f"{IMPORTS}/{by_a_person.pk}/apply")
    assert outcomes(run_to_end(Task.objects.get())) == [(2, "ana@example.com", "refused", "permission_denied")]


def test_a_location_administrator_exports_and_imports_only_their_own(
    place: Location, ana: User, user: User, full_admin: User
) -> None:
    local = factories.with_role(factories.UserFactory(location=place), "location_admin", place)
    client = holder(local, "people:read", "people:write")
    content = b"".join(client.get(EXPORT).streaming_content).decode()
    assert (ana.email in content, user.email in content) == (True, False)
    answer = sent(client, file_of([user.email, "X"], header=["Email", "First Name"]), "?dry_run=true")
    assert answer.json()["errors"] == 1
    other = uploaded(full_admin, ANNA)
    assert client.get(f"{IMPORTS}/{other.pk}").status_code == 404
    assert client.post(f"{IMPORTS}/{other.pk}/apply").status_code == 404
    assert client.delete(f"{IMPORTS}/{other.pk}").status_code == 404
