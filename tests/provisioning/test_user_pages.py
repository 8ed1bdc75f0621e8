"""A user's pages: summary, profile, a new user, deactivated and reactivated."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from compliance.models import AuditEvent
from provisioning.models import Location, Mail, Organization, User
from tests import factories
from tests.factories import NOW


@pytest.fixture
def admin(full_admin: User, signed_in_as: Any) -> Any:
    return signed_in_as(full_admin)


@pytest.fixture
def vancouver(organization: Organization) -> Location:
    return factories.LocationFactory(organization=organization, name="Vancouver")


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def bound_to(location: Location, signed_in_as: Any) -> Any:
    person = factories.UserFactory(organization=location.organization, location=None)
    return signed_in_as(factories.with_role(person, "location_admin", location))


def shown(browser: Any, path: str) -> dict[str, Any]:
    """Every field of the form, and what it showed when it was opened, as a browser would send it."""
    form = browser.get(path).context["form"]
    posted = {}
    for field in form:
        value = field.value()
        posted[field.html_name] = posted[field.html_initial_name] = (
            "" if value is None else str(getattr(value, "pk", value))
        )
    return posted


def save(browser: Any, user: User, **typed: Any) -> Any:
    path = f"/users/{user.pk}/profile/"
    return browser.post(path, shown(browser, path) | typed)


def test_the_summary_says_who_where_and_whether_texting_works(admin: Any, user: User) -> None:
    page = text_of(admin.get(f"/users/{user.pk}/"))
    for words in (user.display_name, user.location.name, "Webex Calling Professional", "+1 415 555"):
        assert words in page
    assert 'data-status="on">On' in page
    assert "User, without a role." in page
    assert "No Webex app of this user was seen yet." in page


def test_the_summary_says_why_texting_does_not_work(admin: Any, user: User) -> None:
    User.objects.filter(pk=user.pk).update(license="standard")
    page = text_of(admin.get(f"/users/{user.pk}/"))
    assert 'data-status="not_eligible"' in page
    assert 'data-code="license"' in page
    assert "An administrator assigns a Webex Calling Professional license to the user." in page


def test_the_tabs_are_those_that_the_administrator_may_open(
    admin: Any, user: User, organization: Organization, signed_in_as: Any
) -> None:
    def tabs(browser: Any) -> list[str]:
        return [tab.label for tab in browser.get(f"/users/{user.pk}/").context["tabs"]]

    def as_role(role: str) -> Any:
        person = factories.UserFactory(organization=organization, location=None)
        return signed_in_as(factories.with_role(person, role))

    assert tabs(admin) == ["Summary", "Profile", "Calling", "Activity", "Roles"]
    assert tabs(as_role("read_only_admin")) == ["Summary", "Calling", "Activity", "Roles"]
    assert tabs(as_role("user_admin")) == ["Summary", "Profile", "Calling", "Activity"]
    assert tabs(bound_to(user.location, signed_in_as)) == ["Summary", "Profile", "Calling", "Activity"]


@pytest.mark.parametrize(
    ("page", "most"),
    [
        ("", 11),
        ("profile/", 7),
        ("calling/", 10),
        ("activity/", 7),
        ("roles/", 8),
        ("number/", 8),
        ("deactivate/", 13),
        ("reactivate/", 6),
    ],
)
def test_each_page_of_a_user_takes_a_few_queries(
    admin: Any, user: User, page: str, most: int, django_assert_max_num_queries: Any
) -> None:
    factories.with_role(user, "user_admin")
    admin.get(f"/users/{user.pk}/{page}")
    with django_assert_max_num_queries(most):
        assert admin.get(f"/users/{user.pk}/{page}").status_code == 200


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("desktop/42.11.9", "texting takes desktop version 42.12 or newer"),
        ("mobile/43.1", "texting takes mobile version 43.2 or newer"),
    ],
)
def test_an_app_that_is_too_old_is_pointed_out(admin: Any, user: User, version: str, words: str) -> None:
    User.objects.filter(pk=user.pk).update(client_version=version, client_seen_at=NOW)
    page = text_of(admin.get(f"/users/{user.pk}/"))
    assert "This Webex app is too old for texting" in page
    assert words in page
    assert "23 Nov 2026, 15:00" in page


def test_an_app_that_is_new_enough_is_shown_without_a_warning(admin: Any, user: User) -> None:
    User.objects.filter(pk=user.pk).update(client_version="desktop/42.12.0", client_seen_at=NOW)
    page = text_of(admin.get(f"/users/{user.pk}/"))
    assert "42.12.0, desktop" in page
    assert "too old" not in page


def test_a_profile_is_saved_and_only_what_changed_is_recorded(admin: Any, user: User, vancouver: Location) -> None:
    assert save(admin, user, last_name="Öberg", location=str(vancouver.pk)).status_code == 302
    row = User.objects.get(pk=user.pk)
    assert (row.last_name, row.location, row.sort_name[:5]) == ("Öberg", vancouver, "öberg")
    event = AuditEvent.objects.get(action="user.changed")
    assert event.after == {"last_name": "Öberg", "location": "Vancouver"}


def test_what_someone_else_changed_meanwhile_is_neither_lost_nor_overwritten(admin: Any, user: User) -> None:
    path = f"/users/{user.pk}/profile/"
    opened = shown(admin, path)
    User.objects.filter(pk=user.pk).update(license="standard", first_name="Rosa")
    assert admin.post(path, opened | {"last_name": "Öberg"}).status_code == 302
    row = User.objects.get(pk=user.pk)
    assert (row.first_name, row.last_name, row.license) == ("Rosa", "Öberg", "standard")
    answer = admin.post(path, opened | {"first_name": "Linda"})
    assert answer.status_code == 409
    assert "Someone else changed this while you had the page open. It is “Rosa” now." in text_of(answer)
    assert User.objects.get(pk=user.pk).first_name == "Rosa"
    assert 'value="Linda"' in answer.content.decode()
    again = {field.html_name: field.value() for field in answer.context["form"]}
    hidden = dict(re.findall(r'name="(initial-\w+)" value="([^"]*)"', answer.content.decode()))
    assert admin.post(path, {name: value or "" for name, value in again.items()} | hidden).status_code == 302
    assert User.objects.get(pk=user.pk).first_name == "Linda"


def test_what_is_refused_is_said_beside_its_field_and_what_was_typed_is_kept(
    admin: Any, user: User, stranger: User
) -> None:
    answer = save(admin, user, email=stranger.email.upper(), first_name="Typed")
    assert answer.status_code == 422
    page = text_of(answer)
    assert "Another account has this e-mail address. Choose a different one." in page
    assert 'value="Typed"' in page
    assert 'aria-invalid="true"' in page
    assert answer.context["form"].errors.keys() == {"email"}


def test_a_new_address_is_told_to_the_old_one(admin: Any, user: User, officer: User) -> None:
    old = user.email
    save(admin, user, email="new@example.com")
    assert set(Mail.objects.values_list("address", flat=True)) == {old, officer.email}


def test_a_user_is_created_invited_and_shown(admin: Any, organization: Organization, vancouver: Location) -> None:
    typed = {
        "first_name": "Åsa", "last_name": "Öberg", "email": "asa@example.com", "location": str(vancouver.pk),
        "license": "professional", "invite": "on",
    }  # fmt: skip
    answer = admin.post("/users/new/", typed, follow=True)
    person = User.objects.get(email_key="asa@example.com")
    assert answer.redirect_chain == [(f"/users/{person.pk}/", 302)]
    assert "An invitation is on its way to asa@example.com." in text_of(answer)
    assert "Invited, not activated yet" in text_of(answer)
    assert Mail.objects.get(kind="invitation").recipient == person
    assert not person.has_usable_password()


def test_a_user_can_be_created_now_and_invited_later(admin: Any, organization: Organization) -> None:
    admin.post("/users/new/", {"email": "asa@example.com", "license": "none"})
    person = User.objects.get(email_key="asa@example.com")
    assert not Mail.objects.exists()
    assert "Not invited yet" in text_of(admin.get(f"/users/{person.pk}/"))
    answer = admin.post(f"/users/{person.pk}/invitation/", follow=True)
    assert "An invitation is on its way to asa@example.com." in text_of(answer)
    assert Mail.objects.get().kind == "invitation"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({}, "email"),
        ({"email": "asa"}, "email"),
        ({"email": "asa@example.com", "license": "gold"}, "license"),
        ({"email": "asa@example.com", "first_name": "x" * 101}, "first_name"),
        ({"email": "asa@example.com", "location": "5f1d2f1c-0000-7000-8000-000000000000"}, "location"),
    ],
)
def test_a_user_is_not_created_of_what_is_no_good(admin: Any, typed: dict[str, str], field: str) -> None:
    before = User.objects.count()
    answer = admin.post("/users/new/", {"license": "none", **typed})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert "The user wasn’t created" in text_of(answer)
    assert User.objects.count() == before


def test_a_location_administrator_chooses_among_the_named_locations_only(
    user: User, organization: Organization, vancouver: Location, signed_in_as: Any
) -> None:
    browser = bound_to(user.location, signed_in_as)
    page = text_of(browser.get("/users/new/"))
    assert user.location.name in page
    assert "Vancouver" not in page
    assert "No location" not in page
    typed = {"email": "asa@example.com", "license": "none"}
    assert browser.post("/users/new/", {**typed, "location": str(vancouver.pk)}).status_code == 422
    assert browser.post("/users/new/", typed).status_code == 422
    assert browser.post("/users/new/", {**typed, "location": str(user.location_id)}).status_code == 302
    assert save(browser, user, location=str(vancouver.pk)).status_code == 422
    assert User.objects.get(pk=user.pk).location == user.location


def test_the_confirm_page_says_what_happens_and_deactivating_does_it(admin: Any, user: User, signed_in_as: Any) -> None:
    victim = signed_in_as(user)
    assert victim.get("/inbox/").status_code == 200
    path = f"/users/{user.pk}/deactivate/"
    page = text_of(admin.get(path))
    for words in ("Every session of the user ends at once", "Messages, history and the audit log stay", "Keep it"):
        assert words in page
    answer = admin.post(path, {"number": "keep"}, follow=True)
    assert f"{user.display_name} is deactivated." in text_of(answer)
    assert "This user is deactivated" in text_of(answer)
    assert victim.get("/inbox/")["Location"].startswith("/sign-in/")
    assert User.objects.get(pk=user.pk).primary_number == user.primary_number


def test_the_number_is_released_when_that_is_chosen(admin: Any, user: User) -> None:
    number = user.primary_number
    assert admin.post(f"/users/{user.pk}/deactivate/", {"number": "release"}).status_code == 302
    number.refresh_from_db()
    assert number.user_id is None


def test_reactivating_says_what_comes_back(admin: Any, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    path = f"/users/{user.pk}/reactivate/"
    assert "Sessions and API tokens from before stay ended." in text_of(admin.get(path))
    answer = admin.post(path, follow=True)
    assert f"{user.display_name} is active again." in text_of(answer)
    assert User.objects.get(pk=user.pk).is_active


def test_who_can_not_be_deactivated_is_said_before_anybody_tries(admin: Any, full_admin: User) -> None:
    path = f"/users/{full_admin.pk}/deactivate/"
    page = text_of(admin.get(path))
    assert "You can’t deactivate yourself." in page
    assert ">Deactivate</button>" not in page
    assert admin.post(path).status_code == 422
    assert User.objects.get(pk=full_admin.pk).is_active


def test_deactivating_the_last_officer_says_what_that_means(admin: Any, officer: User) -> None:
    assert "The user is the last compliance officer." in text_of(admin.get(f"/users/{officer.pk}/deactivate/"))
    factories.with_role(factories.UserFactory(organization=officer.organization, location=None), "compliance_officer")
    assert "the other officers are told by mail" in text_of(admin.get(f"/users/{officer.pk}/deactivate/"))


def test_reading_a_page_writes_nothing(admin: Any, user: User) -> None:
    for page in ("", "profile/", "deactivate/", "reactivate/", "activity/", "roles/", "number/"):
        admin.get(f"/users/{user.pk}/{page}")
    assert not AuditEvent.objects.exclude(action__startswith="user.sign").exists()


def test_activity_shows_what_administrators_changed_and_no_look_at_contents(
    admin: Any, user: User, full_admin: User
) -> None:
    save(admin, user, first_name="Rosa")
    admin.post(f"/users/{user.pk}/calling/", {"mode": "override", "was": "default"})
    last = AuditEvent.objects.order_by("-sequence").first()
    assert last is not None
    AuditEvent.objects.create(
        chain="x", sequence=1, organization=user.organization, action="messages.read", target_type="user",
        target_id=str(user.pk), content_access=True, happened_at=NOW + timedelta(days=1), via="portal", hash="",
    )  # fmt: skip
    page = text_of(admin.get(f"/users/{user.pk}/activity/"))
    actions = re.findall(r'data-action="([^"]+)"', page)
    assert actions == ["user.texting_changed", "user.changed"]
    assert f"first name: {user.first_name} → Rosa" in page
    assert full_admin.display_name in page


def test_activity_hides_sign_ins_and_what_others_were_changed(admin: Any, user: User, full_admin: User) -> None:
    page = text_of(admin.get(f"/users/{full_admin.pk}/activity/"))
    assert AuditEvent.objects.filter(action="user.signed_in").exists()
    assert "No changes yet" in page


def test_activity_names_no_place_beyond_the_reach_of_who_looks(
    admin: Any, user: User, vancouver: Location, signed_in_as: Any
) -> None:
    old = user.location
    save(admin, user, location=str(vancouver.pk))
    page = text_of(bound_to(vancouver, signed_in_as).get(f"/users/{user.pk}/activity/"))
    assert "location: another location → Vancouver" in page
    assert old.name not in page
    assert f"location: {old.name} → Vancouver" in text_of(admin.get(f"/users/{user.pk}/activity/"))
