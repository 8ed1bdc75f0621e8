"""Creating, editing and deleting locations: what is written, what is refused, what the audit log is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError

from provisioning.business_hours import checked, read_day, week_in_words, week_of
from provisioning.changes import Actor
from provisioning.fingerprints import fingerprint
from provisioning.location_facts import main_number_of, state_of
from provisioning.locations import create_location, delete_location, edit_location
from provisioning.models import BusinessHours, Location, Organization, PhoneNumber, Role, RoleAssignment, User
from provisioning.refusals import Refusal
from tests import factories
from tests.factories import NOW
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db

ADDRESS = {"street": "500 Terry Francois Blvd", "city": "San Francisco", "state": "CA", "postal_code": "94158"}
RENO = {"name": "Reno", "country": "US", "pstn_connection": "cisco_pstn", "emergency_address": ADDRESS}


@pytest.fixture
def actor(full_admin: User) -> Actor:
    return Actor.of_user(full_admin, via="portal", ip="192.0.2.7")


@pytest.fixture
def place(user: User) -> Location:
    """A location in the US on Cisco PSTN with one user who can text."""
    location = user.location
    assert location is not None
    return location


def refused(code: str) -> Any:
    return pytest.raises(Refusal, match=f"^{code}$")


def test_a_new_location_has_what_was_wanted_and_one_event_that_says_so(
    organization: Organization, actor: Actor
) -> None:
    week = checked(span for day in range(5) for span in read_day("9-17", day))
    with recorded() as changes:
        made = create_location(
            organization, {**RENO, "name": "  Reno   depot ", "time_zone": "America/Denver", "business_hours": week},
            actor, NOW,
        )  # fmt: skip
    row = Location.objects.get(pk=made.pk)
    assert (row.name, row.country, row.time_zone, row.emergency_state) == ("Reno depot", "US", "America/Denver", "CA")
    assert week_of(row) == week
    [change] = changes
    assert (change.action, change.target_label, change.organization_id) == (
        "location.created", "Reno depot", organization.pk,
    )  # fmt: skip
    assert change.after == {
        "name": "Reno depot", "country": "United States", "pstn_connection": "Cisco PSTN",
        "time_zone": "America/Denver", "business_hours": "Monday–Friday 09:00–17:00",
        "emergency_address": "500 Terry Francois Blvd, San Francisco, CA 94158",
    }  # fmt: skip


def test_a_new_location_has_the_organizations_time_zone_unless_told(organization: Organization, actor: Actor) -> None:
    Organization.objects.update(time_zone="America/Toronto")
    assert create_location(organization, RENO, actor, NOW).time_zone == "America/Toronto"


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        ({"name": "  "}, "name_missing", "name"),
        ({"name": "x" * 201}, "name_too_long", "name"),
        ({"country": ""}, "unknown_country", "country"),
        ({"country": "XX"}, "unknown_country", "country"),
        ({"pstn_connection": "carrier pigeon"}, "unknown_pstn_connection", "pstn_connection"),
        ({"time_zone": "Mars/Olympus"}, "unknown_time_zone", "time_zone"),
        ({"texting_setting": "perhaps"}, "unknown_texting_setting", "texting_setting"),
        ({"emergency_address": {}}, "emergency_address_missing", "emergency_address"),
        (
            {"emergency_address": {**ADDRESS, "postal_code": "V6B 4Y8"}},
            "emergency_address_invalid",
            "emergency_address",
        ),
        ({"main_number": "+14155550101"}, "main_number_elsewhere", "main_number"),
        ({"main_number": "abc"}, "not_a_number", "main_number"),
    ],
)
def test_what_is_wrong_is_refused_by_field(
    organization: Organization, actor: Actor, wanted: dict[str, Any], code: str, field: str
) -> None:
    with recorded() as changes, refused(code) as refusal:
        create_location(organization, {**RENO, **wanted}, actor, NOW)
    assert refusal.value.extra["field"] == field
    assert refusal.value.sentence
    assert changes == []
    assert not Location.objects.filter(organization=organization).exists()


def test_without_cisco_pstn_or_outside_the_us_and_canada_no_address_is_needed(
    organization: Organization, actor: Actor
) -> None:
    create_location(organization, {**RENO, "pstn_connection": "local_gateway", "emergency_address": {}}, actor, NOW)
    create_location(organization, {"name": "Leeds", "country": "GB", "emergency_address": {}}, actor, NOW)
    assert organization.locations.count() == 2


@pytest.mark.parametrize("name", ["Reno", "RENO", " reno "])
def test_two_locations_of_one_organization_have_names_that_differ_by_more_than_case(
    organization: Organization, other_organization: Organization, actor: Actor, name: str
) -> None:
    create_location(organization, RENO, actor, NOW)
    with refused("name_taken") as refusal:
        create_location(organization, {**RENO, "name": name}, actor, NOW)
    assert refusal.value.http_status == 409
    create_location(other_organization, RENO, actor, NOW)


def test_a_location_keeps_its_own_name_in_other_letters(place: Location, actor: Actor) -> None:
    assert edit_location(place, {"name": place.name.upper()}, actor, NOW).name == place.name.upper()


def test_only_what_differs_is_written_and_told(place: Location, actor: Actor) -> None:
    with recorded() as changes:
        row = edit_location(place, {"name": place.name, "time_zone": "America/Chicago"}, actor, NOW)
    assert row.time_zone == "America/Chicago"
    [change] = changes
    assert (change.action, change.before, change.after) == (
        "location.changed", {"time_zone": "America/Los_Angeles"}, {"time_zone": "America/Chicago"},
    )  # fmt: skip


def test_what_is_already_so_is_not_written_and_not_audited(place: Location, actor: Actor) -> None:
    with recorded() as changes:
        edit_location(place, {"name": place.name, "country": "US", "business_hours": (), "main_number": ""}, actor, NOW)
    assert changes == []


def test_hours_are_replaced_and_taken_away_again(place: Location, actor: Actor) -> None:
    edit_location(place, {"business_hours": checked(read_day("9-17", 0))}, actor, NOW)
    with recorded() as changes:
        edit_location(place, {"business_hours": ()}, actor, NOW)
    assert not BusinessHours.objects.exists()
    assert changes[0].before == {"business_hours": "Monday 09:00–17:00"}
    assert changes[0].after == {"business_hours": "Always open"}


def test_the_main_number_is_one_of_the_locations_own(place: Location, actor: Actor, user: User, stranger: User) -> None:
    own = user.primary_number
    row = edit_location(place, {"main_number": own.e164.removeprefix("+1")}, actor, NOW)
    assert main_number_of(row) == own
    elsewhere = factories.texting_user(user.organization)
    for number in (elsewhere.primary_number, stranger.primary_number):
        with refused("main_number_elsewhere"):
            edit_location(place, {"main_number": number.e164}, actor, NOW)
    with recorded() as changes:
        assert main_number_of(edit_location(place, {"main_number": ""}, actor, NOW)) is None
    assert changes[0].after == {"main_number": ""}


def test_a_main_number_that_moved_away_is_none_and_can_be_that_of_its_new_place(
    place: Location, actor: Actor, user: User
) -> None:
    edit_location(place, {"main_number": user.primary_number.e164}, actor, NOW)
    there = factories.LocationFactory(organization=user.organization)
    PhoneNumber.objects.filter(pk=user.primary_number.pk).update(location=there)
    assert main_number_of(Location.objects.get(pk=place.pk)) is None
    assert main_number_of(edit_location(there, {"main_number": user.primary_number.e164}, actor, NOW)) is not None


@pytest.mark.parametrize(
    "wanted",
    [
        {"pstn_connection": "local_gateway"},
        {"pstn_connection": "other"},
        {"country": "GB", "emergency_address": {}},
        {"texting_setting": "off"},
    ],
)
def test_a_change_by_which_users_stop_texting_is_asked_for_with_their_number(
    place: Location, actor: Actor, user: User, wanted: dict[str, Any]
) -> None:
    factories.texting_user(user.organization, location=place)
    factories.UserFactory(location=place, license="standard")
    with recorded() as changes, refused("users_stop_texting") as refusal:
        edit_location(place, wanted, actor, NOW)
    assert refusal.value.extra["users"] == 2
    assert "2 users who can text now stop texting" in refusal.value.sentence
    assert changes == []
    with refused("users_stop_texting"):
        edit_location(place, wanted, actor, NOW, may_stop=1)
    for name, value in wanted.items():
        if name != "emergency_address":
            assert getattr(edit_location(place, wanted, actor, NOW, may_stop=2), name) == value


def test_whoever_keeps_texting_by_an_override_is_not_counted(place: Location, actor: Actor, user: User) -> None:
    User.objects.filter(pk=user.pk).update(texting_setting="on")
    assert edit_location(place, {"texting_setting": "off"}, actor, NOW).texting_setting == "off"


def test_back_to_a_default_that_is_off_is_asked_for_too(place: Location, actor: Actor) -> None:
    edit_location(place, {"texting_setting": "on"}, actor, NOW)
    Organization.objects.update(texting_enabled=False)
    with refused("users_stop_texting"):
        edit_location(place, {"texting_setting": "default"}, actor, NOW)


@pytest.mark.parametrize("wanted", [{"country": "CA"}, {"country": "PR"}, {"texting_setting": "on"}, {"name": "Other"}])
def test_a_change_that_nobody_loses_by_is_not_asked_for(place: Location, actor: Actor, wanted: dict[str, Any]) -> None:
    edit_location(place, wanted, actor, NOW)


def test_nobody_loses_what_the_organization_does_not_have(place: Location, actor: Actor) -> None:
    Organization.objects.update(customer_type="trial")
    assert edit_location(place, {"pstn_connection": "other"}, actor, NOW).pstn_connection == "other"


def test_the_texting_setting_has_an_event_of_its_own_and_its_rules(place: Location, actor: Actor) -> None:
    with recorded() as changes:
        edit_location(place, {"name": "Elsewhere", "texting_setting": "on"}, actor, NOW)
    assert [change.action for change in changes] == ["location.changed", "location.texting_changed"]
    leeds = factories.LocationFactory(organization=place.organization, name="Leeds", country="GB")
    with refused("location_country"):
        edit_location(leeds, {"name": "York", "texting_setting": "on"}, actor, NOW)
    leeds.refresh_from_db()
    assert leeds.name == "Leeds"


def test_an_address_is_asked_for_when_a_location_comes_to_need_one(organization: Organization, actor: Actor) -> None:
    leeds = factories.LocationFactory(organization=organization, country="GB")
    with refused("emergency_address_missing"):
        edit_location(leeds, {"country": "US"}, actor, NOW)
    gateway = factories.LocationFactory(organization=organization, pstn_connection="local_gateway")
    with refused("emergency_address_missing"):
        edit_location(gateway, {"pstn_connection": "cisco_pstn"}, actor, NOW)
    assert edit_location(gateway, {"pstn_connection": "cisco_pstn", "emergency_address": ADDRESS}, actor, NOW)


def test_a_location_that_never_had_an_address_goes_on_without_but_one_that_has_keeps_it(
    place: Location, actor: Actor
) -> None:
    assert edit_location(place, {"name": "Renamed", "emergency_address": {}}, actor, NOW).name == "Renamed"
    edit_location(place, {"emergency_address": ADDRESS}, actor, NOW)
    with refused("emergency_address_missing"):
        edit_location(place, {"emergency_address": {}}, actor, NOW)
    with refused("emergency_address_invalid") as refusal:
        edit_location(place, {"country": "CA"}, actor, NOW)
    assert set(refusal.value.extra["parts"]) == {"state", "postal_code"}


def test_who_saves_after_somebody_else_is_told(place: Location, actor: Actor) -> None:
    seen = fingerprint(state_of(place))
    edit_location(place, {"time_zone": "America/Chicago"}, actor, NOW, seen=seen)
    with refused("changed_meanwhile") as refusal:
        edit_location(place, {"name": "Mine"}, actor, NOW, seen=seen)
    assert refusal.value.http_status == 409
    again = fingerprint(state_of(Location.objects.get(pk=place.pk)))
    assert edit_location(place, {"name": "Mine"}, actor, NOW, seen=again).name == "Mine"


@pytest.mark.parametrize("column", ["users", "numbers", "administrators"])
def test_a_location_with_somebody_or_something_is_not_deleted(
    organization: Organization, actor: Actor, full_admin: User, column: str
) -> None:
    place = factories.LocationFactory(organization=organization, name="Reno")
    if column == "users":
        factories.UserFactory(location=place, is_active=False)
    elif column == "numbers":
        factories.PhoneNumberFactory(organization=organization, location=place)
    else:
        RoleAssignment.objects.create(
            organization=organization, user=full_admin, role=Role.LOCATION_ADMIN, location=place
        )
    with recorded() as changes, refused("location_not_empty") as refusal:
        delete_location(place, actor, NOW)
    assert refusal.value.extra[column] == 1
    assert "Reno can’t be deleted: it has 1 " in refusal.value.sentence
    assert refusal.value.http_status == 409
    assert changes == []
    assert Location.objects.filter(pk=place.pk).exists()


def test_an_empty_location_is_deleted_with_its_hours_and_its_history_stays(
    organization: Organization, actor: Actor
) -> None:
    from compliance.models import AuditEvent

    place = create_location(organization, {**RENO, "business_hours": checked(read_day("9-17", 0))}, actor, NOW)
    with recorded() as changes:
        delete_location(place, actor, NOW)
    assert not Location.objects.filter(pk=place.pk).exists()
    [change] = changes
    assert (change.action, change.target_label, change.target_id) == ("location.deleted", "Reno", str(place.pk))
    assert change.before["business_hours"] == "Monday 09:00–17:00"
    told = AuditEvent.objects.filter(target_id=str(place.pk)).values_list("action", "target_label")
    assert list(told.order_by("sequence")) == [("location.created", "Reno"), ("location.deleted", "Reno")]


def test_whoever_moves_in_while_it_is_being_deleted_wins(
    organization: Organization, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provisioning import locations

    place = factories.LocationFactory(organization=organization, name="Reno")
    looked = []

    def look(location: Location) -> None:
        looked.append(location)
        if len(looked) == 1:
            factories.UserFactory(location=place)
            return
        raise Refusal("location_not_empty", "It has 1 user.", http_status=409)

    monkeypatch.setattr(locations, "refuse_unless_empty", look)
    with refused("location_not_empty"):
        delete_location(place, actor, NOW)
    assert Location.objects.filter(pk=place.pk).exists()


def test_a_row_of_another_kind_that_still_points_to_it_is_a_refusal_and_no_crash(
    organization: Organization, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provisioning import locations

    place = factories.LocationFactory(organization=organization, name="Reno")

    def fail(*_arguments: Any, **_named: Any) -> None:
        raise IntegrityError

    monkeypatch.setattr(locations, "record_target", fail)
    with refused("location_in_use"):
        delete_location(place, actor, NOW)
    assert Location.objects.filter(pk=place.pk).exists()


def test_the_week_is_said_in_words_for_the_audit_log(place: Location, actor: Actor) -> None:
    edit_location(place, {"business_hours": checked(read_day("0-24", 5))}, actor, NOW)
    assert week_in_words(week_of(place)) == "Saturday 00:00–00:00"
