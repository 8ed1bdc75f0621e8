"""Applying an import: good rows whole, bad rows not at all, and nothing that the preview did not show."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from provisioning import csv_applying, csv_imports, texting
from provisioning.changes import Actor
from provisioning.models import (
    ImportRow,
    Location,
    Mail,
    Organization,
    PhoneNumber,
    Session,
    TaskState,
    User,
    UserImport,
)
from provisioning.refusals import Refusal
from tests import factories
from tests.factories import NOW
from tests.provisioning.csv_uploads import applied, exported, file_of, planned, uploaded
from tests.provisioning.recorded import recorded
from tests.task_runs import outcomes, run_to_end

pytestmark = pytest.mark.django_db

HEADER = ["Email", "First Name", "Location", "License", "Primary Number", "Business Texting", "Status"]


@pytest.fixture
def place(organization: Organization) -> Location:
    return factories.LocationFactory(organization=organization, name="San Francisco headquarters")


@pytest.fixture
def ana(place: Location) -> User:
    return factories.UserFactory(location=place, email="ana@example.com", first_name="Ana", last_name="Müller")


@pytest.fixture
def ben(place: Location) -> User:
    return factories.UserFactory(location=place, email="ben@example.com", first_name="Ben")


def number(place: Location, e164: str, **fields: Any) -> Any:
    return factories.PhoneNumberFactory(organization=place.organization, location=place, e164=e164, **fields)


def fresh(user: User) -> User:
    return User.objects.select_related("location", "primary_number").get(pk=user.pk)


def names_to(*pairs: tuple[User | str, str]) -> bytes:
    rows = [[person if isinstance(person, str) else person.email, name] for person, name in pairs]
    return file_of(*rows, header=["Email", "First Name"])


def test_every_column_of_a_row_is_written_and_each_write_is_audited(
    full_admin: User, ana: User, place: Location, organization: Organization
) -> None:
    hall = factories.LocationFactory(organization=organization, name="Town hall")
    number(place, "+14155550101", user=ana)
    number(place, "+14155550102")
    row = ["ana@example.com", "Anna", "Town hall", "standard", "4155550102", "off", ""]
    made = uploaded(full_admin, file_of(row, header=HEADER))
    with recorded() as heard:
        task = applied(full_admin, made)
    after = fresh(ana)
    assert (after.first_name, after.location, after.license) == ("Anna", hall, "standard")
    assert (after.texting_setting, after.primary_number.e164) == ("off", "+14155550102")
    assert (task.state, task.changed, task.refused) == (TaskState.DONE, 1, 0)
    actions = [change.action for change in heard if not change.action.startswith("task.")]
    assert actions == ["user.changed", "user.texting_changed", "user.primary_number_changed"]


def test_new_users_are_created_with_everything_the_row_says_and_invited(
    full_admin: User, ana: User, place: Location
) -> None:
    number(place, "+14155550102")
    row = ["New@Example.com", "Nia", place.name, "Professional", "+14155550102", "on", "Active"]
    task = applied(full_admin, uploaded(full_admin, file_of(row, header=HEADER)))
    created = User.objects.get(email_key="new@example.com")
    assert (created.email, created.first_name, created.location) == ("New@Example.com", "Nia", place)
    assert (created.license, created.texting_setting) == ("professional", "on")
    assert (created.primary_number.e164, created.has_usable_password()) == ("+14155550102", False)
    assert outcomes(task) == [(2, "New@Example.com", "changed", "")]
    assert Mail.objects.filter(recipient=created, kind="invitation").count() == 1


def test_new_users_are_not_invited_when_that_was_chosen(full_admin: User, place: Location) -> None:
    applied(full_admin, uploaded(full_admin, names_to(("new@example.com", "Nia")), invite=False))
    assert User.objects.filter(email_key="new@example.com").exists()
    assert not Mail.objects.exists()


def test_deactivating_ends_sessions_and_reactivating_gives_the_account_back(
    full_admin: User, ana: User, ben: User, signed_in_as: Any
) -> None:
    browser = signed_in_as(ana)
    User.objects.filter(pk=ben.pk).update(is_active=False)
    rows = [["ana@example.com", "Deactivated"], ["ben@example.com", "active"]]
    applied(full_admin, uploaded(full_admin, file_of(*rows, header=["Email", "Status"])))
    assert (fresh(ana).is_active, fresh(ben).is_active) == (False, True)
    assert browser.get("/inbox/").status_code == 302
    assert not Session.objects.filter(user=ana).exists()


def test_good_rows_apply_and_bad_rows_do_not(full_admin: User, ana: User, ben: User) -> None:
    rows = [["ana@example.com", "Anna", ""], ["ben@example.com", "Benny", "Atlantis"], ["", "x", ""]]
    task = applied(full_admin, uploaded(full_admin, file_of(*rows, header=["Email", "First Name", "Location"])))
    assert (fresh(ana).first_name, fresh(ben).first_name) == ("Anna", "Ben")
    assert outcomes(task) == [
        (2, "ana@example.com", "changed", ""),
        (3, "ben@example.com", "refused", "unknown_location"),
        (4, "", "refused", "email_required"),
    ]
    refused = task.rows.get(position=3)
    assert (refused.column, "Atlantis" in refused.sentence) == ("Location", True)


def test_the_same_file_twice_changes_nothing(full_admin: User, ana: User, place: Location) -> None:
    number(place, "+14155550102")
    row = ["ana@example.com", "Anna", place.name, "standard", "(415) 555-0102", "off", "Active"]
    content = file_of(row, ["new@example.com", "N", "", "", "", "", ""], header=HEADER)
    applied(full_admin, uploaded(full_admin, content))
    with recorded() as heard:
        second = uploaded(full_admin, content)
        task = applied(full_admin, second)
    assert planned(second) == [(2, "same"), (3, "same")]
    assert {change.action for change in heard} <= {"task.started", "task.finished"}
    assert (task.changed, task.refused, Mail.objects.filter(kind="invitation").count()) == (0, 0, 1)


class TestSinceThePreview:
    def test_a_value_that_somebody_else_changed_stays_theirs(self, full_admin: User, ana: User) -> None:
        made = uploaded(full_admin, names_to((ana, "Anna")))
        User.objects.filter(pk=ana.pk).update(first_name="Annika")
        task = applied(full_admin, made)
        assert fresh(ana).first_name == "Annika"
        assert outcomes(task) == [(2, ana.email, "refused", "changed_meanwhile")]
        assert "“Annika”" in task.rows.get().sentence

    def test_a_row_that_would_have_changed_nothing_changes_nothing(self, full_admin: User, ana: User) -> None:
        made = uploaded(full_admin, names_to((ana, "Ana")))
        User.objects.filter(pk=ana.pk).update(first_name="Annika")
        assert outcomes(applied(full_admin, made)) == [(2, ana.email, "refused", "changed_meanwhile")]

    def test_what_somebody_else_did_already_is_not_done_again(self, full_admin: User, ana: User) -> None:
        made = uploaded(full_admin, names_to((ana, "Anna")))
        User.objects.filter(pk=ana.pk).update(first_name="Anna")
        with recorded() as heard:
            task = applied(full_admin, made)
        assert outcomes(task) == [(2, ana.email, "unchanged", "")]
        assert not [change for change in heard if change.action == "user.changed"]

    def test_the_rest_of_a_change_is_still_made(self, full_admin: User, ana: User) -> None:
        made = uploaded(
            full_admin, file_of([ana.email, "Anna", "off"], header=["Email", "First Name", "Business Texting"])
        )
        User.objects.filter(pk=ana.pk).update(first_name="Anna")
        assert outcomes(applied(full_admin, made)) == [(2, ana.email, "changed", "")]
        assert fresh(ana).texting_setting == "off"

    def test_a_user_who_was_created_is_not_changed_unseen(self, full_admin: User, place: Location) -> None:
        made = uploaded(full_admin, names_to(("new@example.com", "Nia")))
        factories.UserFactory(location=place, email="new@example.com", first_name="Norma")
        assert outcomes(applied(full_admin, made)) == [(2, "new@example.com", "refused", "changed_meanwhile")]
        assert User.objects.get(email_key="new@example.com").first_name == "Norma"

    def test_a_user_whose_address_changed_is_not_created_again(self, full_admin: User, ana: User) -> None:
        made = uploaded(full_admin, names_to((ana, "Anna")))
        ana.email = "other@example.com"
        ana.save()
        assert outcomes(applied(full_admin, made)) == [(2, "ana@example.com", "refused", "changed_meanwhile")]
        assert not User.objects.filter(email_key="ana@example.com").exists()

    def test_a_number_that_was_given_away_is_told(
        self, full_admin: User, ana: User, ben: User, place: Location
    ) -> None:
        wanted = number(place, "+14155550102")
        made = uploaded(
            full_admin, file_of([ana.email, "Anna", "+14155550102"], header=["Email", "First Name", "Phone"])
        )
        PhoneNumber.objects.filter(pk=wanted.pk).update(user=ben)
        assert outcomes(applied(full_admin, made)) == [(2, ana.email, "refused", "number_taken")]
        assert fresh(ana).first_name == "Ana"

    def test_a_location_administrator_who_lost_a_location_no_longer_reaches_its_users(
        self, full_admin: User, ana: User, place: Location, organization: Organization
    ) -> None:
        hall = factories.LocationFactory(organization=organization)
        local = factories.with_role(factories.UserFactory(location=hall), "location_admin", place)
        factories.with_role(local, "location_admin", hall)
        made = uploaded(local, names_to((ana, "Anna")))
        local.role_assignments.filter(location=place).delete()
        assert outcomes(applied(local, made)) == [(2, ana.email, "refused", "email_taken")]
        assert fresh(ana).first_name == "Ana"

    def test_whoever_lost_the_role_ends_the_task(self, full_admin: User, ana: User) -> None:
        made = uploaded(full_admin, names_to((ana, "Anna")))
        administrator = User.objects.get(pk=full_admin.pk)
        task = csv_imports.apply(made, administrator, via="portal", ip=None, now=NOW)
        full_admin.role_assignments.all().delete()
        assert run_to_end(task).error_code == "requester_not_allowed"
        assert fresh(ana).first_name == "Ana"


def test_two_users_exchange_their_numbers(full_admin: User, ana: User, ben: User, place: Location) -> None:
    number(place, "+14155550101", user=ana)
    number(place, "+14155550102", user=ben)
    rows = [[ana.email, "+14155550102"], [ben.email, "+14155550101"]]
    task = applied(full_admin, uploaded(full_admin, file_of(*rows, header=["Email", "Primary Number"])))
    assert (fresh(ana).primary_number.e164, fresh(ben).primary_number.e164) == ("+14155550102", "+14155550101")
    assert task.changed == 2


def test_numbers_change_hands_from_one_step_to_the_next(
    full_admin: User, place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (csv_imports, csv_applying):
        monkeypatch.setattr(module, "CHUNK", 2)
    people = [factories.UserFactory(location=place) for _each in range(5)]
    numbers = [number(place, f"+1415555020{index}") for index in range(6)]
    PhoneNumber.objects.filter(pk__in=[row.pk for row in numbers[1:]]).update(user=None)
    for person, row in zip(people, numbers[1:], strict=True):
        PhoneNumber.objects.filter(pk=row.pk).update(user=person)
    rows = [[person.email, row.e164] for person, row in zip(people, numbers, strict=False)]
    made = uploaded(full_admin, file_of(*rows, header=["Email", "Primary Number"]))
    assert made.errors == 0
    assert applied(full_admin, made).changed == 5
    assert [fresh(person).primary_number.e164 for person in people] == [row.e164 for row in numbers[:5]]


def test_a_module_that_refuses_one_row_stops_neither_half_of_it_nor_the_others(
    full_admin: User, ana: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the organization could no longer switch on, an instant after the row was planned."""
    honest = texting.set_users_texting

    def refusing(users: Any, setting: str, actor: Actor, now: Any) -> list[Refusal | None]:
        late = Refusal("calling_plan", "No plan any longer.")
        answers = honest([user for user in users if user.pk != ana.pk], setting, actor, now)
        return [late if user.pk == ana.pk else answers.pop(0) for user in users]

    monkeypatch.setattr(csv_applying, "set_users_texting", refusing)
    header = ["Email", "First Name", "Business Texting"]
    made = uploaded(full_admin, file_of([ana.email, "Anna", "on"], [ben.email, "Benny", "on"], header=header))
    with recorded() as heard:
        task = applied(full_admin, made)
    assert outcomes(task) == [(2, ana.email, "refused", "calling_plan"), (3, ben.email, "changed", "")]
    assert (fresh(ana).first_name, fresh(ana).texting_setting) == ("Ana", "default")
    assert (fresh(ben).first_name, fresh(ben).texting_setting) == ("Benny", "on")
    assert heard


def test_a_refusal_that_names_no_row_is_found_by_halves(
    full_admin: User, ana: User, ben: User, place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if somebody created one of the new users while they were being created."""
    honest = csv_applying.create_people

    def creating(organization: Any, wanteds: Any, *arguments: Any, **options: Any) -> list[User]:
        if any(wanted["email"] == "second@example.com" for wanted in wanteds):
            raise Refusal("email_taken", "Taken.", field="email")
        created: list[User] = honest(organization, wanteds, *arguments, **options)
        return created

    monkeypatch.setattr(csv_applying, "create_people", creating)
    made = uploaded(full_admin, names_to(("first@example.com", "F"), ("second@example.com", "S"), (ana, "Anna")))
    assert outcomes(applied(full_admin, made)) == [
        (2, "first@example.com", "changed", ""),
        (3, "second@example.com", "refused", "email_taken"),
        (4, ana.email, "changed", ""),
    ]


def test_clicking_apply_twice_starts_one_task(full_admin: User, ana: User) -> None:
    made = uploaded(full_admin, names_to((ana, "Anna")))
    administrator = User.objects.get(pk=full_admin.pk)
    first, second = (csv_imports.apply(made, administrator, via="portal", ip=None, now=NOW) for _each in range(2))
    assert first.pk == second.pk


def test_an_import_that_is_being_applied_is_not_discarded(full_admin: User, ana: User) -> None:
    made = uploaded(full_admin, names_to((ana, "Anna")))
    administrator = User.objects.get(pk=full_admin.pk)
    task = csv_imports.apply(made, administrator, via="portal", ip=None, now=NOW)
    made.refresh_from_db()
    with pytest.raises(Refusal) as caught:
        csv_imports.discard(made)
    assert caught.value.code == "import_running"
    run_to_end(task)
    csv_imports.discard(UserImport.objects.get(pk=made.pk))
    assert not ImportRow.objects.exists()


def test_a_task_whose_rows_were_removed_says_so(full_admin: User, ana: User) -> None:
    made = uploaded(full_admin, names_to((ana, "Anna")))
    task = csv_imports.apply(made, User.objects.get(pk=full_admin.pk), via="portal", ip=None, now=NOW)
    ImportRow.objects.all().delete()
    UserImport.objects.all().delete()
    assert run_to_end(task).error_code == "import_gone"


def test_the_queries_of_a_step_do_not_grow_with_its_rows(full_admin: User, place: Location) -> None:
    def counted(rows: int) -> int:
        lines = []
        for index in range(rows):
            person = factories.UserFactory(location=place)
            e164 = f"+1415557{1000 + rows * 20 + index}"
            number(place, e164)
            lines.append([person.email, "X", "", "", e164, "off", ""])
            lines.append([f"new-{rows}-{index}@example.com", "N", place.name, "", "", "on", ""])
        made = uploaded(full_admin, file_of(*lines, header=HEADER))
        administrator = User.objects.get(pk=full_admin.pk)
        task = csv_imports.apply(made, administrator, via="portal", ip=None, now=NOW)
        with CaptureQueriesContext(connection) as captured:
            assert run_to_end(task).changed == rows * 2
        return len(captured)

    few = counted(2)
    assert counted(12) == few
    assert few <= 120


NAMES = st.one_of(
    st.sampled_from(
        [
            "=1+1",
            "+1",
            "-",
            "@SUM(A1)",
            "'t Hart",
            "''",
            "two\nlines",
            "a;b",
            'q"q',
            "אבג",
            "👩‍👩‍👧",
            " x ",
            "none",
            "# x",
            "\t",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
)


class TestARoundTrip(TestCase):
    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.tuples(NAMES, NAMES, NAMES, st.booleans()), min_size=1, max_size=4, unique_by=lambda row: row[2])
    )
    def test_an_export_of_any_users_imported_again_changes_nothing(
        self, people: list[tuple[str, str, str, bool]]
    ) -> None:
        organization = factories.OrganizationFactory()
        administrator = factories.with_role(
            factories.UserFactory(organization=organization, location=None), "full_admin"
        )
        for first, last, location, active in people:
            place = factories.LocationFactory(organization=organization, name=location or "x")
            person = factories.UserFactory(location=place, first_name=first, last_name=last, is_active=active)
            factories.PhoneNumberFactory(organization=organization, user=person)
        users = User.objects.filter(organization=organization).select_related("location")
        before = list(users.values())
        made = uploaded(administrator, exported(users))
        assert {action for _position, action in planned(made)} == {"same"}
        task = applied(administrator, made)
        assert (task.changed, task.refused) == (0, 0)
        assert list(users.values()) == before

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(
            st.sampled_from([
                "", "ana@example.com", "ANA@example.com", "new@example.com", "x", "=1", "\x01", "none", "on",
                "Deactivated", "+14155550101", "14155550101", "1.4E+10", "Atlantis", "standard", "a" * 300, "é", "'",
            ]),
            min_size=7, max_size=7,
        ),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    )  # fmt: skip
    def test_whatever_a_row_says_nothing_changes_without_apply(self, cells: list[str], wild: str) -> None:
        organization = factories.OrganizationFactory()
        administrator = factories.with_role(
            factories.UserFactory(organization=organization, location=None), "full_admin"
        )
        factories.UserFactory(location=factories.LocationFactory(organization=organization), email="ana@example.com")
        before = list(User.objects.order_by("pk").values())
        content = file_of(cells, [cells[0], wild, *cells[2:]], header=HEADER)
        try:
            made = uploaded(administrator, content)
        except Refusal as refusal:
            assert refusal.code.startswith("file_")  # noqa: PT017  (either answer is right)
        else:
            assert made.total in (1, 2)
        assert list(User.objects.order_by("pk").values()) == before
