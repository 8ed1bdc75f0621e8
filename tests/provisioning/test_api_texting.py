"""business-texting over the API: who may, what comes back, what is written."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from provisioning.changes import Actor
from provisioning.models import Location, Organization, PhoneNumber, Role, User
from provisioning.tokens import SCOPES, issue
from tests import factories
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db

ROLES = [*Role.values, "end_user"]


def someone(organization: Organization, role: str, location: Location) -> User:
    """A member with one role; a location administrator of the location."""
    person = factories.UserFactory(organization=organization, location=None)
    if role == "end_user":
        return person
    return factories.with_role(person, role, location if role == Role.LOCATION_ADMIN else None)


def client_of(user: User, *scopes: str) -> Client:
    """An API client with a token of the user."""
    _token, plain = issue(
        user, name="test", scopes=scopes or list(SCOPES), expires_at=timezone.now() + timedelta(days=1),
        actor=Actor.system("test"),
    )  # fmt: skip
    return Client(headers={"authorization": f"Bearer {plain}"})


def put(client: Client, url: str, body: Any) -> Any:
    return client.put(url, json.dumps(body), content_type="application/json")


def of_organization(organization: Any) -> str:
    return f"/api/v1/organizations/{organization.pk}/business-texting"


def of_location(location: Any) -> str:
    return f"/api/v1/locations/{location.pk}/business-texting"


def of_person(person: Any) -> str:
    return f"/api/v1/people/{person.pk}/business-texting"


READERS = {
    "organization": {"full_admin", "read_only_admin", "user_admin"},
    "location": {"full_admin", "read_only_admin", "user_admin", "location_admin"},
    "person": {"full_admin", "read_only_admin", "user_admin", "location_admin"},
}
WRITERS = {
    "organization": {"full_admin"},
    "location": {"full_admin", "location_admin"},
    "person": {"full_admin", "user_admin", "location_admin"},
}


def urls_of(user: User) -> dict[str, str]:
    return {
        "organization": of_organization(user.organization),
        "location": of_location(user.location),
        "person": of_person(user),
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("resource", READERS)
def test_each_role_reads_what_it_may(user: User, role: str, resource: str) -> None:
    client = client_of(someone(user.organization, role, user.location))
    expected = 200 if role in READERS[resource] else 403
    assert client.get(urls_of(user)[resource]).status_code == expected


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("resource", WRITERS)
def test_each_role_writes_what_it_may(user: User, role: str, resource: str) -> None:
    client = client_of(someone(user.organization, role, user.location))
    body = {"enabled": False} if resource == "organization" else {"setting": "off"}
    with recorded() as changes:
        response = put(client, urls_of(user)[resource], body)
    allowed = role in WRITERS[resource]
    assert response.status_code == (200 if allowed else 403)
    assert len(changes) == (1 if allowed else 0)


@pytest.mark.parametrize("resource", READERS)
def test_another_organizations_rows_are_not_there(user: User, stranger: User, resource: str) -> None:
    client = client_of(someone(stranger.organization, "full_admin", stranger.location))
    url = urls_of(user)[resource]
    body = {"enabled": False} if resource == "organization" else {"setting": "off"}
    for response in (client.get(url), put(client, url, body)):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_a_location_admin_is_limited_to_named_locations(user: User) -> None:
    elsewhere = factories.texting_user(user.organization)
    client = client_of(someone(user.organization, "location_admin", user.location))
    assert put(client, of_person(user), {"setting": "off"}).status_code == 200
    for url in (of_person(elsewhere), of_location(elsewhere.location)):
        assert client.get(url).status_code == 404
        assert put(client, url, {"setting": "off"}).status_code == 404


def test_operators_find_nothing(user: User, signed_in_as: Any) -> None:
    browser = signed_in_as(factories.OperatorFactory())
    assert browser.get("/api/v1/me").json()["organization"] is None
    for url in urls_of(user).values():
        assert browser.get(url).status_code == 403


@pytest.mark.parametrize(("method", "scope"), [("GET", "people:read"), ("PUT", "people:write")])
def test_a_token_needs_the_scope(user: User, full_admin: User, method: str, scope: str) -> None:
    others = [each for each in SCOPES if each != scope]
    body = json.dumps({"setting": "on"})
    for scopes, status in (([scope], 200), (others, 403)):
        client = client_of(full_admin, *scopes)
        response = client.generic(method, of_person(user), body, content_type="application/json")
        assert response.status_code == status
        if status == 403:
            assert response.json()["code"] == "insufficient_scope"
            assert scope in response.json()["title"]


def test_a_scope_gives_nothing_that_the_role_does_not(user: User) -> None:
    assert client_of(user, "organization:write").get(of_organization(user.organization)).status_code == 403


def test_a_session_writes_with_its_csrf_token_only(user: User, full_admin: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(full_admin, backend="django.contrib.auth.backends.ModelBackend")
    response = put(browser, of_person(user), {"setting": "off"})
    assert (response.status_code, response.json()["code"]) == (403, "stale_form")
    browser.cookies["csrftoken"] = "a" * 32
    response = browser.put(
        of_person(user), '{"setting": "off"}', content_type="application/json", headers={"x-csrftoken": "a" * 32}
    )
    assert response.status_code == 200


def test_the_organization_answers_with_its_switch_and_requirements(user: User, full_admin: User) -> None:
    answer = client_of(full_admin).get(of_organization(user.organization)).json()
    requirements = answer.pop("requirements")
    assert answer == {
        "id": str(user.organization_id), "setting": "on", "enabled": True, "source": "organization",
        "acceptable_use_policy_accepted": True, "no_health_information_attested": False,
    }  # fmt: skip
    assert [item["code"] for item in requirements] == [
        "customer_type", "calling_plan", "texting_location", "addon_license", "healthcare", "registration",
    ]  # fmt: skip
    assert set(requirements[0]) == {"code", "state", "label", "detail", "sentence", "remedy", "gates"}


def test_a_person_answers_with_the_override_its_effect_and_why_not(user: User, full_admin: User) -> None:
    PhoneNumber.objects.update(capability="incapable")
    client = client_of(full_admin)
    answer = put(client, of_person(user), {"setting": "on"}).json()
    assert answer == client.get(of_person(user)).json()
    unmet = [item for item in answer.pop("requirements") if item["state"] != "met"]
    assert answer == {
        "id": str(user.pk), "setting": "on", "enabled": True, "source": "user",
        "can_receive": False, "can_send": False,
    }  # fmt: skip
    assert [(item["code"], item["state"], item["sentence"], bool(item["remedy"])) for item in unmet] == [
        (
            "number_capability",
            "not_met",
            "Your primary number does not support texting. Select another number to enable texting",
            True,
        )
    ]


def test_a_location_answers_with_its_setting_and_where_the_value_comes_from(user: User, full_admin: User) -> None:
    client = client_of(full_admin)
    answer = client.get(of_location(user.location)).json()
    assert (answer["setting"], answer["enabled"], answer["source"]) == ("default", True, "organization")
    answer = put(client, of_location(user.location), {"setting": "off"}).json()
    assert (answer["setting"], answer["enabled"], answer["source"]) == ("off", False, "location")


def test_switching_the_organization_on_takes_the_policy_and_the_attestation(user: User, full_admin: User) -> None:
    Organization.objects.update(texting_enabled=False, acceptable_use_accepted_at=None, healthcare=True)
    client, url = client_of(full_admin), of_organization(user.organization)
    refused = put(client, url, {"enabled": True, "accept_acceptable_use_policy": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "attestation_required")
    refused = put(client, url, {"enabled": True, "attest_no_health_information": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "acceptable_use_not_accepted")
    assert refused.json()["remedy"]
    assert refused["Content-Type"] == "application/problem+json"
    body = {"enabled": True, "accept_acceptable_use_policy": True, "attest_no_health_information": True}
    answer = put(client, url, body).json()
    assert answer["enabled"] is True
    assert answer["acceptable_use_policy_accepted"] is True
    assert answer["no_health_information_attested"] is True


def test_a_write_says_who_did_it_and_through_what(user: User, full_admin: User) -> None:
    with recorded() as changes:
        put(client_of(full_admin), of_person(user), {"setting": "off"})
    assert [(change.action, change.actor.user_id, change.actor.via, change.actor.ip) for change in changes[1:]] == [
        ("user.texting_changed", full_admin.pk, "api", "127.0.0.1")
    ]


def test_putting_the_same_again_writes_nothing(user: User, full_admin: User) -> None:
    client = client_of(full_admin)
    put(client, of_person(user), {"setting": "off"})
    with recorded() as changes:
        assert put(client, of_person(user), {"setting": "off"}).status_code == 200
    assert changes == []


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/setting", "required"),
        ({"setting": None}, "/setting", "null"),
        ({"setting": "maybe"}, "/setting", "invalid_choice"),
        ({"setting": True}, "/setting", "invalid_choice"),
        (["on"], "", "invalid"),
    ],
)
def test_a_body_that_is_not_valid_is_pointed_at(
    user: User, full_admin: User, body: Any, pointer: str, code: str
) -> None:
    response = put(client_of(full_admin), of_person(user), body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("value", ["true", 1, "on", None, []])
def test_a_switch_is_true_or_false(user: User, full_admin: User, value: Any) -> None:
    response = put(client_of(full_admin), of_organization(user.organization), {"enabled": value})
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/enabled"


def test_me_is_who_calls_and_whether_they_can_text(user: User) -> None:
    answer = client_of(user, "people:read").get("/api/v1/me").json()
    assert answer == {
        "id": str(user.pk),
        "email": user.email,
        "name": user.display_name,
        "organization": {"id": str(user.organization_id), "name": "Northwind Dental Supply"},
        "location": {"id": str(user.location_id), "name": user.location.name},
        "primary_number": user.primary_number.e164,
        "roles": [],
        "permissions": ["use_inbox"],
        "scopes": ["people:read"],
        "business_texting": {"enabled": True, "can_receive": True, "can_send": True, "code": "", "sentence": ""},
    }


def test_me_in_a_session_has_no_scopes(full_admin: User, signed_in_as: Any) -> None:
    answer = signed_in_as(full_admin).get("/api/v1/me").json()
    assert answer["scopes"] is None
    assert answer["roles"] == ["full_admin"]
    assert answer["primary_number"] is None


def test_a_person_is_answered_in_few_queries(
    user: User, full_admin: User, signed_in_as: Any, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in_as(full_admin)
    with django_assert_max_num_queries(9):
        browser.get(of_person(user))
