"""Management > Users."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from provisioning.models import Organization, User
from provisioning.views import users as view
from tests import factories

PAGE = "/users/"
COUNTS = "/users/counts/"


@pytest.fixture
def admin(full_admin: User, signed_in_as: Any) -> Any:
    """A browser of a full administrator whose own name stands last."""
    full_admin.first_name, full_admin.last_name = "Zoe", "Zimmer"
    full_admin.save()
    return signed_in_as(full_admin)


def named(organization: Organization, first_name: str, last_name: str, **fields: Any) -> User:
    return factories.texting_user(organization, first_name=first_name, last_name=last_name, **fields)


def names(response: Any) -> list[str]:
    """The names of the rows, in order."""
    found = re.findall(r'<th scope="row" class="name"><a [^>]*>([^<]*)</a>', response.content.decode())
    return [name.replace("&#x27;", "'") for name in found]


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_users_are_listed_by_name_with_their_number_and_standing(admin: Any, organization: Organization) -> None:
    named(organization, "Tunde", "Adeyemi")
    rosalind = named(organization, "Rosalind", "abernathy")
    response = admin.get(PAGE)
    assert names(response) == ["abernathy, Rosalind", "Adeyemi, Tunde", "Zimmer, Zoe"]
    page = text_of(response)
    assert f"/users/{rosalind.pk}/calling/" in page
    assert "3 users. 2 can text." in text_of(admin.get(COUNTS))
    assert "From organization default" in page
    assert re.search(r"\+1 415 555 \d{4}", page)


def test_the_order_can_be_turned_round(admin: Any, organization: Organization) -> None:
    named(organization, "Tunde", "Adeyemi")
    assert names(admin.get(f"{PAGE}?sort=-name")) == ["Zimmer, Zoe", "Adeyemi, Tunde"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ROSALIND", ["Abernathy, Rosalind"]),
        ("aber rosa", ["Abernathy, Rosalind"]),
        ("ros.ab@x", ["Abernathy, Rosalind"]),
        ("ångström", ["Ångström, Åsa"]),
        ("4155550101", ["Abernathy, Rosalind"]),
        ("(415) 555-0101", ["Abernathy, Rosalind"]),
        ("+1 415 555 01", ["Abernathy, Rosalind", "Ångström, Åsa"]),
        ("%", []),
        ("_", []),
        ("nobody", []),
    ],
)
def test_search_looks_at_names_addresses_and_numbers(
    admin: Any, organization: Organization, typed: str, expected: list[str]
) -> None:
    for first, last, email, e164 in (
        ("Rosalind", "Abernathy", "ros.ab@x.example", "+14155550101"),
        ("Åsa", "Ångström", "asa@x.example", "+14155550102"),
    ):
        person = named(organization, first, last, email=email)
        person.primary_number.e164 = e164
        person.primary_number.save()
    assert names(admin.get(PAGE, {"q": typed})) == expected


@pytest.fixture
def four_kinds(organization: Organization) -> None:
    """Everyone's name says how they stand."""
    named(organization, "", "OnByDefault")
    named(organization, "", "OnByOverride", texting_setting="on")
    named(organization, "", "OffByOverride", texting_setting="off")
    off = factories.LocationFactory(organization=organization, name="Off place", texting_setting="off")
    named(organization, "", "OffByLocation", location=off)
    named(organization, "", "NoLicense", license="standard")
    named(organization, "", "Deactivated", is_active=False)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"status": "on"}, ["OnByDefault", "OnByOverride"]),
        ({"status": "off"}, ["OffByLocation", "OffByOverride"]),
        ({"status": "not_eligible"}, ["Deactivated", "NoLicense", "Zimmer, Zoe"]),
        ({"source": "user"}, ["OffByOverride", "OnByOverride"]),
        ({"source": "location"}, ["OffByLocation"]),
        ({"status": "on", "source": "user"}, ["OnByOverride"]),
        ({"status": "nonsense", "q": "license"}, ["NoLicense"]),
    ],
)
def test_filters_narrow_the_list(admin: Any, four_kinds: None, filters: dict[str, str], expected: list[str]) -> None:
    assert names(admin.get(PAGE, filters)) == expected


def test_the_pills_say_what_the_filters_mean(admin: Any, four_kinds: None) -> None:
    for status in ("on", "off", "not_eligible"):
        page = admin.get(PAGE, {"status": status}).content.decode()
        assert set(re.findall(r'data-status="(\w+)"', page)) == {status}


def test_the_location_filter_narrows_the_list(admin: Any, four_kinds: None, organization: Organization) -> None:
    place = organization.locations.get(name="Off place")
    assert names(admin.get(PAGE, {"location": str(place.pk)})) == ["OffByLocation"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"license": "none"}, "No Professional license"),
        ({"location__pstn_connection": "local_gateway"}, "Local Gateway"),
        ({"location__country": "GB"}, "Location outside the US and Canada"),
        ({"location": None}, "No location"),
        ({"primary_number__capability": "incapable"}, "Number can’t text"),
        ({"primary_number__capability": "unknown"}, "Waiting for the carrier’s report"),
        ({"primary_number__source": "other"}, "Number from another provider"),
        ({"primary_number__active": False}, "Number is not active"),
        ({"primary_number__user": None}, "No primary number"),
        ({"organization__addon_licenses": 0}, "No Business Texting add-on"),
        ({"organization__customer_type": "trial"}, "Organization is not eligible"),
        ({"organization__healthcare": True}, "Healthcare confirmation is missing"),
    ],
)
def test_not_eligible_says_why_in_a_few_words(
    admin: Any, organization: Organization, change: dict[str, Any], reason: str
) -> None:
    person = named(organization, "Rosalind", "Abernathy")
    for path, value in change.items():
        *owners, field = path.split("__")
        target: Any = getattr(person, owners[0]) if owners else person
        setattr(target, field, value)
        target.save()
    page = text_of(admin.get(PAGE, {"q": "rosalind"}))
    assert f'data-status="not_eligible">Not eligible</span><span class="small sub">{reason}<' in page


def test_an_organization_without_a_calling_plan_is_the_reason_too(admin: Any, organization: Organization) -> None:
    named(organization, "Rosalind", "Abernathy")
    organization.calling_plans.all().delete()
    assert "No Cisco Calling Plan" in text_of(admin.get(PAGE, {"q": "rosalind"}))


def test_someone_who_can_only_receive_is_on_and_says_so(admin: Any, organization: Organization) -> None:
    named(organization, "Rosalind", "Abernathy")
    organization.campaigns.update(status="suspended")
    assert "From organization default. Receives only" in text_of(admin.get(PAGE, {"q": "rosalind"}))


def test_pages_follow_each_other_by_key_both_ways(admin: Any, organization: Organization) -> None:
    for number in range(130):
        factories.UserFactory(organization=organization, location=None, first_name="", last_name=f"Person {number:03}")
    everyone = [f"Person {number:03}" for number in range(130)] + ["Zimmer, Zoe"]
    first = admin.get(PAGE)
    assert names(first) == everyone[:50]
    assert 'rel="prev"' not in text_of(first)
    second = admin.get(PAGE + link(first, "next"))
    assert names(second) == everyone[50:100]
    third = admin.get(PAGE + link(second, "next"))
    assert names(third) == everyone[100:]
    assert 'rel="next"' not in text_of(third)
    assert names(admin.get(PAGE + link(third, "prev"))) == everyone[50:100]
    back = admin.get(PAGE + link(second, "prev"))
    assert names(back) == everyone[:50]
    assert 'rel="prev"' not in text_of(back)
    downwards = admin.get(PAGE + "?sort=-name")
    assert names(downwards) == everyone[::-1][:50]
    assert names(admin.get(PAGE + link(downwards, "next"))) == everyone[::-1][50:100]


def link(response: Any, rel: str) -> str:
    found = re.search(rf'href="([^"]*)" rel="{rel}"', response.content.decode())
    assert found
    return found[1].replace("&amp;", "&")


def test_people_of_the_same_name_are_each_listed_once(admin: Any, organization: Organization) -> None:
    for _ in range(60):
        factories.UserFactory(organization=organization, location=None, first_name="Li", last_name="Chen")
    first = admin.get(PAGE)
    second = admin.get(PAGE + link(first, "next"))
    shown = [re.findall(r"/users/([0-9a-f-]+)/calling/", page.content.decode()) for page in (first, second)]
    assert len(set(shown[0]) | set(shown[1])) == 61


def test_a_key_of_nobody_gives_the_first_page(admin: Any, stranger: User) -> None:
    for key in (str(stranger.pk), "nonsense"):
        assert names(admin.get(PAGE, {"after": key})) == ["Zimmer, Zoe"]


def test_counts_stop_at_ten_thousand(admin: Any, organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "COUNT_LIMIT", 3)
    for _ in range(4):
        factories.texting_user(organization)
    assert "3+ users. 3+ can text." in text_of(admin.get(COUNTS))


def test_no_match_and_no_users_each_say_what_to_do(admin: Any, organization: Organization) -> None:
    assert "No users match" in text_of(admin.get(PAGE, {"q": "nobody"}))
    admin_of_a_place = factories.LocationFactory(organization=organization)
    person = factories.UserFactory(organization=organization, location=None)
    factories.with_role(person, "location_admin", admin_of_a_place)
    admin.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert "No users yet" in text_of(admin.get(PAGE))


def test_nobody_sees_users_of_another_organization(admin: Any, stranger: User) -> None:
    stranger.last_name = "Elsewhere"
    stranger.save()
    assert names(admin.get(PAGE)) == ["Zimmer, Zoe"]
    assert names(admin.get(PAGE, {"q": stranger.primary_number.e164})) == []
    assert admin.get(PAGE, {"location": str(stranger.location_id)}).status_code == 404


def test_a_location_administrator_sees_the_named_locations_only(organization: Organization, signed_in_as: Any) -> None:
    vancouver = factories.LocationFactory(organization=organization, name="Vancouver")
    leeds = factories.LocationFactory(organization=organization, name="Leeds")
    named(organization, "", "Inside", location=vancouver)
    named(organization, "", "Outside", location=leeds)
    person = factories.UserFactory(organization=organization, location=None)
    browser = signed_in_as(factories.with_role(person, "location_admin", vancouver))
    page = browser.get(PAGE)
    assert names(page) == ["Inside"]
    assert "Leeds" not in text_of(page)
    assert browser.get(PAGE, {"location": str(leeds.pk)}).status_code == 404


def test_counts_are_asked_for_after_the_page_or_by_a_link(admin: Any, four_kinds: None) -> None:
    page = text_of(admin.get(PAGE, {"status": "off"}))
    assert 'hx-get="/users/counts/?status=off"' in page
    assert 'href="?status=off&amp;whole=1">Count them</a>' in page
    counted = text_of(admin.get(PAGE, {"status": "off", "whole": 1}))
    assert "7 users. 2 can text. <span data-matching>2 match.</span>" in counted
    assert "hx-get" not in counted.partition("</h1>")[2].partition("</p>")[0]
    assert "2 match." in text_of(admin.get(COUNTS, {"status": "off"}))
    assert "match." not in text_of(admin.get(COUNTS))


@pytest.mark.parametrize("path", [PAGE, COUNTS])
def test_a_location_of_nobody_is_not_found(admin: Any, path: str) -> None:
    for location in ("00000000-0000-7000-8000-000000000000", "nonsense"):
        assert admin.get(path, {"location": location}).status_code == 404


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["A", "B", "C", "Zimmer, Zoe"]),
        ("email", ["C", "B", "A", "Zimmer, Zoe"]),
        ("-email", ["Zimmer, Zoe", "A", "B", "C"]),
        ("location", ["B", "A", "C", "Zimmer, Zoe"]),
        ("-location", ["Zimmer, Zoe", "C", "A", "B"]),
        ("nonsense", ["A", "B", "C", "Zimmer, Zoe"]),
    ],
)
def test_the_list_is_sorted_by_name_address_or_location(
    admin: Any, organization: Organization, full_admin: User, sort: str, expected: list[str]
) -> None:
    full_admin.email = "zoe@x.example"
    full_admin.save()
    boston, austin = (factories.LocationFactory(organization=organization, name=name) for name in ("Boston", "Austin"))
    named(organization, "", "A", location=boston, email="c@x.example")
    named(organization, "", "B", location=austin, email="b@x.example")
    named(organization, "", "C", location=boston, email="a@x.example")
    assert names(admin.get(PAGE, {"sort": sort})) == expected


def test_a_heading_sorts_and_turns_the_order_round_and_keeps_the_filter(admin: Any, four_kinds: None) -> None:
    page = admin.get(PAGE, {"sort": "email", "status": "off"}).content.decode()
    assert re.findall(r'aria-sort="(\w+)"><a class="sort" href="([^"]*)">', page) == [
        ("ascending", "?status=off&amp;sort=-email")
    ]
    assert '<a class="sort" href="?status=off">Name' in page
    assert '<a class="sort" href="?status=off&amp;sort=location">Location' in page


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"requirement": "license:not_met"}, ["NoLicense"]),
        ({"requirement": "primary_number"}, ["Zimmer, Zoe"]),
        ({"requirement": "number_capability:waiting"}, ["Zimmer, Zoe"]),
        ({"requirement": "location_pstn:waiting"}, ["Zimmer, Zoe"]),
        ({"requirement": "healthcare:not_met"}, []),
        ({"license": "standard"}, ["NoLicense"]),
        ({"account": "deactivated"}, ["Deactivated"]),
        ({"location": "none"}, ["Zimmer, Zoe"]),
        ({"requirement": "nonsense", "license": "gold", "q": "zimmer"}, ["Zimmer, Zoe"]),
    ],
)
def test_more_filters_narrow_the_list_and_stand_open_once_used(
    admin: Any, four_kinds: None, filters: dict[str, str], expected: list[str]
) -> None:
    response = admin.get(PAGE, filters)
    assert names(response) == expected
    used = bool({"requirement", "license", "account"} & set(filters)) and "q" not in filters
    assert ('<details class="more-filters" open>' in text_of(response)) is used


def test_what_was_chosen_stays_chosen(admin: Any, four_kinds: None, organization: Organization) -> None:
    place = organization.locations.get(name="Off place")
    chosen = {"location": str(place.pk), "status": "off", "source": "location", "requirement": "license", "q": "o<b>"}
    page = text_of(admin.get(PAGE, chosen | {"license": "professional", "account": "active", "sort": "-name"}))
    for value in (str(place.pk), "off", "location", "professional", "active"):
        assert f'<option value="{value}" selected>' in page
    assert 'value="o&lt;b&gt;"' in page
    assert '<option value="-name" selected>' in page


def test_an_invited_user_is_marked(admin: Any, organization: Organization) -> None:
    named(organization, "", "Asked", invited_at=factories.NOW)
    assert 'Asked</a> <span class="small sub">Invited</span>' in text_of(admin.get(PAGE))


def test_what_people_are_called_is_escaped(admin: Any, organization: Organization) -> None:
    evil = "<script>alert(1)</script>"
    place = factories.LocationFactory(organization=organization, name=f"Place {evil}")
    named(organization, evil, "{0}{name}%s", location=place, email='"<b>"@x.example')
    page = admin.get(PAGE).content.decode()
    assert evil not in page
    assert "&lt;script&gt;" in page
    assert "{0}{name}%s, &lt;script&gt;" in page
    assert "<b>" not in page


def test_only_those_who_may_change_users_can_select_them(organization: Organization, signed_in_as: Any) -> None:
    named(organization, "", "Somebody")
    for role, selects in (("user_admin", True), ("read_only_admin", False)):
        person = factories.with_role(factories.UserFactory(organization=organization, location=None), role)
        page = signed_in_as(person).get(PAGE).content.decode()
        assert ('name="user"' in page) is selects
        assert ("Import CSV" in page) is selects


def test_a_location_administrator_finds_a_number_only_at_the_named_locations(
    organization: Organization, signed_in_as: Any
) -> None:
    here, there = named(organization, "", "Here"), named(organization, "", "There")
    person = factories.UserFactory(organization=organization, location=None)
    browser = signed_in_as(factories.with_role(person, "location_admin", here.location))
    assert names(browser.get(PAGE, {"q": here.primary_number.e164})) == ["Here"]
    assert names(browser.get(PAGE, {"q": there.primary_number.e164})) == []
    assert names(browser.get(PAGE, {"sort": "location"})) == ["Here"]
    assert "1 user. 1 can text." in text_of(browser.get(COUNTS))
    assert browser.get(PAGE, {"location": "none"}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sort=location",
        "sort=-email",
        "q=a&status=on&source=organization",
        "q=415&requirement=license",
        "status=not_eligible",
    ],
)
@pytest.mark.parametrize("registered", [True, False])
def test_any_filter_and_order_takes_at_most_twelve_queries(
    admin: Any,
    organization: Organization,
    query: str,
    registered: bool,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(60):
        factories.texting_user(organization)
    if not registered:
        organization.brands.update(status="pending")
    first = admin.get(f"{PAGE}?{query}")
    following = link(first, "next") if 'rel="next"' in text_of(first) else f"?{query}"
    with django_assert_max_num_queries(12):
        admin.get(PAGE + following)
