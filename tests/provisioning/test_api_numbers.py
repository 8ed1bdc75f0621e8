"""Numbers in the API: the pages' rules, in JSON."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from provisioning import task_engine
from provisioning.models import Location, Organization, PhoneNumber, Task, User
from provisioning.tokens import SCOPES
from tests.factories import CampaignFactory, LocationFactory, PhoneNumberFactory, UserFactory, with_role

NUMBERS, BULK = "/api/v1/numbers", "/api/v1/numbers/bulk"


@pytest.fixture
def location(organization: Organization) -> Location:
    return LocationFactory(organization=organization, name="San Francisco")


@pytest.fixture
def api(full_admin: User, signed_in_as: Any) -> Client:
    browser: Client = signed_in_as(full_admin)
    return browser


def sent(browser: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return getattr(browser, method)(path, data=body, content_type="application/json", headers=headers)


def one(row: PhoneNumber) -> str:
    return f"{NUMBERS}/{row.pk}"


def primary(user: User) -> str:
    return f"/api/v1/people/{user.pk}/primary-number"


def test_a_number_says_where_it_is_who_has_it_and_whether_it_can_text(
    api: Client, organization: Organization, location: Location
) -> None:
    campaign = CampaignFactory(brand__organization=organization)
    holder = UserFactory(organization=organization, location=location, first_name="Ada", last_name="Lovelace")
    row = PhoneNumberFactory(
        organization=organization, e164="+16505550100", location=location, user=holder, campaign=campaign,
        capability="incapable", capability_reason="A landline.",
    )  # fmt: skip
    answer = api.get(one(row)).json()
    assert answer | {"created_at": None} == {
        "id": str(row.pk), "number": "+16505550100", "national": "(650) 555-0100",
        "location": {"id": str(location.pk), "name": "San Francisco"}, "assigned": True,
        "user": {"id": str(holder.pk), "name": "Ada Lovelace"}, "active": True, "source": "cisco_calling_plan",
        "capability": "incapable", "capability_reason": "A landline.", "capability_checked_at": None,
        "campaign": {
            "id": str(campaign.pk), "name": campaign.name, "registry_id": campaign.registry_id, "status": "active",
        },
        "created_at": None, "released_at": None,
    }  # fmt: skip


def test_the_list_goes_by_number_in_pages_and_is_narrowed(api: Client, organization: Organization) -> None:
    for place in range(5):
        PhoneNumberFactory(organization=organization, e164=f"+1650555010{place}", active=place != 3)
    page = api.get(NUMBERS, {"page_size": 2}).json()
    assert [row["number"] for row in page["results"]] == ["+16505550100", "+16505550101"]
    following = api.get(page["next"]).json()
    assert [row["number"] for row in following["results"]] == ["+16505550102", "+16505550103"]
    found = api.get(NUMBERS, {"state": "inactive", "q": "(650) 555"}).json()
    assert [row["number"] for row in found["results"]] == ["+16505550103"]
    assert api.get(NUMBERS, {"state": "?"}).status_code == 400
    assert api.get(NUMBERS, {"campaign": "?"}).status_code == 400


def test_a_page_of_the_list_takes_as_many_queries_for_fifty_as_for_one(
    api: Client, organization: Organization, location: Location, django_assert_num_queries: Any
) -> None:
    api.get(NUMBERS)
    for count in (1, 49):
        for _ in range(count):
            holder = UserFactory(organization=organization, location=location)
            PhoneNumberFactory(organization=organization, user=holder, location=location)
        with django_assert_num_queries(5):
            api.get(NUMBERS)


def test_numbers_are_added_with_a_word_on_each(api: Client, location: Location, stranger: User) -> None:
    theirs = PhoneNumber.objects.get(user=stranger).e164
    asked = {"location_id": str(location.pk), "numbers": ["(650) 555-0100 - 0101", "911", theirs, "6505550101"]}
    answer = sent(api, "post", NUMBERS, asked)
    found = answer.json()
    assert (answer.status_code, found["added"], found["refused"]) == (201, 2, 2)
    assert [(row["typed"], row["number"], row["outcome"], row["code"]) for row in found["results"]] == [
        ("(650) 555-0100 - 0101", "+16505550100", "changed", ""),
        ("(650) 555-0100 - 0101", "+16505550101", "changed", ""),
        ("911", None, "refused", "short_number"),
        (theirs, theirs, "refused", "number_unavailable"),
        ("6505550101", None, "unchanged", "number_repeated"),
    ]
    assert found["results"][0]["id"] == str(PhoneNumber.objects.get(e164="+16505550100").pk)
    again = sent(api, "post", NUMBERS, {**asked, "numbers": ["+16505550100"]})
    assert (again.status_code, again.json()["results"][0]["outcome"]) == (200, "unchanged")


def test_more_than_five_hundred_are_a_task_that_is_started_once_for_one_key(api: Client, location: Location) -> None:
    asked = {"location_id": str(location.pk), "numbers": ["650 555 0000 - 0599", "911"]}
    answer = sent(api, "post", NUMBERS, asked, Idempotency_Key="once")
    task = Task.objects.get()
    assert (answer.status_code, answer.json()["task"]) == (202, str(task.pk))
    assert answer["Location"] == reverse("api:task", args=[task.pk])
    assert [row["code"] for row in answer.json()["results"]] == ["short_number"]
    assert sent(api, "post", NUMBERS, asked, Idempotency_Key="once").json()["task"] == str(task.pk)
    for _turn in range(5):
        task_engine.run(task.pk)
    assert PhoneNumber.objects.filter(location=location).count() == 600


@pytest.mark.parametrize(
    "wrong",
    [
        {"numbers": []}, {"numbers": "+16505550100"}, {"numbers": [16505550100]}, {"location_id": "?"},
        {"source": "?"}, {"campaign_id": "?"},
    ],
)  # fmt: skip
def test_a_body_of_another_shape_is_400(api: Client, location: Location, wrong: dict[str, Any]) -> None:
    asked = {"location_id": str(location.pk), "numbers": ["+16505550100"], **wrong}
    assert sent(api, "post", NUMBERS, asked).status_code == 400
    assert not PhoneNumber.objects.exists()


def test_another_organizations_location_and_campaign_are_not_there(
    api: Client, location: Location, stranger: User
) -> None:
    theirs = PhoneNumber.objects.get(user=stranger)
    good = {"location_id": str(location.pk), "numbers": ["+16505550100"]}
    for wrong, code in (
        ({"location_id": str(theirs.location_id)}, "unknown_location"),
        ({"campaign_id": str(theirs.campaign_id)}, "unknown_campaign"),
    ):
        answer = sent(api, "post", NUMBERS, good | wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert PhoneNumber.objects.get() == theirs


def test_what_is_named_is_changed_and_the_rest_stays(
    api: Client, organization: Organization, location: Location
) -> None:
    row = PhoneNumberFactory(organization=organization)
    campaign = CampaignFactory(brand__organization=organization)
    body = {"location_id": str(location.pk), "campaign_id": str(campaign.pk)}
    answer = sent(api, "patch", one(row), body).json()
    assert (answer["location"]["id"], answer["campaign"]["id"], answer["active"]) == (
        str(location.pk),
        str(campaign.pk),
        True,
    )
    answer = sent(api, "patch", one(row), {"active": False, "campaign_id": None}).json()
    assert (answer["location"]["id"], answer["campaign"], answer["active"]) == (str(location.pk), None, False)


def test_the_fiftieth_number_of_a_campaign_is_422(api: Client, organization: Organization) -> None:
    campaign = CampaignFactory(brand__organization=organization)
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=organization, campaign=campaign, e164=f"+1206556{place:04d}") for place in range(49)
    )
    row = PhoneNumberFactory(organization=organization)
    answer = sent(api, "patch", one(row), {"campaign_id": str(campaign.pk)})
    assert (answer.status_code, answer.json()["code"]) == (422, "campaign_full")


def test_a_deleted_number_is_still_there_to_be_looked_at_and_deleting_it_again_changes_nothing(
    api: Client, user: User
) -> None:
    row = PhoneNumber.objects.get(user=user)
    assert sent(api, "delete", one(row)).status_code == 204
    answer = api.get(one(row)).json()
    assert (answer["released_at"] is not None, answer["user"], answer["active"]) == (True, None, False)
    assert api.get(NUMBERS).json()["results"] == []
    assert sent(api, "delete", one(row)).status_code == 204
    assert api.get(one(row)).json() == answer


def test_a_locations_main_number_is_not_deleted(api: Client, user: User) -> None:
    row = PhoneNumber.objects.get(user=user)
    Location.objects.filter(pk=row.location_id).update(main_number=row)
    answer = sent(api, "delete", one(row))
    assert (answer.status_code, answer.json()["code"]) == (409, "main_number")


def test_a_person_is_given_a_number_and_loses_it(api: Client, organization: Organization, location: Location) -> None:
    person = UserFactory(organization=organization, location=location)
    row = PhoneNumberFactory(organization=organization, location=location)
    assert api.get(primary(person)).json() == {"number": None}
    answer = sent(api, "put", primary(person), {"number_id": str(row.pk)}).json()
    assert (answer["number"]["id"], answer["number"]["user"]["id"]) == (str(row.pk), str(person.pk))
    other = UserFactory(organization=organization, location=location)
    taken = sent(api, "put", primary(other), {"number_id": str(row.pk)})
    assert (taken.status_code, taken.json()["code"]) == (422, "number_taken")
    assert sent(api, "delete", primary(person)).status_code == 204
    assert sent(api, "delete", primary(person)).status_code == 204
    row.refresh_from_db()
    assert row.user is None


def test_a_location_administrator_reaches_the_locations_numbers_and_people_alone(
    organization: Organization, location: Location, signed_in_as: Any
) -> None:
    api = signed_in_as(with_role(UserFactory(organization=organization, location=location), "location_admin", location))
    elsewhere = LocationFactory(organization=organization)
    near, far = (UserFactory(organization=organization, location=place) for place in (location, elsewhere))
    row = PhoneNumberFactory(organization=organization, location=location)
    held = PhoneNumberFactory(organization=organization, location=location, user=far)
    hidden = PhoneNumberFactory(organization=organization, location=elsewhere)
    listed = {each["id"]: each for each in api.get(NUMBERS).json()["results"]}
    assert set(listed) == {str(row.pk), str(held.pk)}
    assert (listed[str(held.pk)]["assigned"], listed[str(held.pk)]["user"]) == (True, None)
    assert api.get(one(hidden)).status_code == 404
    assert sent(api, "put", primary(near), {"number_id": str(hidden.pk)}).status_code == 404
    assert sent(api, "put", primary(far), {"number_id": str(row.pk)}).status_code == 404
    assert sent(api, "put", primary(near), {"number_id": str(row.pk)}).status_code == 200
    assert sent(api, "patch", one(row), {"active": False}).status_code == 403
    assert sent(api, "post", BULK, {"action": "delete", "ids": [str(row.pk)]}).status_code == 403
    assert sent(api, "post", BULK, {"action": "unassign", "filter": {}}).status_code == 202
    task_engine.run(Task.objects.get().pk)
    held.refresh_from_db()
    assert (PhoneNumber.objects.get(pk=row.pk).user, held.user) == (None, far)


def test_one_action_on_all_that_match_is_a_task(api: Client, organization: Organization, location: Location) -> None:
    rows = [PhoneNumberFactory(organization=organization) for _ in range(3)]
    PhoneNumber.objects.filter(pk=rows[0].pk).update(capability="incapable")
    body = {"action": "move", "filter": {"capability": "incapable"}, "location_id": str(location.pk)}
    answer = sent(api, "post", BULK, body)
    assert answer.status_code == 202
    task_engine.run(Task.objects.get().pk)
    assert [row.pk for row in PhoneNumber.objects.filter(location=location)] == [rows[0].pk]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "activate"}, {"action": "activate", "ids": [], "filter": {}}, {"action": "?", "filter": {}},
        {"action": "move", "filter": {}}, {"action": "link", "filter": {}},
        {"action": "activate", "filter": {"state": "?"}}, {"action": "activate", "ids": ["?"]},
    ],
)  # fmt: skip
def test_a_bulk_request_without_a_clear_meaning_is_400(api: Client, body: dict[str, Any]) -> None:
    assert sent(api, "post", BULK, body).status_code == 400
    assert not Task.objects.exists()


def test_the_carrier_can_be_asked_again(api: Client, organization: Organization) -> None:
    row = PhoneNumberFactory(organization=organization)
    PhoneNumber.objects.update(capability_due_at=None)
    assert sent(api, "post", f"{one(row)}/capability-refresh").status_code == 202
    row.refresh_from_db()
    assert row.capability_due_at is not None


def test_tokens_have_scopes_for_numbers() -> None:
    assert {"numbers:read", "numbers:write"} <= set(SCOPES)
