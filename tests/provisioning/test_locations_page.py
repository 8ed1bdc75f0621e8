"""Management > Locations: the list, one location, a new one, deleting one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from provisioning.models import Location, Organization, PhoneNumber, User
from tests import factories

pytestmark = pytest.mark.django_db

PAGE = "/locations/"
ADDRESS = {"street": "500 Terry Francois Blvd", "city": "San Francisco", "state": "CA", "postal_code": "94158"}
NEW = {
    "name": "Reno", "country": "US", "pstn_connection": "cisco_pstn", "time_zone": "America/Los_Angeles",
    "texting_setting": "default", "open_at": "always", **ADDRESS,
}  # fmt: skip


@pytest.fixture
def admin(user: User, full_admin: User, signed_in_as: Any) -> Any:
    """A full administrator’s browser; one user at one location can text."""
    return signed_in_as(full_admin)


@pytest.fixture
def place(user: User) -> Location:
    location = user.location
    assert location is not None
    return location


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def names(response: Any) -> list[str]:
    return re.findall(r'<a href="/locations/[0-9a-f-]{36}/">([^<]*)</a>', response.content.decode())


def address_of(place: Location) -> str:
    return f"/locations/{place.pk}/"


def opened(browser: Any, place: Location) -> dict[str, Any]:
    """The fields of a location’s page as a browser would send them back."""
    form = browser.get(address_of(place)).context["form"]
    return {field.html_name: field.value() or "" for field in form if field.html_name != "may_stop"}


def test_the_list_says_where_how_and_how_many_can_text(admin: Any, organization: Organization, place: Location) -> None:
    factories.UserFactory(location=place)
    Location.objects.filter(pk=place.pk).update(main_number=PhoneNumber.objects.get(location=place))
    factories.LocationFactory(organization=organization, name="Leeds", country="GB")
    factories.LocationFactory(organization=organization, name="Reno", texting_setting="off")
    page = text_of(admin.get(PAGE))
    assert "1 of 2" in page
    assert "(415) 555-" in page
    assert 'title="United Kingdom">GB' in page
    assert 'Not available</span><span class="small sub">Texting is available in the US and Canada.' in page
    assert 'Off</span><span class="small sub">Set for this location' in page
    assert 'On</span><span class="small sub">From organization default' in page
    assert "1–3 of 3 locations" in page


@pytest.fixture
def several(organization: Organization) -> None:
    """Everyone’s name says what it is."""
    make = factories.LocationFactory
    make(organization=organization, name="Zürich", country="CH")
    make(organization=organization, name="Gateway", pstn_connection="local_gateway")
    make(organization=organization, name="Off", texting_setting="off")
    make(organization=organization, name="Canada", country="CA", emergency_city="Moncton", texting_setting="on")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "ZÜRICH"}, ["Zürich"]),
        ({"q": "monc"}, ["Canada"]),
        ({"country": "CA"}, ["Canada"]),
        ({"country": "XX"}, ["Canada", "Gateway", "Home", "Off", "Zürich"]),
        ({"pstn": "local_gateway"}, ["Gateway"]),
        ({"texting": "on"}, ["Canada", "Home"]),
        ({"texting": "off"}, ["Off"]),
        ({"texting": "unavailable"}, ["Gateway", "Zürich"]),
        ({"sort": "-name"}, ["Zürich", "Off", "Home", "Gateway", "Canada"]),
    ],
)
def test_search_and_filters_narrow_the_list(
    admin: Any, several: None, place: Location, query: dict[str, str], expected: list[str]
) -> None:
    place.name = "Home"
    place.save()
    assert names(admin.get(PAGE, query)) == expected


def test_the_status_filter_follows_the_organizations_switch(admin: Any, several: None, place: Location) -> None:
    Organization.objects.update(texting_enabled=False)
    assert names(admin.get(PAGE, {"texting": "on"})) == ["Canada"]
    assert set(names(admin.get(PAGE, {"texting": "off"}))) == {place.name, "Off"}


def test_every_location_is_under_exactly_one_status(admin: Any, several: None) -> None:
    found = [name for status in ("on", "off", "unavailable") for name in names(admin.get(PAGE, {"texting": status}))]
    assert sorted(found) == sorted(
        Location.objects.filter(organization__name="Northwind Dental Supply").values_list("name", flat=True)
    )


@pytest.mark.parametrize("query", ["", "?q=branch&country=US&texting=on&page=2"])
def test_the_list_takes_at_most_eleven_queries_however_many_locations(
    admin: Any, organization: Organization, query: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(70):
        factories.LocationFactory(organization=organization, name=f"Branch {number}")
    with django_assert_max_num_queries(11):
        page = admin.get(PAGE + query)
    assert len(names(page)) == (20 if query else 50)


def test_no_match_and_no_locations_each_say_what_to_do(admin: Any, full_admin: User, signed_in_as: Any) -> None:
    assert "No locations match" in text_of(admin.get(PAGE, {"q": "nowhere"}))
    elsewhere = factories.with_role(
        factories.UserFactory(organization=factories.OrganizationFactory(), location=None), "full_admin"
    )
    assert "No locations yet" in text_of(signed_in_as(elsewhere).get(PAGE))


def test_creating_a_location_leads_to_its_page(admin: Any, organization: Organization) -> None:
    response = admin.post("/locations/new/", {**NEW, "open_at": "hours", "day_0": "9-17"}, follow=True)
    made = organization.locations.get(name="Reno")
    assert response.redirect_chain == [(address_of(made), 302)]
    assert "Reno is created." in text_of(response)
    assert 'value="09:00–17:00"' in text_of(response)


def test_what_is_refused_is_marked_beside_its_field_and_nothing_typed_is_lost(
    admin: Any, organization: Organization
) -> None:
    typed = {**NEW, "postal_code": "V6B 4Y8", "state": "XX", "open_at": "hours", "day_3": "10-18"}
    response = admin.post("/locations/new/", typed)
    assert response.status_code == 422
    page = text_of(response)
    assert "“V6B 4Y8” is not a ZIP code." in page
    assert "“XX” is not a state of the US." in page
    assert 'aria-invalid="true"' in page
    assert 'value="10-18"' in page
    assert 'value="500 Terry Francois Blvd"' in page
    assert not organization.locations.filter(name="Reno").exists()
    nonsense = text_of(admin.post("/locations/new/", {**NEW, "open_at": "hours", "day_3": "noon-ish", "day_4": "9-5"}))
    assert "“noon-ish” is not a time span." in nonsense
    backwards = text_of(admin.post("/locations/new/", {**NEW, "open_at": "hours", "day_4": "9-5"}))
    assert "Friday closes before it opens." in backwards
    none = text_of(admin.post("/locations/new/", {**NEW, "open_at": "hours"}))
    assert "Enter the hours of at least one day" in none


def test_a_name_that_is_taken_is_refused(admin: Any, place: Location) -> None:
    response = admin.post("/locations/new/", {**NEW, "name": place.name})
    assert response.status_code == 409
    assert "already. Choose another name." in text_of(response)


def test_a_page_saved_as_it_is_changes_nothing(admin: Any, place: Location) -> None:
    from compliance.models import AuditEvent

    assert admin.post(address_of(place), opened(admin, place)).status_code == 302
    assert not AuditEvent.objects.filter(target_type="location").exists()


def test_editing_writes_what_was_typed(admin: Any, place: Location) -> None:
    number = PhoneNumber.objects.get(location=place)
    typed = {**opened(admin, place), **ADDRESS, "name": "Headquarters", "main_number": number.e164, "unit": "Floor 2"}
    page = text_of(admin.post(address_of(place), typed, follow=True))
    assert "Saved. Headquarters is changed." in page
    assert 'value="(415) 555-' in page
    place.refresh_from_db()
    assert (place.name, place.emergency_unit, place.main_number) == ("Headquarters", "Floor 2", number)


def test_a_location_without_its_emergency_address_says_so(admin: Any, place: Location) -> None:
    warning = "The emergency address is missing"
    assert warning in text_of(admin.get(address_of(place)))
    admin.post(address_of(place), {**opened(admin, place), **ADDRESS})
    assert warning not in text_of(admin.get(address_of(place)))


def test_who_stops_texting_is_said_and_asked_before_anything_is_saved(admin: Any, place: Location) -> None:
    typed = {**opened(admin, place), "pstn_connection": "local_gateway", "name": "Renamed"}
    asked = admin.post(address_of(place), typed)
    assert asked.status_code == 422
    page = text_of(asked)
    assert "1 user who can text now stops texting by this change." in page
    assert 'name="may_stop" value="1">Save, and stop texting for 1 user</button>' in page
    assert page.index('<button type="submit" hidden>') < page.index('name="may_stop"')  # what Enter presses
    assert 'value="Renamed"' in page
    assert '<option value="local_gateway" selected>' in page
    place.refresh_from_db()
    assert place.pstn_connection == "cisco_pstn"
    assert admin.post(address_of(place), {**typed, "may_stop": "1"}).status_code == 302
    place.refresh_from_db()
    assert (place.pstn_connection, place.name) == ("local_gateway", "Renamed")


def test_the_second_of_two_is_told_what_changed_and_loses_nothing_typed(admin: Any, place: Location) -> None:
    typed = {**opened(admin, place), "name": "Mine"}
    admin.post(address_of(place), {**opened(admin, place), "name": "Theirs", "time_zone": "America/Chicago"})
    late = admin.post(address_of(place), typed)
    assert late.status_code == 409
    page = text_of(late)
    assert 'data-code="changed_meanwhile"' in page
    assert "<li>Name: <strong>Theirs</strong></li>" in page
    assert "<li>Time zone: <strong>America/Chicago</strong></li>" in page
    assert 'value="Mine"' in page
    place.refresh_from_db()
    assert place.name == "Theirs"
    seen = late.context["form"]["seen"].value()
    assert admin.post(address_of(place), {**typed, "seen": seen}).status_code == 302
    place.refresh_from_db()
    assert place.name == "Mine"


def test_a_form_without_what_it_was_opened_with_is_not_taken_blindly(admin: Any, place: Location) -> None:
    typed = {**opened(admin, place), "name": "Mine", "seen": ""}
    assert admin.post(address_of(place), typed).status_code == 409


def test_the_page_of_a_location_takes_at_most_sixteen_queries(
    admin: Any, place: Location, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        factories.with_role(factories.texting_user(place.organization, location=place), "location_admin", place)
    with django_assert_max_num_queries(16):
        page = text_of(admin.get(address_of(place)))
    assert "21 of 21 users are able to text." in page


def test_a_location_that_is_not_empty_says_who_is_there_with_links(admin: Any, place: Location) -> None:
    factories.UserFactory(location=place, is_active=False)
    factories.with_role(factories.UserFactory(organization=place.organization, location=None), "location_admin", place)
    for page in (admin.get(f"{address_of(place)}delete/"), admin.post(f"{address_of(place)}delete/")):
        said = text_of(page)
        assert f'<a href="/users/?location={place.pk}">2 users</a> <span class="sub">1 of them deactivated' in said
        assert "1 number" in said
        assert "1 location administrator" in said
        assert "btn-danger" not in said
    assert page.status_code == 409
    assert Location.objects.filter(pk=place.pk).exists()


def test_an_empty_location_is_deleted_after_asking(admin: Any, organization: Organization) -> None:
    place = factories.LocationFactory(organization=organization, name="Reno")
    assert "Delete Reno" in text_of(admin.get(f"{address_of(place)}delete/"))
    assert Location.objects.filter(pk=place.pk).exists()
    done = admin.post(f"{address_of(place)}delete/", follow=True)
    assert "Reno is deleted." in text_of(done)
    assert admin.get(address_of(place)).status_code == 404


@pytest.mark.parametrize("role", ["read_only_admin", "user_admin"])
def test_administrators_who_may_only_look_get_no_form(place: Location, signed_in_as: Any, role: str) -> None:
    browser = signed_in_as(
        factories.with_role(factories.UserFactory(organization=place.organization, location=None), role)
    )
    page = text_of(browser.get(address_of(place)))
    assert "Emergency address" in page
    assert '<form method="post" action="/locations/' not in page
    assert "New location" not in text_of(browser.get(PAGE))
    assert browser.post(address_of(place), {"name": "x"}).status_code == 403
    for path in ("/locations/new/", f"{address_of(place)}delete/"):
        assert browser.get(path).status_code == browser.post(path).status_code == 403


def test_a_location_administrator_edits_the_named_locations_only(
    user: User, place: Location, stranger: User, signed_in_as: Any
) -> None:
    elsewhere = factories.LocationFactory(organization=place.organization, name="Elsewhere", country="CA")
    person = factories.UserFactory(organization=place.organization, location=None)
    browser = signed_in_as(factories.with_role(person, "location_admin", place))
    listed = browser.get(PAGE)
    assert names(listed) == [place.name]
    assert "Canada" not in text_of(listed)
    assert "New location" not in text_of(listed)
    assert browser.post(address_of(place), {**opened(browser, place), "name": "Mine"}).status_code == 302
    for foreign in (elsewhere, stranger.location):
        assert browser.get(address_of(foreign)).status_code == 404
        assert browser.post(address_of(foreign), NEW).status_code == 404
    assert browser.get(f"{address_of(place)}delete/").status_code == 403
    assert browser.get("/locations/new/").status_code == 403
    page = text_of(browser.get(address_of(place)))
    assert "Delete location" not in page


def test_the_navigation_has_locations_for_whoever_may_see_them(admin: Any, user: User, signed_in_as: Any) -> None:
    assert f'href="{reverse("locations")}" aria-current="page"' in text_of(admin.get(PAGE))
    assert f'href="{reverse("locations")}"' not in text_of(signed_in_as(user).get("/inbox/"))
