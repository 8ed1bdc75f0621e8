"""The API of tasks and of actions on many people: 202, a task to ask after, its rows, one task a key."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from provisioning.changes import Actor
from provisioning.models import Task, TaskRow, User
from provisioning.tokens import issue
from tests import factories
from tests.factories import NOW
from tests.task_runs import run_to_end

pytestmark = pytest.mark.django_db
PEOPLE = "/api/v1/people/bulk"
TASKS = "/api/v1/tasks"


@pytest.fixture
def location(organization):
    return factories.LocationFactory(organization=organization, name="Austin")


@pytest.fixture
def people(location):
    return [factories.UserFactory(location=location) for _each in range(3)]


def client_of(person, *scopes):
    """By a token with these scopes; all that tasks take when none are named."""
    wanted = scopes or ("people:write", "tasks:read", "tasks:write")
    expires = timezone.now() + timedelta(days=1)
    _row, plain = issue(person, name="Sync", scopes=wanted, expires_at=expires, actor=Actor.system("test"))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
    return client


@pytest.fixture
def api(full_admin):
    return client_of(full_admin)


def ids(people):
    return [str(each.pk) for each in people]


def test_many_people_are_changed_by_a_task_that_says_how_far_it_is(api, people, full_admin):
    answer = api.post(PEOPLE, {"action": "texting_off", "people": ids(people)})
    assert (answer.status_code, answer["Location"]) == (202, f"{TASKS}/{answer.json()['id']}")
    begun = answer.json()
    assert (begun["state"], begun["total"], begun["done"], begun["kind"]) == ("waiting", None, 0, "users_texting_off")
    assert begun["requested_by"] == {"id": str(full_admin.pk), "name": full_admin.display_name}
    task = Task.objects.get()
    assert task.via == "api"
    run_to_end(task)
    ended = api.get(answer["Location"]).json()
    assert (ended["state"], ended["total"], ended["done"], ended["changed"], ended["unchanged"], ended["refused"]) == (
        "done", 3, 3, 3, 0, 0,
    )  # fmt: skip
    assert ended["error"] is None
    assert ended["finished_at"] is not None


def test_all_that_match_a_filter_are_changed(api, people, location, organization):
    dallas = factories.LocationFactory(organization=organization)
    asked = {"action": "move", "all": True, "filter": {"location": str(location.pk)}, "location": str(dallas.pk)}
    assert api.post(PEOPLE, asked).status_code == 202
    run_to_end(Task.objects.get())
    assert User.objects.filter(location=dallas).count() == 3


def test_everyone_takes_all_without_a_filter(api, people, full_admin):
    assert api.post(PEOPLE, {"action": "license", "all": True, "license": "standard"}).status_code == 202
    assert run_to_end(Task.objects.get()).changed == 4


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"action": "texting_off"},
        {"action": "texting_off", "people": []},
        {"action": "texting_off", "all": False},
        {"action": "texting_off", "all": True, "people": [str(uuid.UUID(int=1))]},
        {"action": "texting_off", "people": [str(uuid.UUID(int=1))], "filter": {"status": "on"}},
        {"action": "texting_off", "all": "true"},
        {"action": "texting_off", "all": True, "filter": {"status": "onn"}},
        {"action": "explode", "all": True},
        {"action": "license", "all": True, "license": "gold"},
    ],
)
def test_a_body_that_is_not_understood_selects_nobody(api, people, asked):
    answer = api.post(PEOPLE, asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert Task.objects.count() == 0


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"action": "move", "all": True}, "unknown_location"),
        ({"action": "move", "all": True, "location": str(uuid.UUID(int=1))}, "unknown_location"),
        ({"action": "license", "all": True}, "unknown_license"),
        ({"action": "texting_off", "all": True, "filter": {"location": str(uuid.UUID(int=1))}}, "unknown_filter"),
    ],
)
def test_what_is_understood_and_not_there_is_refused(api, people, asked, code):
    answer = api.post(PEOPLE, asked)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_request_that_is_repeated_with_its_key_makes_no_second_task(api, people):
    asked = {"action": "texting_off", "people": ids(people)}
    first = api.post(PEOPLE, asked, headers={"Idempotency-Key": "k1"})
    run_to_end(Task.objects.get())
    again = api.post(PEOPLE, asked, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again["Location"], again.json()["state"]) == (202, first["Location"], "done")
    assert Task.objects.count() == 1
    other = api.post(PEOPLE, {"action": "texting_on", "people": ids(people)}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_the_rows_say_of_each_person_what_became_of_it(api, people, stranger, django_assert_num_queries):
    User.objects.filter(pk=people[1].pk).update(texting_setting="off")
    asked = {"action": "texting_off", "people": [*ids(people), str(stranger.pk)]}
    address = api.post(PEOPLE, asked)["Location"]
    run_to_end(Task.objects.get())
    rows = api.get(f"{address}/rows").json()["results"]
    assert [row["position"] for row in rows] == [1, 2, 3, 4]
    assert sorted(row["outcome"] for row in rows) == ["changed", "changed", "refused", "unchanged"]
    (refused,) = api.get(f"{address}/rows?outcome=refused").json()["results"]
    assert (refused["code"], refused["target_id"], refused["label"]) == ("unknown_user", None, str(stranger.pk))
    assert api.get(f"{address}/rows?outcome=maybe").status_code == 400


def test_rows_come_in_pages_in_the_order_of_the_file(api, full_admin):
    task = Task.objects.create(
        organization=full_admin.organization, requested_by=full_admin, kind="users_move", via="api", created_at=NOW
    )
    for place in (3, 1, 1, 2, 5, 4):  # a row of a file can have two problems
        TaskRow.objects.create(organization=task.organization, task=task, position=place, label="A", outcome="refused")
    found, address = [], f"{TASKS}/{task.pk}/rows?page_size=2"
    while address:
        page = api.get(address).json()
        found += [row["position"] for row in page["results"]]
        address = page["next"]
    assert found == [1, 1, 2, 3, 4, 5]


def test_tasks_are_listed_newest_first_and_by_state(api, full_admin, stranger, django_assert_num_queries):
    def of(person, state):
        return Task.objects.create(
            organization=person.organization, requested_by=person, kind="users_move", via="api", created_at=NOW,
            state=state,
        )  # fmt: skip

    mine = [of(full_admin, "done"), of(full_admin, "failed"), of(full_admin, "done")]
    of(stranger, "done")
    api.get(TASKS)
    with django_assert_num_queries(3):
        assert [row["id"] for row in api.get(TASKS).json()["results"]] == [str(task.pk) for task in mine[::-1]]
    assert [row["id"] for row in api.get(f"{TASKS}?state=failed").json()["results"]] == [str(mine[1].pk)]
    assert api.get(f"{TASKS}?state=gone").status_code == 400


def test_a_failure_has_its_code_and_sentence(api, full_admin):
    task = Task.objects.create(
        organization=full_admin.organization, requested_by=full_admin, kind="users_move", via="api", created_at=NOW,
        state="failed", error_code="unknown_location", error_sentence="It is gone.",
    )  # fmt: skip
    assert api.get(f"{TASKS}/{task.pk}").json()["error"] == {"code": "unknown_location", "sentence": "It is gone."}


def test_a_task_is_cancelled_once(api, people):
    address = api.post(PEOPLE, {"action": "texting_off", "people": ids(people)})["Location"]
    answer = api.post(f"{address}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    again = api.post(f"{address}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "task_over")


def test_a_location_administrator_changes_and_sees_only_what_is_theirs(location, people, organization, full_admin):
    person = factories.with_role(factories.UserFactory(location=location), "location_admin", location)
    elsewhere = factories.UserFactory(location=factories.LocationFactory(organization=organization))
    foreign = Task.objects.create(
        organization=organization, requested_by=full_admin, kind="users_move", via="api", created_at=NOW
    )
    api = client_of(person)
    address = api.post(PEOPLE, {"action": "texting_off", "all": True})["Location"]
    run_to_end(Task.objects.get(requested_by=person))
    assert api.get(address).json()["done"] == 4
    elsewhere.refresh_from_db()
    assert elsewhere.texting_setting == "default"
    assert len(api.get(TASKS).json()["results"]) == 1
    for suffix in ("", "/rows"):
        assert api.get(f"{TASKS}/{foreign.pk}{suffix}").status_code == 404
    assert api.post(f"{TASKS}/{foreign.pk}/cancel").status_code == 404


@pytest.mark.parametrize(
    ("scope", "method", "address"),
    [
        ("people:read", "post", PEOPLE),
        ("people:write", "get", TASKS),
        ("tasks:read", "post", f"{TASKS}/{uuid.UUID(int=1)}/cancel"),
    ],
)
def test_a_token_needs_the_scope(full_admin, scope, method, address):
    answer = getattr(client_of(full_admin, scope), method)(address, {})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_too_many_tasks_are_refused_with_429(api, people, monkeypatch):
    monkeypatch.setattr("provisioning.task_requests.MOST_UNFINISHED", 1)
    assert api.post(PEOPLE, {"action": "texting_off", "all": True}).status_code == 202
    answer = api.post(PEOPLE, {"action": "texting_off", "all": True})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tasks")
