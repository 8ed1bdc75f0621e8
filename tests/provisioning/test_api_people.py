"""People and roles over the API: the rules of the pages, with their codes."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from compliance.models import AuditEvent
from provisioning.changes import Actor
from provisioning.models import Location, Mail, Organization, RoleAssignment, User
from provisioning.tokens import issue
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
ALL = ("people:read", "people:write", "roles:read", "roles:write")


class Caller:
    """A client of the API with a token of one person."""

    def __init__(self, person: User, *scopes: str) -> None:
        _token, plain = issue(
            person, name="test", scopes=scopes or ALL, expires_at=timezone.now() + timedelta(days=1),
            actor=Actor.system("test"),
        )  # fmt: skip
        self.headers = {"Authorization": f"Bearer {plain}"}

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        ask = getattr(Client(), method)
        if method == "get":
            return ask(f"/api/v1/{path}", headers=self.headers)
        return ask(f"/api/v1/{path}", body or {}, content_type="application/json", headers=self.headers)


@pytest.fixture
def call(full_admin: User) -> Caller:
    return Caller(full_admin)


@pytest.fixture
def vancouver(organization: Organization) -> Location:
    return factories.LocationFactory(organization=organization, name="Vancouver")


def bound_to(location: Location | None, *scopes: str) -> Caller:
    assert location is not None
    person = factories.UserFactory(organization=location.organization, location=None)
    return Caller(factories.with_role(person, "location_admin", location), *scopes)


def test_a_person_is_read_whole(call: Caller, user: User) -> None:
    User.objects.filter(pk=user.pk).update(client_version="desktop/42.9", client_seen_at=NOW)
    answer = call("get", f"people/{user.pk}")
    assert answer.status_code == 200
    found = answer.json()
    assert found["email"] == user.email
    assert found["location"] == {"id": str(user.location_id), "name": user.location.name}
    assert found["primary_number"] == user.primary_number.e164
    assert (found["active"], found["license"], found["awaits_activation"]) == (True, "professional", True)
    assert found["business_texting"] == {
        "enabled": True, "source": "organization", "can_receive": True, "can_send": True, "code": "",
    }  # fmt: skip
    assert found["client"] == {"version": "desktop/42.9", "seen_at": "2026-11-23T15:00:00Z", "too_old": True}


def test_a_person_takes_a_few_queries(call: Caller, user: User, django_assert_max_num_queries: Any) -> None:
    call("get", f"people/{user.pk}")
    with django_assert_max_num_queries(10):
        call("get", f"people/{user.pk}")


def test_a_person_is_created_and_invited(call: Caller, organization: Organization, vancouver: Location) -> None:
    body = {"email": "Asa@example.com", "first_name": "Åsa", "location": str(vancouver.pk), "license": "professional"}
    answer = call("post", "people", body)
    assert answer.status_code == 201
    person = User.objects.get(email_key="asa@example.com")
    assert answer["Location"] == f"/api/v1/people/{person.pk}"
    assert answer.json()["location"]["name"] == "Vancouver"
    assert answer.json()["awaits_activation"]
    assert Mail.objects.get(kind="invitation").recipient == person
    event = AuditEvent.objects.get(action="user.created")
    assert (event.via, event.target_id) == ("api", str(person.pk))
    call("post", "people", {"email": "later@example.com", "invite": False})
    assert Mail.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"email": 5}, 400, "invalid"),
        ({"email": "a@x.io", "license": "gold"}, 400, "invalid"),
        ({"email": "a@x.io", "location": "here"}, 400, "invalid"),
        ({"email": "nobody"}, 422, "invalid_email"),
        ({"email": "a@x.io", "location": str(uuid.uuid4())}, 422, "unknown_location"),
    ],
)
def test_a_person_is_not_created_of_what_is_no_good(call: Caller, body: Any, status: int, code: str) -> None:
    answer = call("post", "people", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_taken_address_is_refused_with_its_field(call: Caller, user: User, stranger: User) -> None:
    for answer in (
        call("post", "people", {"email": stranger.email.upper()}),
        call("patch", f"people/{user.pk}", {"email": stranger.email}),
    ):
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "email_taken", "email")


def test_only_what_is_sent_is_changed(call: Caller, user: User, vancouver: Location) -> None:
    answer = call("patch", f"people/{user.pk}", {"location": str(vancouver.pk)})
    assert (answer.status_code, answer.json()["location"]["name"]) == (200, "Vancouver")
    assert call("patch", f"people/{user.pk}", {"location": None}).json()["location"] is None
    row = User.objects.get(pk=user.pk)
    assert (row.first_name, row.email, row.license) == (user.first_name, user.email, "professional")
    assert AuditEvent.objects.filter(action="user.changed").count() == 2
    assert call("patch", f"people/{user.pk}", {}).status_code == 200
    assert AuditEvent.objects.filter(action="user.changed").count() == 2


def test_deactivating_ends_the_persons_own_token_at_once(call: Caller, user: User) -> None:
    own = Caller(user, "messages:read")
    assert own("get", "me").status_code == 200
    answer = call("post", f"people/{user.pk}/deactivate", {"release_number": True})
    assert (answer.status_code, answer.json()["active"], answer.json()["primary_number"]) == (200, False, None)
    assert own("get", "me").status_code == 401
    assert answer.json()["business_texting"]["code"] == "user_inactive"
    answer = call("post", f"people/{user.pk}/reactivate")
    assert (answer.status_code, answer.json()["active"]) == (200, True)
    assert own("get", "me").status_code == 401


def test_active_can_be_patched_with_the_rest_or_not_at_all(call: Caller, user: User, full_admin: User) -> None:
    assert call("patch", f"people/{user.pk}", {"active": False, "first_name": "Gone"}).json()["active"] is False
    assert call("patch", f"people/{user.pk}", {"active": True}).json()["active"] is True
    answer = call("patch", f"people/{full_admin.pk}", {"active": False, "first_name": "Gone"})
    assert (answer.status_code, answer.json()["code"]) == (422, "own_account")
    assert User.objects.get(pk=full_admin.pk).first_name != "Gone"


def test_a_location_administrator_reaches_the_named_locations_only(
    user: User, organization: Organization, vancouver: Location
) -> None:
    elsewhere = factories.UserFactory(organization=organization, location=vancouver)
    call = bound_to(user.location, "people:read", "people:write")
    assert call("get", f"people/{user.pk}").status_code == 200
    for method, path in (
        ("get", ""), ("patch", ""), ("post", "/deactivate"), ("post", "/reactivate"),
    ):  # fmt: skip
        assert call(method, f"people/{elsewhere.pk}{path}").status_code == 404
    moved = call("patch", f"people/{user.pk}", {"location": str(vancouver.pk)})
    assert moved.json()["code"] == "unknown_location"
    assert call("patch", f"people/{user.pk}", {"location": None}).json()["code"] == "location_required"
    made = call("post", "people", {"email": "a@x.io", "location": str(vancouver.pk)})
    assert made.json()["code"] == "unknown_location"
    assert call("post", "people", {"email": "a@x.io"}).json()["code"] == "location_required"
    assert call("post", "people", {"email": "a@x.io", "location": str(user.location_id)}).status_code == 201


def test_a_token_needs_its_scope(full_admin: User, user: User) -> None:
    reader = Caller(full_admin, "people:read", "roles:read")
    assert reader("patch", f"people/{user.pk}", {"first_name": "X"}).json()["code"] == "insufficient_scope"
    assert reader("post", f"people/{user.pk}/roles", {"role": "user_admin"}).json()["code"] == "insufficient_scope"
    assert Caller(full_admin, "people:read")("get", "administrators").json()["code"] == "insufficient_scope"


def test_roles_are_given_listed_and_taken_back(call: Caller, user: User) -> None:
    path = f"people/{user.pk}/roles"
    made = call("post", path, {"role": "location_admin", "location": str(user.location_id)})
    assert (made.status_code, made.json()["location"]["name"]) == (201, user.location.name)
    assert [row["role"] for row in call("get", path).json()] == ["location_admin"]
    assert call("delete", f"{path}/{made.json()['id']}").status_code == 204
    assert call("get", path).json() == []
    assert call("delete", f"{path}/{made.json()['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"role": "king"}, 400, "invalid"),
        ({"role": "location_admin"}, 422, "location_required"),
        ({"role": "location_admin", "location": str(uuid.uuid4())}, 422, "unknown_location"),
        ({"role": "compliance_officer"}, 422, "first_officer"),
    ],
)
def test_a_role_that_is_no_good_is_refused(call: Caller, user: User, body: Any, status: int, code: str) -> None:
    answer = call("post", f"people/{user.pk}/roles", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_nobody_grants_themselves_compliance_officer(call: Caller, full_admin: User, officer: User) -> None:
    answer = call("post", f"people/{full_admin.pk}/roles", {"role": "compliance_officer"})
    assert (answer.status_code, answer.json()["code"]) == (422, "own_officer_role")
    assert not RoleAssignment.objects.filter(user=full_admin, role="compliance_officer").exists()


def test_administrators_are_listed_and_filtered(
    call: Caller, full_admin: User, user: User, stranger: User, django_assert_max_num_queries: Any
) -> None:
    factories.with_role(stranger, "full_admin")
    for _each in range(5):
        person = factories.UserFactory(organization=full_admin.organization, location=None)
        factories.with_role(person, "location_admin", user.location)
    with django_assert_max_num_queries(6):
        rows = call("get", "administrators").json()["results"]
    assert len(rows) == 6
    assert {row["person"]["email"] for row in rows if row["role"] == "full_admin"} == {full_admin.email}
    assert len(call("get", f"administrators?location={user.location_id}").json()["results"]) == 5
    assert len(call("get", "administrators?role=full_admin").json()["results"]) == 1
    assert call("get", "administrators?role=king").status_code == 400
