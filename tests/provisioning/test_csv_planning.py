"""What a file would do is told row by row, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from provisioning import csv_imports
from provisioning.models import ImportRow, Location, Organization, Task, User, UserImport
from provisioning.refusals import Refusal
from tests import factories
from tests.factories import NOW
from tests.provisioning.csv_uploads import exported, file_of, planned, problems, uploaded
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(organization: Organization) -> Location:
    return factories.LocationFactory(organization=organization, name="San Francisco headquarters")


@pytest.fixture
def ana(place: Location) -> User:
    return factories.UserFactory(location=place, email="ana@example.com", first_name="Ana", last_name="Müller")


def number(place: Location, e164: str, **fields: Any) -> Any:
    return factories.PhoneNumberFactory(organization=place.organization, location=place, e164=e164, **fields)


def changes(user_import: UserImport) -> list[list[str]]:
    row: ImportRow = user_import.rows.get()
    return row.changes


def one(administrator: User, column: str, cell: str, email: str = "ana@example.com") -> UserImport:
    return uploaded(administrator, file_of([email, cell], header=["Email", column]))


def test_an_upload_writes_nothing_but_its_own_rows(full_admin: User, ana: User) -> None:
    before = list(User.objects.order_by("pk").values())
    with recorded() as heard:
        made = uploaded(
            full_admin, file_of(["ana@example.com", "Anna"], ["new@example.com", "N"], header=["Email", "First Name"])
        )
    assert (made.changes, made.creates, made.errors, made.unchanged) == (1, 1, 0, 0)
    assert list(User.objects.order_by("pk").values()) == before
    assert heard == []
    assert not Task.objects.exists()


def test_users_are_found_by_address_in_capital_letters_or_not(full_admin: User, ana: User) -> None:
    made = one(full_admin, "First Name", "Anna", email=" ANA@Example.com ")
    assert changes(made) == [["first_name", "Ana", "Anna"]]


def test_every_column_is_told_before_and_after(full_admin: User, ana: User, organization: Organization) -> None:
    hall = factories.LocationFactory(organization=organization, name="Town hall")
    number(hall, "+14155550101", user=ana)
    number(hall, "+14155550102")
    header = ["Email", "First Name", "Last Name", "Location", "License", "Primary Number", "Business Texting", "Status"]
    row = ["ana@example.com", "Anna", "Miller", "town HALL", "standard", "+14155550102", "off", "Active"]
    assert changes(uploaded(full_admin, file_of(row, header=header))) == [
        ["first_name", "Ana", "Anna"],
        ["last_name", "Müller", "Miller"],
        ["location", "San Francisco headquarters", "Town hall"],
        ["license", "Webex Calling Professional", "Webex Calling Standard"],
        ["primary_number", "+14155550101", "+14155550102"],
        ["texting_setting", "default", "off"],
    ]


def test_a_missing_column_and_an_empty_cell_leave_everything_as_it_is(full_admin: User, ana: User) -> None:
    made = uploaded(full_admin, file_of(["ana@example.com", "", "  "], header=["Email", "Location", "Last Name"]))
    assert planned(made) == [(2, "same")]


def test_none_takes_a_location_a_license_and_a_number_away(full_admin: User, ana: User, place: Location) -> None:
    number(place, "+14155550101", user=ana)
    header = ["Email", "Location", "License", "Primary Number"]
    made = uploaded(full_admin, file_of(["ana@example.com", "none", "None", "NONE"], header=header))
    assert changes(made) == [
        ["location", "San Francisco headquarters", ""],
        ["license", "Webex Calling Professional", "No license"],
        ["primary_number", "+14155550101", ""],
    ]


def test_taking_away_what_nobody_has_is_nothing_to_change(full_admin: User, ana: User) -> None:
    assert planned(one(full_admin, "Primary Number", "none")) == [(2, "same")]


def test_columns_nobody_knows_are_reported_and_informative_ones_told_apart(full_admin: User, ana: User) -> None:
    header = ["Email", "Shoe size", "Why Not", "", "Effective Texting"]
    made = uploaded(full_admin, file_of(["ana@example.com", "38", "x", "left", "On"], header=header))
    assert made.unknown == ["Shoe size", "column D, without a name"]
    assert made.informative == ["Why Not", "Effective Texting"]
    assert planned(made) == [(2, "same")]


def test_control_hubs_own_names_of_columns_are_understood(full_admin: User, ana: User) -> None:
    header = ["First Name", "User ID/Email (Required)", "User Status"]
    assert changes(uploaded(full_admin, file_of(["Anna", "ana@example.com", "Inactive"], header=header))) == [
        ["first_name", "Ana", "Anna"],
        ["status", "Active", "Deactivated"],
    ]


@pytest.mark.parametrize(
    ("header", "code"),
    [(["Email", "E-mail"], "file_duplicate_column"), (["First Name", "Last Name"], "file_no_email_column")],
)
def test_a_file_without_one_clear_address_column_is_refused(full_admin: User, header: list[str], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        uploaded(full_admin, file_of(["x", "y"], header=header))
    assert caught.value.code == code
    assert not UserImport.objects.exists()


@pytest.mark.parametrize(
    ("column", "cell", "key", "code"),
    [
        ("Location", "Atlantis", "location", "unknown_location"),
        ("License", "Enterprise", "license", "unknown_license"),
        ("Business Texting", "maybe", "texting_setting", "invalid_setting"),
        ("Status", "On holiday", "status", "unknown_status"),
        ("First Name", "x" * 101, "first_name", "name_too_long"),
        ("Last Name", "x\x07y", "last_name", "control_characters"),
        ("Primary Number", "1.41556E+10", "primary_number", "number_rounded"),
        ("Primary Number", "not a number", "primary_number", "not_a_number"),
        ("Primary Number", "(415) 555-0199", "primary_number", "number_unknown"),
    ],
)
def test_what_a_cell_can_not_mean_is_told_with_row_and_column(
    full_admin: User, ana: User, column: str, cell: str, key: str, code: str
) -> None:
    made = one(full_admin, column, cell)
    assert problems(made) == [(2, key, code)]
    assert (made.errors, made.changes) == (1, 0)


def test_every_problem_of_a_row_is_told_at_once(full_admin: User, ana: User) -> None:
    header = ["Email", "Location", "License", "Business Texting"]
    made = uploaded(full_admin, file_of(["ana@example.com", "x", "y", "z"], header=header))
    assert [column for _row, column, _code in problems(made)] == ["location", "license", "texting_setting"]


def test_rows_of_one_address_are_both_told_and_neither_is_planned(full_admin: User, ana: User) -> None:
    rows = [["ana@example.com", "A"], ["b@example.com", "B"], ["ANA@example.com", "C"]]
    made = uploaded(full_admin, file_of(*rows, header=["Email", "First Name"]))
    assert problems(made) == [(2, "email", "email_twice"), (4, "email", "email_twice")]
    sentences = [row.problems[0][2] for row in made.rows.filter(action="error").order_by("position")]
    assert ["Row 4 " in sentences[0], "Row 2 " in sentences[1]] == [True, True]


def test_rows_with_one_number_are_both_told_whatever_format_it_has(
    full_admin: User, ana: User, place: Location
) -> None:
    number(place, "+14155550102")
    rows = [["ana@example.com", "+14155550102"], ["new@example.com", "(415) 555-0102"]]
    made = uploaded(full_admin, file_of(*rows, header=["Email", "Primary Number"]))
    assert {code for _row, _column, code in problems(made)} == {"number_twice"}
    assert made.errors == 2


def test_a_row_without_an_address_or_with_too_many_cells_is_told(full_admin: User, ana: User) -> None:
    made = uploaded(full_admin, b"Email,First Name\n,Nobody\nana@example.com,Smith, Jr\nana2@example.com,Ok\n")
    assert problems(made) == [(2, "email", "email_required"), (3, "", "too_many_cells")]


@pytest.mark.parametrize(
    "typed",
    ["+14155550102", "14155550102", "4155550102", "14155550102.0", "(415) 555-0102", "+1 415 555 0102", "415.555.0102"],
)
def test_a_number_is_understood_as_spreadsheets_and_people_write_it(
    full_admin: User, ana: User, place: Location, typed: str
) -> None:
    number(place, "+14155550102")
    assert changes(one(full_admin, "Primary Number", typed)) == [["primary_number", "", "+14155550102"]]


def test_a_national_number_is_one_of_the_locations_country(full_admin: User, organization: Organization) -> None:
    london = factories.LocationFactory(organization=organization, country="GB", name="London")
    factories.UserFactory(location=london, email="ana@example.com")
    number(london, "+442079460018")
    for typed in ("020 7946 0018", "442079460018"):
        assert changes(one(full_admin, "Primary Number", typed)) == [["primary_number", "", "+442079460018"]]


def test_a_number_of_somebody_else_is_told_with_its_user(full_admin: User, ana: User, place: Location) -> None:
    other = factories.UserFactory(location=place, email="ben@example.com")
    number(place, "+14155550102", user=other)
    made = one(full_admin, "Primary Number", "+14155550102")
    assert problems(made) == [(2, "primary_number", "number_taken")]
    assert "ben@example.com" in made.rows.get().problems[0][2]


def test_a_number_that_is_not_active_and_one_that_was_released_are_refused(
    full_admin: User, ana: User, place: Location
) -> None:
    number(place, "+14155550102", active=False)
    factories.PhoneNumberFactory(
        organization=place.organization, e164="+14155550103", active=False, released_at=NOW, location=None
    )
    assert problems(one(full_admin, "Primary Number", "+14155550102")) == [(2, "primary_number", "number_inactive")]
    assert problems(one(full_admin, "Primary Number", "+14155550103")) == [(2, "primary_number", "number_unknown")]


def test_two_users_can_exchange_their_numbers(full_admin: User, ana: User, place: Location) -> None:
    ben = factories.UserFactory(location=place, email="ben@example.com")
    number(place, "+14155550101", user=ana)
    number(place, "+14155550102", user=ben)
    rows = [["ana@example.com", "+14155550102"], ["ben@example.com", "+14155550101"]]
    made = uploaded(full_admin, file_of(*rows, header=["Email", "Primary Number"]))
    assert planned(made) == [(2, "change"), (3, "change")]


def test_a_row_that_is_refused_keeps_its_number_from_the_next(full_admin: User, ana: User, place: Location) -> None:
    ben = factories.UserFactory(location=place, email="ben@example.com")
    number(place, "+14155550101", user=ana)
    number(place, "+14155550102", user=ben)
    rows = [["ana@example.com", "+14155550102", "Atlantis"], ["ben@example.com", "+14155550101", ""]]
    made = uploaded(full_admin, file_of(*rows, header=["Email", "Primary Number", "Location"]))
    assert problems(made) == [(2, "location", "unknown_location"), (3, "primary_number", "number_taken")]


def test_switching_on_is_refused_for_the_organizations_reason(
    full_admin: User, ana: User, organization: Organization
) -> None:
    organization.addon_licenses = 0
    organization.save()
    assert problems(one(full_admin, "Business Texting", "on")) == [(2, "texting_setting", "addon_license")]
    assert planned(one(full_admin, "Business Texting", "off")) == [(2, "change")]


def test_an_account_of_another_organization_reads_like_any_address_that_is_taken(
    full_admin: User, stranger: User
) -> None:
    assert problems(one(full_admin, "First Name", "X", email=stranger.email)) == [(2, "email", "email_taken")]


def test_nobody_deactivates_themselves_by_a_file(full_admin: User) -> None:
    assert problems(one(full_admin, "Status", "Deactivated", email=full_admin.email)) == [(2, "status", "own_account")]


def test_a_new_user_is_not_deactivated_first(full_admin: User) -> None:
    assert problems(one(full_admin, "Status", "Deactivated", email="new@example.com")) == [
        (2, "status", "user_unknown")
    ]


class TestALocationAdministrator:
    @pytest.fixture
    def local(self, place: Location) -> User:
        return factories.with_role(factories.UserFactory(location=place), "location_admin", place)

    @pytest.fixture
    def hall(self, organization: Organization) -> Location:
        return factories.LocationFactory(organization=organization, name="Town hall")

    def test_changes_users_of_their_locations(self, local: User, ana: User) -> None:
        assert planned(one(local, "First Name", "Anna")) == [(2, "change")]

    def test_finds_nobody_elsewhere(self, local: User, hall: Location) -> None:
        factories.UserFactory(location=hall, email="ben@example.com")
        assert problems(one(local, "First Name", "X", email="ben@example.com")) == [(2, "email", "email_taken")]

    def test_moves_nobody_elsewhere(self, local: User, ana: User, hall: Location) -> None:
        assert problems(one(local, "Location", "Town hall")) == [(2, "location", "unknown_location")]

    def test_creates_users_only_at_their_locations(self, local: User, place: Location) -> None:
        assert problems(one(local, "First Name", "N", email="n@example.com")) == [(2, "location", "location_required")]
        assert planned(one(local, "Location", place.name, email="n@example.com")) == [(2, "create")]

    def test_gives_no_number_from_elsewhere(self, local: User, ana: User, hall: Location) -> None:
        number(hall, "+14155550102")
        assert problems(one(local, "Primary Number", "+14155550102")) == [(2, "primary_number", "number_unknown")]

    def test_sees_only_their_own_imports(self, local: User, full_admin: User, ana: User) -> None:
        own, other = one(local, "First Name", "A"), one(full_admin, "First Name", "B")
        assert set(csv_imports.imports_in_reach(local)) == {own}
        assert set(csv_imports.imports_in_reach(full_admin)) == {own, other}


def test_an_export_says_nothing_new(full_admin: User, user: User, ana: User, place: Location) -> None:
    factories.UserFactory(location=place, first_name="=cmd|'/C calc'!A0", last_name="'t Hart", is_active=False)
    factories.UserFactory(organization=place.organization, location=None, first_name="", last_name=" two  spaces ")
    made = uploaded(
        full_admin, exported(User.objects.filter(organization=place.organization).select_related("location"))
    )
    assert {action for _position, action in planned(made)} == {"same"}


def test_the_queries_of_a_plan_do_not_grow_with_its_rows(full_admin: User, ana: User, place: Location) -> None:
    def counted(rows: int) -> int:
        lines = []
        for index in range(rows):
            person = factories.UserFactory(location=place)
            number(place, f"+1415556{1000 + rows * 20 + index}")
            lines.append(
                [person.email, "X", "off", f"415-556-{1000 + rows * 20 + index}", "Deactivated" if index % 2 else ""]
            )
            lines.append([f"new-{rows}-{index}@example.com", "N", "on", "", ""])
        content = file_of(*lines, header=["Email", "First Name", "Business Texting", "Primary Number", "Status"])
        with CaptureQueriesContext(
            connection,
        ) as captured:
            made = uploaded(full_admin, content)
        assert made.errors == rows // 2
        return len(captured)

    few = counted(2)
    assert counted(12) == few
    assert few <= 40


def test_an_upload_that_is_cut_off_leaves_nothing(full_admin: User, ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(csv_imports.Planner, "plan", cut)
    with pytest.raises(KeyboardInterrupt):
        one(full_admin, "First Name", "A")
    assert not UserImport.objects.exists()


def test_imports_are_removed_after_thirty_days_and_uploads_cut_off_after_an_hour(full_admin: User, ana: User) -> None:
    kept, old, cut = (one(full_admin, "First Name", "A") for _each in range(3))
    UserImport.objects.filter(pk=old.pk).update(created_at=NOW - csv_imports.KEPT_FOR)
    UserImport.objects.filter(pk=cut.pk).update(created_at=NOW - csv_imports.LOST_AFTER, ready_at=None)
    assert csv_imports.remove_old(NOW) == 2
    assert list(UserImport.objects.all()) == [kept]
    assert ImportRow.objects.count() == 1
