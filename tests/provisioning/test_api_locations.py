"""Locations and the organization over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from provisioning.models import Location, Organization, Role, User
from tests import factories
from tests.provisioning.recorded import recorded
from tests.provisioning.test_api_texting import client_of, someone

pytestmark = pytest.mark.django_db

ALL = "/api/v1/locations"
ADDRESS = {"street": "500 Terry Francois Blvd", "city": "San Francisco", "state": "CA", "postal_code": "94158"}
MONDAY = {"weekday": "monday", "opens": "09:00", "closes": "17:00"}
RENO = {"name": "Reno", "country": "US", "emergency_address": ADDRESS}


def one(location: Any) -> str:
    return f"{ALL}/{location.pk}"


def send(client: Any, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, path, json.dumps(body), content_type="application/json")


@pytest.fixture
def api(full_admin: User, user: User) -> Any:
    return client_of(full_admin)


@pytest.fixture
def place(user: User) -> Location:
    assert user.location is not None
    return user.location


def test_a_location_is_made_read_changed_and_deleted(api: Any, organization: Organization) -> None:
    hours = [{"weekday": "monday", "opens": "09:00", "closes": "24:00"}]
    made = send(api, "POST", ALL, {**RENO, "business_hours": hours})
    assert made.status_code == 201
    answer = made.json()
    assert answer["business_hours"] == hours
    assert answer["emergency_address"] == {**ADDRESS, "unit": ""}
    assert (answer["users"], answer["users_able_to_text"], answer["main_number"]) == (0, 0, None)
    assert answer["business_texting"] == {"enabled": True, "source": "organization"}
    path = f"{ALL}/{answer['id']}"
    changed = send(api, "PATCH", path, {"time_zone": "America/Denver", "texting_setting": "off"})
    assert changed.json() == {
        **answer, "time_zone": "America/Denver", "texting_setting": "off",
        "business_texting": {"enabled": False, "source": "location"},
    }  # fmt: skip
    assert api.get(path).json() == changed.json()
    with recorded() as changes:
        assert send(api, "DELETE", path).status_code == 204
    assert [(change.action, change.actor.via) for change in changes] == [("location.deleted", "api")]
    assert api.get(path).status_code == 404


def test_a_main_number_is_given_in_any_format_and_taken_away(api: Any, place: Location, user: User) -> None:
    e164 = user.primary_number.e164
    typed = f"({e164[2:5]}) {e164[5:8]}-{e164[8:]}"
    assert send(api, "PATCH", one(place), {"main_number": typed}).json()["main_number"] == e164
    assert send(api, "PATCH", one(place), {"name": "Still"}).json()["main_number"] == e164
    assert send(api, "PATCH", one(place), {"main_number": None}).json()["main_number"] is None


def test_users_who_stop_texting_are_counted_until_they_are_accepted(api: Any, place: Location) -> None:
    refused = send(api, "PATCH", one(place), {"pstn_connection": "other"})
    assert refused.status_code == 422
    assert (refused.json()["code"], refused.json()["users"]) == ("users_stop_texting", 1)
    done = send(api, "PATCH", one(place), {"pstn_connection": "other", "accept_users_stop_texting": True})
    assert (done.status_code, done.json()["users_able_to_text"]) == (200, 0)


def test_a_location_that_is_not_empty_is_not_deleted(api: Any, place: Location) -> None:
    refused = send(api, "DELETE", one(place))
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["code"], problem["users"], problem["numbers"]) == ("location_not_empty", 1, 1)
    assert problem["remedy"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({**RENO, "name": 7}, 400, "invalid"),
        ({**RENO, "name": " "}, 422, "name_missing"),
        ({**RENO, "country": "us"}, 400, "invalid"),
        ({**RENO, "country": "XX"}, 422, "unknown_country"),
        ({**RENO, "time_zone": "Mars/Olympus"}, 422, "unknown_time_zone"),
        ({"name": "Reno", "country": "US"}, 422, "emergency_address_missing"),
        ({**RENO, "emergency_address": {**ADDRESS, "state": "XX"}}, 422, "emergency_address_invalid"),
        ({**RENO, "business_hours": [{**MONDAY, "opens": "9"}]}, 400, "invalid"),
        ({**RENO, "business_hours": [{**MONDAY, "closes": "08:00"}]}, 422, "hours_end_first"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_code(api: Any, body: Any, status: int, code: str) -> None:
    answer = send(api, "POST", ALL, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Location.objects.filter(name="Reno").exists()


def test_the_parts_of_an_address_that_are_wrong_are_named(api: Any) -> None:
    answer = send(api, "POST", ALL, {**RENO, "emergency_address": {**ADDRESS, "state": "XX", "postal_code": "1"}})
    assert set(answer.json()["parts"]) == {"state", "postal_code"}


def test_the_list_is_searched_filtered_and_paged(
    api: Any, organization: Organization, place: Location, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        factories.LocationFactory(organization=organization, name=f"Branch {number}", texting_setting="off")
    with django_assert_max_num_queries(12):
        first = api.get(ALL, {"page_size": "50"}).json()
    assert len(first["results"]) == 50
    second = api.get(first["next"]).json()
    assert len(second["results"]) == 11
    assert [row["name"] for row in api.get(ALL, {"texting": "on"}).json()["results"]] == [place.name]
    assert [row["name"] for row in api.get(ALL, {"q": "branch 59"}).json()["results"]] == ["Branch 59"]
    for wrong in ({"texting": "maybe"}, {"country": "usa"}, {"pstn_connection": "x"}, {"page_size": "0"}):
        assert api.get(ALL, wrong).status_code == 400


READERS = {"full_admin", "read_only_admin", "user_admin", "location_admin"}
ALLOWED = {
    "GET": READERS, "POST": {"full_admin"}, "PATCH": {"full_admin", "location_admin"}, "DELETE": {"full_admin"},
}  # fmt: skip


@pytest.mark.parametrize("role", [*Role.values, "end_user"])
@pytest.mark.parametrize("method", list(ALLOWED))
def test_each_role_does_what_it_may(place: Location, method: str, role: str) -> None:
    client = client_of(someone(place.organization, role, place))
    path, body = (ALL, RENO) if method == "POST" else (one(place), {"name": "Other"} if method == "PATCH" else None)
    answer = send(client, method, path, body)
    if role not in ALLOWED[method]:
        assert answer.status_code == 403
    else:
        assert answer.status_code == {"GET": 200, "POST": 201, "PATCH": 200, "DELETE": 409}[method]


def test_a_location_administrator_has_the_named_locations_only(place: Location, stranger: User) -> None:
    elsewhere = factories.LocationFactory(organization=place.organization)
    client = client_of(someone(place.organization, "location_admin", place))
    assert [row["id"] for row in client.get(ALL).json()["results"]] == [str(place.pk)]
    for foreign in (elsewhere, stranger.location):
        assert client.get(one(foreign)).status_code == 404
        assert send(client, "PATCH", one(foreign), {"name": "Mine"}).status_code == 404


def test_the_organization_is_read_and_changed(api: Any, organization: Organization, full_admin: User) -> None:
    path = f"/api/v1/organizations/{organization.pk}"
    answer = api.get(path).json()
    assert answer["addon_licenses"] == {"bought": 100, "assigned": 2}
    assert answer["calling_plan_countries"] == ["CA", "US"]
    assert answer["acceptable_use_policy"]["accepted_by"] is None
    assert "protected health information" in answer["health_information_attestation"]["text"]
    with recorded() as changes:
        changed = send(api, "PATCH", path, {"opt_out_scope": "number", "unanswered_reply": "Closed."}).json()
        send(api, "PATCH", path, {})
    assert changed == {**answer, "opt_out_scope": "number", "unanswered_reply": "Closed."}
    assert [change.action for change in changes] == ["organization.changed"]
    assert send(api, "PATCH", path, {"time_zone": "Mars"}).json()["code"] == "unknown_time_zone"
    assert send(api, "PATCH", path, {"opt_out_scope": "planet"}).status_code == 400


def test_another_organization_is_not_there(stranger: User, organization: Organization) -> None:
    client = client_of(someone(stranger.organization, "full_admin", stranger.location))
    path = f"/api/v1/organizations/{organization.pk}"
    assert client.get(path).status_code == send(client, "PATCH", path, {"time_zone": "UTC"}).status_code == 404
