"""Creating and editing people, one and five hundred at once."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from provisioning.changes import Actor
from provisioning.models import Location, Mail, Organization, User
from provisioning.people import (
    BATCH,
    create_people,
    create_person,
    edit_person,
    lock_people,
    plan_edit,
    refusals_of,
    refusals_of_new,
    write_edits,
)
from provisioning.refusals import Refusal
from tests import factories
from tests.factories import NOW
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


def by(person: User) -> Actor:
    return Actor.of_user(person, via="portal")


def place(organization: Organization, name: str = "Vancouver") -> Location:
    return factories.LocationFactory(organization=organization, name=name)


def administrator(organization: Organization, role: str, location: Location | None = None) -> User:
    return factories.with_role(factories.UserFactory(organization=organization, location=None), role, location)


def refused(wanted: dict[str, Any], user: User, actor: Actor = SYSTEM) -> Refusal:
    with pytest.raises(Refusal) as caught:
        edit_person(user, wanted, actor, NOW)
    return caught.value


def test_an_edit_holds_only_what_differs_in_readable_values(user: User, organization: Organization) -> None:
    vancouver, before = place(organization), user.location
    assert before is not None
    edit = plan_edit(user, {"first_name": user.first_name, "location": vancouver, "license": "standard"})
    assert edit is not None
    assert edit.before == {"location": before.name, "license": "Webex Calling Professional"}
    assert edit.after == {"location": "Vancouver", "license": "Webex Calling Standard"}


def test_what_is_already_so_is_no_edit_and_leaves_no_event(user: User) -> None:
    wanted = {"first_name": f"  {user.first_name} ", "email": user.email, "location": user.location}
    assert plan_edit(user, wanted) is None
    with recorded() as heard:
        edit_person(user, wanted, SYSTEM, NOW)
    assert heard == []


def test_an_edit_is_written_with_its_folded_columns_and_one_event(user: User, full_admin: User) -> None:
    with recorded() as heard:
        edit_person(user, {"first_name": "ÅSA", "last_name": "Öberg"}, by(full_admin), NOW)
    row = User.objects.get(pk=user.pk)
    assert (row.display_name, row.sort_name) == ("ÅSA Öberg", "öberg, åsa")
    assert row.search_text.startswith("åsa öberg ")
    (change,) = heard
    assert (change.action, change.target_id, change.organization_id) == (
        "user.changed", str(user.pk), user.organization_id,
    )  # fmt: skip
    assert change.after == {"first_name": "ÅSA", "last_name": "Öberg"}
    assert change.actor == by(full_admin)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"email": ""}, "email_required"),
        ({"email": "   "}, "email_required"),
        ({"email": "rosalind"}, "invalid_email"),
        ({"email": "a" * 250 + "@example.com"}, "invalid_email"),
        ({"email": "rosalind@exa\x00mple.com"}, "control_characters"),
        ({"email": "a@" + "ﷺ" * 20 + ".com"}, "invalid_email"),
        ({"first_name": "x" * 101}, "name_too_long"),
        ({"first_name": "Rosa\x00lind"}, "control_characters"),
        ({"last_name": "\ud83d"}, "control_characters"),
        ({"license": "gold"}, "unknown_license"),
        ({"license": None}, "unknown_license"),
        ({"license": ["professional"]}, "unknown_license"),
    ],
)
def test_a_value_that_is_no_good_is_refused_with_its_field(user: User, wanted: dict[str, Any], code: str) -> None:
    refusal = refused(wanted, user)
    assert (refusal.code, refusal.extra["field"]) == (code, next(iter(wanted)))
    assert refusal.sentence.endswith(".")


def test_a_field_that_is_none_of_a_person_is_a_mistake_of_ours(user: User) -> None:
    with pytest.raises(KeyError):
        plan_edit(user, {"is_active": False})


def test_a_location_of_another_organization_is_not_there(user: User, stranger: User) -> None:
    assert refused({"location": stranger.location}, user).code == "unknown_location"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=120))
def test_whatever_is_typed_as_a_name_is_stored_or_refused(typed: str) -> None:
    user = User(email="a@example.com", organization_id=None)
    try:
        edit = plan_edit(user, {"last_name": typed})
    except Refusal:
        return
    stored = edit.values["last_name"] if edit else ""
    assert stored == " ".join(typed.split())
    assert len(stored) <= 100
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in stored)


def test_an_address_is_unique_without_regard_to_case_and_across_organizations(user: User, stranger: User) -> None:
    refusal = refused({"email": stranger.email.upper()}, user)
    assert (refusal.code, refusal.extra["field"]) == ("email_taken", "email")


def test_an_address_may_change_its_capital_letters_and_nobody_is_mailed(user: User, officer: User) -> None:
    edit_person(user, {"email": user.email.upper()}, SYSTEM, NOW)
    assert User.objects.get(pk=user.pk).email == user.email.upper()
    assert not Mail.objects.exists()


def test_a_new_address_is_told_to_the_old_one_and_to_every_active_officer(
    user: User, officer: User, full_admin: User, organization: Organization, stranger: User
) -> None:
    old = user.email
    factories.with_role(stranger, "compliance_officer")
    gone = administrator(organization, "compliance_officer")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    edit_person(user, {"email": "new@example.com"}, by(full_admin), NOW)
    mails = list(Mail.objects.all())
    assert {(mail.kind, mail.address) for mail in mails} == {("email_changed", old), ("emails_changed", officer.email)}
    for mail in mails:
        assert "new@example.com" in mail.text
        assert full_admin.email in mail.text


def test_nothing_is_mailed_when_the_change_is_undone(user: User) -> None:
    with transaction.atomic():
        edit_person(user, {"email": "new@example.com"}, SYSTEM, NOW)
        transaction.set_rollback(True)
    assert not Mail.objects.exists()
    assert User.objects.get(pk=user.pk).email == user.email


@pytest.mark.parametrize("role", ["full_admin", "read_only_admin", "user_admin"])
def test_the_address_of_an_administrator_takes_a_full_administrator(
    full_admin: User, organization: Organization, role: str
) -> None:
    target, user_admin = administrator(organization, role), administrator(organization, "user_admin")
    refusal = refused({"email": "new@example.com"}, target, by(user_admin))
    assert (refusal.code, refusal.extra["field"]) == ("administrator_email", "email")
    edit_person(target, {"first_name": "Still"}, by(user_admin), NOW)
    edit_person(target, {"email": "new@example.com"}, by(full_admin), NOW)


def test_the_address_of_an_officer_is_changed_by_nobody_here(officer: User, full_admin: User) -> None:
    factories.with_role(officer, "full_admin")
    for administrator_ in (full_admin, officer):
        assert refused({"email": "new@example.com"}, officer, by(administrator_)).code == "officer_email"


def test_a_location_administrator_moves_people_between_the_named_locations_only(
    user: User, organization: Organization
) -> None:
    ours, elsewhere = user.location, place(organization, "Elsewhere")
    second = place(organization, "Second")
    admin = administrator(organization, "location_admin", ours)
    factories.with_role(admin, "location_admin", second)
    assert refused({"location": elsewhere}, user, by(admin)).code == "unknown_location"
    assert refused({"location": None}, user, by(admin)).code == "location_required"
    moved = edit_person(user, {"location": second}, by(admin), NOW)
    assert moved.location == second
    there = factories.UserFactory(organization=organization, location=elsewhere)
    assert refused({"location": ours}, there, by(admin)).code == "unknown_location"
    assert refused({"first_name": "Mine"}, there, by(admin)).code == "unknown_location"


def test_a_location_administrator_who_lost_the_location_meanwhile_changes_nothing(
    user: User, organization: Organization
) -> None:
    admin = administrator(organization, "location_admin", user.location)
    actor = by(admin)
    admin.role_assignments.all().delete()
    assert refused({"first_name": "Mine"}, user, actor).code == "unknown_location"


def test_a_deactivated_administrator_reaches_nobody(user: User, full_admin: User) -> None:
    User.objects.filter(pk=full_admin.pk).update(is_active=False)
    assert refused({"first_name": "Mine"}, user, by(full_admin)).code == "unknown_location"


def test_two_who_want_one_address_in_a_batch_are_told_apart(organization: Organization, full_admin: User) -> None:
    people = [factories.UserFactory(organization=organization, location=None) for _ in range(3)]
    with transaction.atomic():
        rows = lock_people(person.pk for person in people)
        edits = [
            plan_edit(row, {"email": email}) for row, email in zip(rows, ["a@x.io", "A@x.io", "b@x.io"], strict=True)
        ]
        found = refusals_of([edit for edit in edits if edit], by(full_admin))
    assert [refusal and refusal.code for refusal in found] == [None, "email_taken", None]


def test_writing_what_is_refused_raises_and_writes_nothing(user: User, stranger: User, full_admin: User) -> None:
    rows = [user, full_admin]
    plans = [plan_edit(row, {"first_name": "X", "email": stranger.email}) for row in rows]
    with pytest.raises(Refusal):
        write_edits([plan for plan in plans if plan], SYSTEM, NOW)
    assert not User.objects.filter(first_name="X").exists()


@pytest.fixture
def large(organization: Organization) -> list[User]:
    people = [
        User(organization=organization, email=f"p{n}@example.com", first_name="P", last_name=str(n))
        for n in range(BATCH)
    ]
    for person in people:
        person.fold()
    return User.objects.bulk_create(people)


def test_five_hundred_edits_cost_as_many_queries_as_one(
    large: list[User], organization: Organization, full_admin: User, officer: User, django_assert_max_num_queries: Any
) -> None:
    vancouver = place(organization)
    actor = by(full_admin)
    # Locking, the actor, roles, addresses, the rows (SQLite takes 9 statements), officers, mails, the audit chain.
    with django_assert_max_num_queries(75) as queries, transaction.atomic():
        rows = lock_people(person.pk for person in large)
        wanted = [{"location": vancouver, "email": f"q{n}@example.com"} for n in range(BATCH)]
        plans = [plan_edit(row, want) for row, want in zip(rows, wanted, strict=True)]
        write_edits([plan for plan in plans if plan], actor, NOW)
    reads = [query for query in queries.captured_queries if query["sql"].startswith("SELECT")]
    assert len(reads) <= 10
    assert organization.users.filter(location=vancouver).count() == BATCH
    assert Mail.objects.count() == BATCH + 1
    told = Mail.objects.get(recipient=officer)
    assert "500 e-mail addresses were changed" in told.subject
    assert "and 450 more" in told.text


def test_more_than_a_batch_is_a_mistake_of_ours(organization: Organization) -> None:
    with pytest.raises(ValueError, match="500"):
        create_people(organization, [{"email": f"{n}@x.io"} for n in range(BATCH + 1)], SYSTEM, NOW, invite=False)


def test_a_new_person_has_no_usable_password_and_one_event(organization: Organization, full_admin: User) -> None:
    vancouver = place(organization)
    wanted = {"first_name": " Åsa ", "last_name": "Öberg", "email": "Asa@Example.com", "location": vancouver}
    with recorded() as heard:
        person = create_person(organization, {**wanted, "license": "professional"}, by(full_admin), NOW, invite=False)
    row = User.objects.get(pk=person.pk)
    assert (row.first_name, row.email, row.email_key) == ("Åsa", "Asa@Example.com", "asa@example.com")
    assert (row.organization, row.location, row.license, row.is_active) == (
        organization,
        vancouver,
        "professional",
        True,
    )
    assert not row.has_usable_password()
    assert row.texting_setting == "default"
    (change,) = [change for change in heard if change.action == "user.created"]
    assert change.after == {
        "first_name": "Åsa", "last_name": "Öberg", "email": "Asa@Example.com", "location": "Vancouver",
        "license": "Webex Calling Professional",
    }  # fmt: skip


def test_new_people_are_refused_one_by_one(organization: Organization, stranger: User) -> None:
    wanteds = [
        {"email": "a@x.io"},
        {"email": "A@X.io"},
        {"email": stranger.email},
        {"first_name": "Nobody"},
        {"email": "b@x.io", "location": stranger.location},
        {"email": "b@x.io"},
    ]
    found = refusals_of_new(organization, wanteds, SYSTEM)
    assert [refusal and refusal.code for refusal in found] == [
        None, "email_taken", "email_taken", "email_required", "unknown_location", None,
    ]  # fmt: skip


def test_a_location_administrator_creates_people_at_the_named_locations_only(organization: Organization) -> None:
    ours, theirs = place(organization, "Ours"), place(organization, "Theirs")
    actor = by(administrator(organization, "location_admin", ours))
    wanteds = [{"email": "a@x.io", "location": at} for at in (ours, theirs, None)]
    found = refusals_of_new(organization, wanteds, actor)
    assert [refusal and refusal.code for refusal in found] == [None, "unknown_location", "location_required"]


def test_five_hundred_new_people_take_a_handful_of_queries(
    organization: Organization, full_admin: User, django_assert_max_num_queries: Any
) -> None:
    actor = by(full_admin)
    wanteds = [{"email": f"n{n}@example.com", "first_name": "N"} for n in range(BATCH)]
    with django_assert_max_num_queries(60) as queries:
        assert len(create_people(organization, wanteds, actor, NOW, invite=False)) == BATCH
    assert len([query for query in queries.captured_queries if query["sql"].startswith("SELECT")]) <= 5
