"""Services > PSTN & Routing > Numbers: the list, adding many, one number, one action on many."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from messaging.models import SendingNumber
from provisioning import task_engine
from provisioning.models import (
    Campaign,
    Location,
    NumberTenure,
    Organization,
    PhoneNumber,
    RowOutcome,
    Task,
    User,
)
from provisioning.views import number_bulk
from tests.factories import CampaignFactory, LocationFactory, PhoneNumberFactory, UserFactory, with_role

LIST, NEW, BULK = "/numbers/", "/numbers/new/", "/numbers/bulk/"


@pytest.fixture
def location(organization: Organization) -> Location:
    return LocationFactory(organization=organization, name="San Francisco")


@pytest.fixture
def admin(full_admin: User, signed_in_as: Any) -> Client:
    browser: Client = signed_in_as(full_admin)
    return browser


@pytest.fixture
def of_location(organization: Organization, location: Location, signed_in_as: Any) -> Client:
    """A browser of San Francisco's administrator."""
    person = UserFactory(organization=organization, location=location, last_name="Localadmin")
    browser: Client = signed_in_as(with_role(person, "location_admin", location))
    return browser


def text_of(answer: Any) -> str:
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return unescape(" ".join(plain.split()))


def shown(answer: Any) -> list[str]:
    return [
        unescape(one) for one in re.findall(r'<a class="num nowrap" href="[^"]+">([^<]+)</a>', answer.content.decode())
    ]


def number(organization: Organization, e164: str, **fields: Any) -> PhoneNumber:
    return PhoneNumberFactory(organization=organization, e164=e164, **fields)


# The list


def test_numbers_are_listed_in_order_in_their_national_format(
    admin: Client, organization: Organization, location: Location
) -> None:
    number(organization, "+16505550102", location=location, capability="incapable", capability_reason="A landline.")
    holder = UserFactory(organization=organization, location=location, first_name="Ada", last_name="Lovelace")
    number(organization, "+14155550103", user=holder)
    answer = admin.get(LIST)
    assert shown(answer) == ["(415) 555-0103", "(650) 555-0102"]
    words = text_of(answer)
    assert "2 numbers. 1 are free." in words
    for expected in ("Ada Lovelace", "San Francisco", "Can't text A landline.", "2 of 2"):
        assert expected in words


def test_the_list_is_searched_and_filtered_in_the_address(
    admin: Client, organization: Organization, location: Location
) -> None:
    number(organization, "+16505550102", location=location)
    number(organization, "+14155550103", active=False)
    assert shown(admin.get(LIST, {"q": "(650) 555"})) == ["(650) 555-0102"]
    assert shown(admin.get(LIST, {"location": location.pk})) == ["(650) 555-0102"]
    assert shown(admin.get(LIST, {"state": "inactive"})) == ["(415) 555-0103"]
    answer = admin.get(LIST, {"q": "999"})
    assert "No numbers match" in text_of(answer)
    assert admin.get(LIST, {"state": "nonsense", "after": "nonsense"}).status_code == 200


def test_another_organizations_numbers_are_on_no_list(admin: Client, stranger: User) -> None:
    assert shown(admin.get(LIST)) == []
    assert admin.get(reverse("number", args=[PhoneNumber.objects.get(user=stranger).pk])).status_code == 404
    assert admin.get(LIST, {"location": stranger.location_id}).status_code == 404


def test_a_location_administrator_sees_the_numbers_of_the_location_alone(
    of_location: Client, organization: Organization, location: Location
) -> None:
    elsewhere = LocationFactory(organization=organization)
    far = UserFactory(organization=organization, location=elsewhere, first_name="Faraway", last_name="Person")
    number(organization, "+16505550101", location=location, user=far)
    hidden = number(organization, "+16505550102", location=elsewhere)
    released = number(organization, "+16505550103", active=False, released_at="2026-11-23T15:00Z")
    answer = of_location.get(LIST)
    assert shown(answer) == ["(650) 555-0101"]
    words = text_of(answer)
    assert "1 numbers. 0 are free." in words
    assert "Faraway" not in words
    assert "A user of another location" in words
    assert elsewhere.name not in words
    for row in (hidden, released):
        assert of_location.get(reverse("number", args=[row.pk])).status_code == 404
    assert of_location.get(LIST, {"location": elsewhere.pk}).status_code == 404
    assert shown(of_location.get(LIST, {"q": "Faraway"})) in ([], ["(650) 555-0101"])


def test_the_list_takes_as_many_queries_for_fifty_numbers_as_for_two(
    admin: Client, organization: Organization, location: Location, django_assert_num_queries: Any
) -> None:
    campaign = CampaignFactory(brand__organization=organization, number_pool=True)
    admin.get(LIST)
    for first, count in ((0, 2), (100, 50)):
        for place in range(count):
            holder = UserFactory(organization=organization, location=location)
            number(organization, f"+1650555{first + place:04d}", location=location, user=holder, campaign=campaign)
        with django_assert_num_queries(QUERIES_OF_THE_LIST):
            assert len(shown(admin.get(LIST))) == min(50, first // 50 + count)


QUERIES_OF_THE_LIST = 9


def test_whoever_may_only_look_has_nothing_to_click(
    organization: Organization, signed_in_as: Any, location: Location
) -> None:
    row = number(organization, "+16505550102", location=location)
    reader = signed_in_as(with_role(UserFactory(organization=organization, location=None), "read_only_admin"))
    for page in (LIST, reverse("number", args=[row.pk])):
        html = reader.get(page).content.decode()
        assert "checkbox" not in html
        assert not re.search(r"<button[^>]*>(Continue|Save|Assign|Delete)", html)


# Adding


def typed(location: Location, numbers: str, **more: Any) -> dict[str, Any]:
    return {"location": location.pk, "numbers": numbers, "source": "", "campaign": "", **more}


def test_a_preview_says_what_was_understood_and_adds_nothing(admin: Client, location: Location, stranger: User) -> None:
    theirs = PhoneNumber.objects.get(user=stranger).e164
    answer = admin.post(NEW, typed(location, f"650 555 0100 - 0149\n911\nabc, 800 555 0199\n{theirs}\n650-555-0100"))
    assert (answer.status_code, PhoneNumber.objects.count()) == (200, 1)
    words = text_of(answer)
    for expected in (
        "50 numbers can be added.", "Add 50 numbers", "(650) 555-0100 to (650) 555-0149, 50 numbers",
        "911 is a short number", "“abc” is not a phone number", "+1 800 555 0199 is toll-free",
        "is in use by another customer. If it is yours, ask your provider.",
        "(650) 555-0100 stands in line 1 already.", "4 are not understood, or can’t be added",
    ):  # fmt: skip
        assert expected in words
    assert stranger.organization.name not in words


def test_what_was_understood_is_added_and_what_was_not_stays_in_the_box(admin: Client, location: Location) -> None:
    answer = admin.post(NEW, typed(location, "(650) 555-0100\n650 555 O1O1\n650 555 0102, 911", add="1"))
    assert answer.status_code == 422
    assert sorted(PhoneNumber.objects.values_list("e164", flat=True)) == ["+16505550100", "+16505550102"]
    box = re.search(r"<textarea[^>]*>\s*(.*?)</textarea>", answer.content.decode(), re.DOTALL)
    assert box is not None
    assert unescape(box.group(1)).split("\n") == ["650 555 O1O1", "911"]
    assert "2 numbers were added to San Francisco." in text_of(answer)
    again = admin.post(NEW, typed(location, "650 555 0101", add="1"))
    assert again["Location"] == LIST


def test_numbers_that_the_campaign_does_not_take_stay_in_the_box(
    admin: Client, organization: Organization, location: Location
) -> None:
    campaign = CampaignFactory(brand__organization=organization)
    before = admin.post(NEW, typed(location, "650 555 0100 - 0149", campaign=campaign.pk))
    assert "The campaign takes 49 numbers more. The other 1 are not added" in text_of(before)
    answer = admin.post(NEW, typed(location, "650 555 0100 - 0149", campaign=campaign.pk, add="1"))
    assert (answer.status_code, campaign.numbers.count(), PhoneNumber.objects.count()) == (422, 49, 49)
    assert "+1 650 555 0149" in answer.content.decode()
    assert "which is all it can have without a number pool" in text_of(answer)


@pytest.mark.parametrize("numbers", ["", " \n ", "911\nabc"])
def test_nothing_to_add_is_said_so(admin: Client, location: Location, numbers: str) -> None:
    answer = admin.post(NEW, typed(location, numbers, add="1"))
    assert (answer.status_code, PhoneNumber.objects.count()) == (422, 0)


def test_a_location_of_nobody_is_asked_for_again(admin: Client, stranger: User) -> None:
    answer = admin.post(NEW, typed(stranger.location, "650 555 0100", add="1"))  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert not PhoneNumber.objects.filter(e164="+16505550100").exists()


def test_more_than_five_hundred_are_added_by_a_task(admin: Client, location: Location) -> None:
    answer = admin.post(NEW, typed(location, "650 555 0000 - 1199", add="1"))
    task = Task.objects.get()
    assert answer["Location"] == reverse("task", args=[task.pk])
    assert len(str(task.arguments)) < 400
    run(task)
    task.refresh_from_db()
    assert (task.state, task.total, task.done, task.changed, task.refused) == ("done", 1200, 1200, 1200, 0)
    assert PhoneNumber.objects.filter(location=location).count() == 1200


def run(task: Task) -> None:
    """Turn after turn, as workers take them."""
    for _turn in range(20):
        task.refresh_from_db()
        if not task.unfinished:
            return
        Task.objects.filter(pk=task.pk).update(leased_until=None, lease_token=None, state="waiting")
        task_engine.run(task.pk)


# One number


def page_of(row: PhoneNumber) -> str:
    return reverse("number", args=[row.pk])


def give(browser: Client, row: PhoneNumber, **posted: Any) -> Any:
    return browser.post(reverse("number_user", args=[row.pk]), posted)


def test_a_number_is_given_to_a_user_and_its_page_says_since_when_and_by_whom(
    admin: Client, organization: Organization, location: Location, full_admin: User
) -> None:
    row = number(organization, "+16505550100", location=location)
    ada = UserFactory(organization=organization, location=location, first_name="Ada", last_name="Lovelace")
    assert "Ada Lovelace" in text_of(admin.get(page_of(row)))
    answer = admin.post(reverse("number_user", args=[row.pk]), {"user": ada.pk}, follow=True)
    words = text_of(answer)
    assert "(650) 555-0100 is the primary number of Ada Lovelace." in words
    assert f"{full_admin.display_name} <{full_admin.email}>" in words
    give(admin, row, nobody="1")
    assert NumberTenure.objects.get().until is not None
    assert "Nobody has this number." in text_of(admin.get(page_of(row)))


def test_a_number_goes_straight_from_one_user_to_another(
    admin: Client, organization: Organization, location: Location
) -> None:
    ada, bob = (UserFactory(organization=organization, location=location) for _ in range(2))
    row = number(organization, "+16505550100", location=location, user=ada)
    give(admin, row, user=bob.pk)
    row.refresh_from_db()
    assert row.user == bob


def test_users_are_found_by_name_wherever_they_are(
    admin: Client, organization: Organization, location: Location
) -> None:
    row = number(organization, "+16505550100", location=location)
    elsewhere = LocationFactory(organization=organization)
    UserFactory(organization=organization, location=elsewhere, first_name="Grace", last_name="Hopper")
    assert "Grace Hopper" not in text_of(admin.get(page_of(row)))
    assert "Grace Hopper" in text_of(admin.get(page_of(row), {"q": "hop gra"}))
    assert "No user matches" in text_of(admin.get(page_of(row), {"q": "nobody"}))


@pytest.mark.parametrize("posted", [{}, {"user": "nonsense"}])
def test_nobody_chosen_is_said_so_and_changes_nothing(
    admin: Client, organization: Organization, location: Location, posted: dict[str, str]
) -> None:
    holder = UserFactory(organization=organization, location=location)
    row = number(organization, "+16505550100", location=location, user=holder)
    answer = give(admin, row, **posted)
    assert (answer.status_code, "Choose a user" in text_of(answer)) == (422, True)
    row.refresh_from_db()
    assert row.user == holder


def test_a_location_administrator_assigns_only_within_the_location(
    of_location: Client, organization: Organization, location: Location
) -> None:
    elsewhere = LocationFactory(organization=organization)
    near = UserFactory(organization=organization, location=location)
    far = UserFactory(organization=organization, location=elsewhere)
    row = number(organization, "+16505550100", location=location)
    theirs = number(organization, "+16505550101", location=location, user=far)
    hidden = number(organization, "+16505550102", location=elsewhere)
    assert give(of_location, row, user=far.pk).status_code == 404
    assert give(of_location, hidden, user=near.pk).status_code == 404
    assert give(of_location, theirs, nobody="1").status_code == 422
    assert give(of_location, theirs, user=near.pk).status_code == 422
    assert give(of_location, row, user=near.pk).status_code == 302
    assert {one.user for one in PhoneNumber.objects.filter(location=location)} == {near, far}
    assert of_location.post(page_of(row), {"active": ""}).status_code == 403


def saved(location: Location, campaign: Campaign | None, active: bool, was: dict[str, Any]) -> dict[str, Any]:
    """The form as a browser posts it: what is chosen, and what the page showed."""
    posted = {
        "location": location.pk,
        "campaign": campaign.pk if campaign else "",
        **{f"initial-{k}": v for k, v in was.items()},
    }
    return {**posted, "active": "on"} if active else posted


def test_location_campaign_and_state_are_saved_together(
    admin: Client, organization: Organization, location: Location
) -> None:
    row = number(organization, "+16505550100", location=location)
    other, campaign = LocationFactory(organization=organization), CampaignFactory(brand__organization=organization)
    was = {"location": location.pk, "campaign": "", "active": "on"}
    assert admin.post(page_of(row), saved(other, campaign, False, was)).status_code == 302
    row.refresh_from_db()
    assert (row.location, row.campaign, row.active) == (other, campaign, False)


def test_what_somebody_else_changed_meanwhile_is_left_alone(
    admin: Client, organization: Organization, location: Location
) -> None:
    campaign = CampaignFactory(brand__organization=organization)
    row = number(organization, "+16505550100", location=location, campaign=campaign)
    was = {"location": location.pk, "campaign": "", "active": "on"}
    other = LocationFactory(organization=organization)
    admin.post(page_of(row), saved(other, None, True, was))
    row.refresh_from_db()
    assert (row.location, row.campaign) == (other, campaign)


def test_a_refusal_saves_nothing_of_the_form(admin: Client, organization: Organization, location: Location) -> None:
    row = number(organization, "+16505550100", location=location)
    campaign = CampaignFactory(brand__organization=organization)
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=organization, campaign=campaign, e164=f"+1206556{place:04d}") for place in range(49)
    )
    other = LocationFactory(organization=organization)
    answer = admin.post(
        page_of(row),
        saved(other, campaign, True, {"location": location.pk, "campaign": "", "active": "on"}),
    )
    assert (answer.status_code, "without a number pool" in text_of(answer)) == (422, True)
    row.refresh_from_db()
    assert (row.location, row.campaign) == (location, None)


@pytest.mark.parametrize(
    ("reason", "said"), [("Complaints <30%>", "Reason: Complaints <30%>"), ("", "The reason is in the audit log.")]
)
def test_a_number_that_the_provider_paused_says_so_and_why(admin: Client, user: User, reason: str, said: str) -> None:
    row = PhoneNumber.objects.get(user=user)
    assert "Your provider paused" not in text_of(admin.get(page_of(row)))
    SendingNumber.objects.filter(number=row).update(paused=True, pause_reason=reason)
    words = text_of(admin.get(page_of(row)))
    assert "Your provider paused this number" in words
    assert said in words
    assert "Sending Paused" in words


def test_the_page_of_one_number_tells_times_as_the_organization_reads_them(
    admin: Client, organization: Organization, location: Location
) -> None:
    asked_at = datetime(2026, 11, 24, 6, 58, tzinfo=UTC)
    row = number(organization, "+16505550100", location=location, capability_checked_at=asked_at)
    assert organization.time_zone == "America/Los_Angeles"
    assert "Last asked 23 Nov 2026, 22:58" in text_of(admin.get(page_of(row)))


def test_the_page_of_one_number_takes_few_queries(
    admin: Client, organization: Organization, location: Location, django_assert_max_num_queries: Any
) -> None:
    row = number(organization, "+16505550100", location=location)
    for _ in range(12):
        give(admin, row, user=UserFactory(organization=organization, location=location).pk)
    with django_assert_max_num_queries(14):
        admin.get(page_of(row))


def test_the_carrier_is_asked_again_on_request(admin: Client, organization: Organization, location: Location) -> None:
    row = number(organization, "+16505550100", location=location)
    PhoneNumber.objects.update(capability_due_at=None)
    assert admin.post(reverse("number_capability", args=[row.pk])).status_code == 302
    row.refresh_from_db()
    assert row.capability_due_at is not None


# Many at once


def chosen(*rows: PhoneNumber, **posted: Any) -> dict[str, Any]:
    return {"number": [row.pk for row in rows], **posted}


def test_an_action_is_confirmed_before_anything_changes(admin: Client, user: User) -> None:
    row = PhoneNumber.objects.get(user=user)
    answer = admin.post(BULK, chosen(row, action="delete"))
    assert answer.status_code == 200
    assert "1 of them is somebody’s primary number." in text_of(answer)
    row.refresh_from_db()
    assert row.released_at is None
    assert admin.post(BULK, chosen(row, action="delete", confirmed="1"))["Location"] == LIST
    row.refresh_from_db()
    assert row.released_at is not None
    assert "Deleted from the inventory on" in text_of(admin.get(page_of(row)))
    assert shown(admin.get(LIST)) == []
    assert len(shown(admin.get(LIST, {"state": "released"}))) == 1


@pytest.mark.parametrize("posted", [{}, {"action": "activate"}, {"all": "1"}, {"action": "nonsense", "all": "1"}])
def test_nothing_chosen_is_said_so(admin: Client, posted: dict[str, str]) -> None:
    assert admin.post(BULK, posted).status_code == 422


def test_numbers_move_to_the_location_that_is_chosen(
    admin: Client, organization: Organization, location: Location
) -> None:
    rows = [number(organization, f"+1650555010{place}") for place in range(3)]
    assert admin.post(BULK, chosen(*rows, action="move", confirmed="1")).status_code == 422
    admin.post(BULK, chosen(*rows[:2], action="move", confirmed="1", location=location.pk))
    assert PhoneNumber.objects.filter(location=location).count() == 2


def test_everything_that_matches_the_filter_is_meant_and_nothing_else(
    admin: Client, organization: Organization, location: Location
) -> None:
    for place in range(60):
        number(organization, f"+1650555{place:04d}", location=location)
    other = number(organization, "+12065550100")
    answer = admin.post(f"{BULK}?location={location.pk}", {"all": "1", "action": "deactivate"})
    assert "60 numbers" in text_of(answer)
    admin.post(f"{BULK}?location={location.pk}", {"all": "1", "action": "deactivate", "confirmed": "1"})
    assert PhoneNumber.objects.filter(active=False).count() == 60
    other.refresh_from_db()
    assert other.active


def test_what_was_refused_is_listed_with_its_sentence(admin: Client, organization: Organization) -> None:
    campaign = CampaignFactory(brand__organization=organization)
    rows = [number(organization, f"+1650555{place:04d}") for place in range(51)]
    answer = admin.post(BULK, chosen(*rows, action="link", confirmed="1", campaign=campaign.pk))
    assert (answer.status_code, campaign.numbers.count()) == (422, 49)
    words = text_of(answer)
    assert "2 numbers stayed as they are." in words
    assert words.count("which is all it can have without a number pool") == 2


def test_free_numbers_go_to_users_of_their_location_who_have_none_by_name(
    admin: Client, organization: Organization, location: Location
) -> None:
    names = [("Zoe", "Young"), ("Ada", "Brown"), ("Cy", "Young")]
    people = [UserFactory(organization=organization, location=location, first_name=f, last_name=n) for f, n in names]
    UserFactory(organization=organization, location=location, license="none", last_name="Aaron")
    UserFactory(organization=organization, location=location, is_active=False, last_name="Abel")
    UserFactory(organization=organization, location=None, last_name="Able")
    rows = [number(organization, f"+1650555010{place}", location=location) for place in range(4)]
    answer = admin.post(BULK, chosen(*rows, action="assign", confirmed="1"))
    assert [PhoneNumber.objects.get(pk=row.pk).user for row in rows] == [people[1], people[2], people[0], None]
    assert "(650) 555-0103 stays free" in text_of(answer)


def test_a_location_administrator_cannot_change_numbers_in_bulk_but_assign_them(
    of_location: Client, organization: Organization, location: Location
) -> None:
    near = number(organization, "+16505550100", location=location)
    far = number(organization, "+16505550101", location=LocationFactory(organization=organization))
    assert of_location.post(BULK, chosen(near, action="delete", confirmed="1")).status_code == 403
    assert of_location.post(BULK, chosen(far, action="unassign", confirmed="1")).status_code == 422
    assert of_location.post(BULK, chosen(near, far, action="assign", confirmed="1")).status_code == 302
    far.refresh_from_db()
    near.refresh_from_db()
    assert (far.user, near.user is not None) == (None, True)


def test_more_than_five_hundred_are_changed_by_a_task_that_meets_each_number_once(
    admin: Client, organization: Organization, location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(number_bulk, "AT_ONCE", 5)
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=organization, e164=f"+1650555{place:04d}", location=location) for place in range(1100)
    )
    answer = admin.post(f"{BULK}?state=active", {"all": "1", "action": "deactivate", "confirmed": "1"})
    task = Task.objects.get()
    assert answer["Location"] == reverse("task", args=[task.pk])
    run(task)
    task.refresh_from_db()
    assert (task.state, task.done, task.changed) == ("done", 1100, 1100)
    assert PhoneNumber.objects.filter(active=True).count() == 0
    assert task.rows.filter(outcome=RowOutcome.CHANGED).count() == 1100


def test_a_task_of_somebody_who_may_no_longer_changes_nothing(
    admin: Client, full_admin: User, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(number_bulk, "AT_ONCE", 0)
    row = number(organization, "+16505550100")
    admin.post(BULK, chosen(row, action="deactivate", confirmed="1"))
    full_admin.role_assignments.update(role="user_admin")
    task = Task.objects.get()
    run(task)
    task.refresh_from_db()
    row.refresh_from_db()
    assert (task.state, task.error_code, row.active) == ("failed", "requester_not_allowed", True)
