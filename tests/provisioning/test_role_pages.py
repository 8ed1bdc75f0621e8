"""Management > Administrators, and a user's Roles tab."""

from __future__ import annotations

import re
from typing import Any

import pytest

from compliance.models import AuditEvent
from provisioning.models import Mail, Organization, RoleAssignment, User
from tests import factories


@pytest.fixture
def admin(full_admin: User, signed_in_as: Any) -> Any:
    full_admin.first_name, full_admin.last_name = "Maya", "Okafor"
    full_admin.save()
    return signed_in_as(full_admin)


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def named(organization: Organization, last_name: str, role: str, *locations: Any, **fields: Any) -> User:
    person = factories.UserFactory(
        organization=organization, location=None, first_name="", last_name=last_name, **fields
    )
    for location in locations or (None,):
        factories.with_role(person, role, location)
    return person


def names(response: Any) -> list[str]:
    return re.findall(r'<th role="rowheader" scope="row" class="name"><a [^>]*>([^<]*)</a>', response.content.decode())


def test_administrators_are_listed_by_name_with_every_role(admin: Any, organization: Organization, user: User) -> None:
    second = factories.LocationFactory(organization=organization, name="Zurich")
    named(organization, "Adams", "location_admin", second, user.location)
    named(organization, "Zed", "compliance_officer", is_active=False)
    answer = admin.get("/administrators/")
    assert names(answer) == ["Adams", "Maya Okafor", "Zed"]
    page = text_of(answer)
    assert f"Location administrator, {user.location.name}<br>Location administrator, Zurich" in page
    assert "3 administrators" in page
    assert "Deactivated" in page


def test_administrators_are_filtered_by_role_location_and_name(
    admin: Any, organization: Organization, user: User
) -> None:
    named(organization, "Adams", "location_admin", user.location)
    named(organization, "Brown", "user_admin")
    assert names(admin.get("/administrators/?role=location_admin")) == ["Adams"]
    assert names(admin.get(f"/administrators/?location={user.location_id}")) == ["Adams"]
    assert names(admin.get("/administrators/?q=BROW")) == ["Brown"]
    assert names(admin.get("/administrators/?role=compliance_officer")) == []
    assert "No administrators match" in text_of(admin.get("/administrators/?q=nobody"))
    assert names(admin.get("/administrators/?role=king")) == ["Adams", "Brown", "Maya Okafor"]


def test_the_administrators_of_others_are_not_listed(admin: Any, stranger: User) -> None:
    factories.with_role(stranger, "full_admin")
    assert names(admin.get("/administrators/")) == ["Maya Okafor"]


def test_a_hundred_administrators_take_as_many_queries_as_one(
    admin: Any, organization: Organization, django_assert_max_num_queries: Any
) -> None:
    places = [factories.LocationFactory(organization=organization) for _ in range(3)]
    for number in range(60):
        named(organization, f"Admin {number:02d}", "location_admin", *places)
    admin.get("/administrators/")
    with django_assert_max_num_queries(9):
        answer = admin.get("/administrators/")
    assert len(names(answer)) == 50
    assert len(names(admin.get("/administrators/?page=2"))) == 11


def test_a_role_is_given_and_shown(admin: Any, user: User) -> None:
    path = f"/users/{user.pk}/roles/"
    answer = admin.post(path, {"role": "user_admin"}, follow=True)
    assert f"{user.display_name} has the role User administrator." in text_of(answer)
    assert 'data-role="user_admin"' in text_of(answer)
    assert AuditEvent.objects.get(action="role.assigned").after == {"role": "User administrator"}


def test_what_is_refused_is_said_and_the_choice_kept(admin: Any, user: User, full_admin: User) -> None:
    path = f"/users/{user.pk}/roles/"
    answer = admin.post(path, {"role": "compliance_officer"})
    assert answer.status_code == 422
    assert "Your provider names the first compliance officer." in text_of(answer)
    assert 'value="compliance_officer" checked' in text_of(answer)
    answer = admin.post(path, {"role": "location_admin"})
    assert "Choose the location to administer." in text_of(answer)
    own = admin.post(f"/users/{full_admin.pk}/roles/", {"role": "compliance_officer"})
    assert "Nobody makes themselves a compliance officer." in text_of(own)
    assert admin.post(path, {}).status_code == 422
    assert not RoleAssignment.objects.filter(user=user).exists()


def test_a_role_is_taken_back_after_a_confirm_page(admin: Any, user: User) -> None:
    held = factories.with_role(user, "location_admin", user.location).role_assignments.get()
    path = f"/users/{user.pk}/roles/{held.pk}/remove/"
    page = text_of(admin.get(path))
    assert f"Remove Location administrator of {user.location.name} from {user.display_name}?" in page
    assert RoleAssignment.objects.filter(pk=held.pk).exists()
    answer = admin.post(path, follow=True)
    assert answer.redirect_chain == [(f"/users/{user.pk}/roles/", 302)]
    assert not RoleAssignment.objects.filter(pk=held.pk).exists()
    assert admin.post(path).status_code == 404


def test_the_last_full_administrator_keeps_the_role(admin: Any, full_admin: User) -> None:
    held = full_admin.role_assignments.get()
    path = f"/users/{full_admin.pk}/roles/{held.pk}/remove/"
    assert "This is your own role." in text_of(admin.get(path))
    answer = admin.post(path)
    assert answer.status_code == 422
    assert "The last full administrator keeps the role." in text_of(answer)


def test_who_takes_the_own_role_away_lands_where_they_may_be(
    admin: Any, full_admin: User, organization: Organization
) -> None:
    named(organization, "Second", "full_admin")
    held = full_admin.role_assignments.get()
    answer = admin.post(f"/users/{full_admin.pk}/roles/{held.pk}/remove/", follow=True)
    assert answer.status_code == 200
    assert admin.get("/administrators/").status_code == 403


def test_removing_the_last_officer_says_what_that_means_and_mails_them(admin: Any, officer: User) -> None:
    held = officer.role_assignments.get()
    path = f"/users/{officer.pk}/roles/{held.pk}/remove/"
    assert "This is the last compliance officer." in text_of(admin.get(path))
    admin.post(path)
    assert Mail.objects.get(kind="officer_removed").address == officer.email


def test_a_read_only_administrator_sees_roles_and_no_way_to_change_them(
    user: User, organization: Organization, signed_in_as: Any
) -> None:
    held = factories.with_role(user, "user_admin").role_assignments.get()
    browser = signed_in_as(named(organization, "Reader", "read_only_admin"))
    page = text_of(browser.get(f"/users/{user.pk}/roles/"))
    assert "User administrator" in page
    assert "Add role" not in page
    assert "/remove/" not in page
    assert browser.post(f"/users/{user.pk}/roles/", {"role": "full_admin"}).status_code == 403
    assert browser.post(f"/users/{user.pk}/roles/{held.pk}/remove/").status_code == 403


def test_the_role_of_one_user_is_not_removed_at_the_address_of_another(admin: Any, user: User, stranger: User) -> None:
    other = factories.UserFactory(organization=user.organization, location=None)
    held = factories.with_role(user, "user_admin").role_assignments.get()
    theirs = factories.with_role(stranger, "user_admin").role_assignments.get()
    for person, role in ((other, held), (user, theirs), (stranger, theirs)):
        assert admin.post(f"/users/{person.pk}/roles/{role.pk}/remove/").status_code == 404
    assert RoleAssignment.objects.filter(pk__in=[held.pk, theirs.pk]).count() == 2
