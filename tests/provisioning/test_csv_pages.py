"""Users as CSV in the portal: export what the list shows, look at what a file would change, then apply it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from provisioning import csv_files
from provisioning.csv_users import COLUMNS, HEADER
from provisioning.models import ImportRow, Location, Organization, Task, User, UserImport
from tests import factories
from tests.factories import NOW
from tests.provisioning.csv_uploads import file_of, planned, uploaded
from tests.provisioning.recorded import recorded
from tests.task_runs import run_to_end

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(organization: Organization) -> Location:
    return factories.LocationFactory(organization=organization, name="San Francisco headquarters")


@pytest.fixture
def ana(place: Location) -> User:
    return factories.UserFactory(location=place, email="ana@example.com", first_name="Ana", last_name="Müller")


@pytest.fixture
def browser(full_admin: User, signed_in_as: Any) -> Client:
    client: Client = signed_in_as(full_admin)
    return client


@pytest.fixture
def local(place: Location) -> User:
    return factories.with_role(factories.UserFactory(location=place), "location_admin", place)


def sent(browser: Client, content: bytes, **fields: Any) -> Any:
    file = SimpleUploadedFile("people.csv", content, content_type="text/csv")
    return browser.post(reverse("users_csv_import"), {"file": file, "invite": "on", **fields})


def rows_of(answer: Any) -> list[dict[str, str]]:
    content = b"".join(answer.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def preview(browser: Client, content: bytes) -> Any:
    answer = sent(browser, content)
    assert answer.status_code == 302, answer.content.decode()
    return browser.get(answer["Location"])


class TestExport:
    def test_has_a_line_for_each_user_with_what_can_be_edited_and_what_comes_of_it(
        self, browser: Client, user: User, place: Location
    ) -> None:
        factories.UserFactory(
            location=place, email="zoe@example.com", first_name="Zoe", last_name="=1+1", license="none"
        )
        lines = {line["Email"]: line for line in rows_of(browser.get(reverse("users_csv_export")))}
        assert tuple(next(iter(lines.values()))) == HEADER
        able = lines[user.email]
        assert able["Primary Number"] == user.primary_number.e164
        assert (able["License"], able["Business Texting"], able["Status"]) == (
            "Webex Calling Professional", "default", "Active",
        )  # fmt: skip
        assert (able["Effective Texting"], able["Texting Source"], able["Why Not"]) == ("On", "Organization", "")
        zoe = lines["zoe@example.com"]
        assert (zoe["Last Name"], zoe["Location"]) == ("'=1+1", "San Francisco headquarters")
        assert (zoe["Effective Texting"], bool(zoe["Why Not"])) == ("Not eligible", True)

    def test_is_of_the_users_that_the_filter_describes(self, browser: Client, ana: User, user: User) -> None:
        lines = rows_of(browser.get(reverse("users_csv_export"), {"q": "ana@example"}))
        assert [line["Email"] for line in lines] == ["ana@example.com"]

    def test_of_a_location_administrator_has_their_users_only(
        self, local: User, user: User, ana: User, stranger: User, signed_in_as: Any
    ) -> None:
        lines = rows_of(signed_in_as(local).get(reverse("users_csv_export")))
        assert {line["Email"] for line in lines} == {ana.email, local.email}
        foreign = signed_in_as(local).get(reverse("users_csv_export"), {"location": str(user.location_id)})
        assert foreign.status_code == 404

    def test_is_in_the_audit_log_with_who_took_it_and_by_which_filter(
        self, ana: User, browser: Client, full_admin: User
    ) -> None:
        with recorded() as changes:
            browser.get(reverse("users_csv_export"), {"q": "ana", "location": str(ana.location_id)})
        (change,) = changes
        assert (change.action, change.actor.user_id) == ("users.exported", full_admin.pk)
        assert change.after == {"q": "ana", "location": "San Francisco headquarters"}

    def test_costs_the_same_queries_however_many_users_there_are(self, browser: Client, place: Location) -> None:
        def counted() -> int:
            with CaptureQueriesContext(connection) as captured:
                rows_of(browser.get(reverse("users_csv_export")))
            return len(captured)

        few = counted()
        for _each in range(20):
            factories.UserFactory(location=place)
        assert counted() == few <= 22

    def test_imported_as_it_is_changes_nothing(self, browser: Client, user: User, ana: User, place: Location) -> None:
        factories.UserFactory(location=place, first_name="'t", last_name="@x\r\ny", is_active=False, license="none")
        answer = browser.get(reverse("users_csv_export"))
        page = preview(browser, b"".join(answer.streaming_content))
        assert "There is nothing to apply" in page.content.decode()
        made = UserImport.objects.get()
        assert (made.unknown, made.errors, made.applicable) == ([], 0, 0)

    @pytest.mark.parametrize("codec", ["cp1252", "utf-16", "utf-8"])
    def test_survives_a_spreadsheet_that_writes_semicolons_and_takes_the_plus_sign_off(
        self, browser: Client, user: User, ana: User, codec: str
    ) -> None:
        lines = rows_of(browser.get(reverse("users_csv_export")))
        saved = io.StringIO()
        writer = csv.DictWriter(saved, HEADER, delimiter=";", extrasaction="ignore")
        writer.writeheader()
        for line in lines:
            writer.writerow({**line, "Primary Number": line["Primary Number"].removeprefix("+"), "Why Not": ""})
        preview(browser, saved.getvalue().encode(codec))
        made = UserImport.objects.get()
        assert (made.applicable, made.errors, made.unchanged) == (0, 0, len(lines))


class TestThePageOfAFile:
    def test_shows_every_change_before_anything_is_written(self, browser: Client, ana: User) -> None:
        page = preview(browser, file_of(["ana@example.com", "Anna"], header=["Email", "First Name"])).content.decode()
        assert "<del><bdi>Ana</bdi></del>" in page
        assert "<ins><bdi>Anna</bdi></ins>" in page
        assert "Apply 1 row" in page
        ana.refresh_from_db()
        assert ana.first_name == "Ana"

    def test_names_the_columns_that_are_not_known(self, browser: Client, ana: User) -> None:
        header = ["Email", "Shoe <b>size</b>", "Why Not"]
        page = preview(browser, file_of(["ana@example.com", "38", ""], header=header)).content.decode()
        assert "Nothing is read from: Shoe &lt;b&gt;size&lt;/b&gt;." in page
        assert "nothing is read from them: Why Not." in page

    def test_says_when_the_encoding_is_a_guess(self, browser: Client, ana: User) -> None:
        content = file_of(["ana@example.com", "Zoë"], header=["Email", "First Name"]).decode().encode("cp1252")
        assert "Check that accents look right" in preview(browser, content).content.decode()

    def test_filters_and_pages_through_its_rows(self, browser: Client, full_admin: User) -> None:
        rows = [[f"user-{index}@example.com", "x" * (101 if index % 3 == 0 else 5)] for index in range(180)]
        made = uploaded(full_admin, file_of(*rows, header=["Email", "First Name"]))
        address = reverse("user_import", args=[made.pk])

        def shown(**query: Any) -> list[int]:
            return [line.position for line in browser.get(address, query).context["page"].rows]

        assert shown() == list(range(2, 52))
        assert shown(after=51) == list(range(52, 102))
        assert shown(before=52) == list(range(2, 52))
        assert shown(after="x", only="nonsense") == list(range(2, 52))
        assert shown(only="errors")[:3] == [2, 5, 8]
        assert shown(only="errors", after=149) == list(range(152, 182, 3))
        assert shown(only="writes")[:3] == [3, 4, 6]
        assert shown(only="same") == []

    def test_walks_forward_and_back_over_the_same_pages(self, browser: Client, full_admin: User) -> None:
        rows = [[f"user-{index}@example.com"] for index in range(120)]
        made = uploaded(full_admin, file_of(*rows, header=["Email"]))
        address = reverse("user_import", args=[made.pk])
        first = browser.get(address).context["page"]
        second = browser.get(address, {"after": first.after}).context["page"]
        third = browser.get(address, {"after": second.after}).context["page"]
        assert [len(page.rows) for page in (first, second, third)] == [50, 50, 20]
        assert (first.before, third.after) == (None, None)
        back = browser.get(address, {"before": third.before}).context["page"]
        assert back.rows == second.rows
        assert browser.get(address, {"before": back.before}).context["page"].rows == first.rows

    def test_costs_the_same_queries_however_many_rows_there_are(self, browser: Client, full_admin: User) -> None:
        def counted(rows: int) -> int:
            lines = [[f"user-{index}@example.com"] for index in range(rows)]
            made = uploaded(full_admin, file_of(*lines, header=["Email"]))
            with CaptureQueriesContext(connection) as captured:
                browser.get(reverse("user_import", args=[made.pk]))
            return len(captured)

        few = counted(2)
        assert counted(60) == few <= 12

    def test_applies_as_a_task_and_leads_to_it(self, browser: Client, ana: User) -> None:
        sent(browser, file_of(["ana@example.com", "Anna"], header=["Email", "First Name"]))
        made = UserImport.objects.get()
        answer = browser.post(reverse("user_import_apply", args=[made.pk]))
        task = Task.objects.get()
        assert answer["Location"] == reverse("task", args=[task.pk])
        again = browser.post(reverse("user_import_apply", args=[made.pk]))
        assert again["Location"] == answer["Location"]
        run_to_end(task)
        ana.refresh_from_db()
        assert ana.first_name == "Anna"
        page = browser.get(reverse("user_import", args=[made.pk])).content.decode()
        assert "This import was applied" in page
        assert reverse("task", args=[task.pk]) in page
        assert "user_import_apply" not in page
        assert "Apply 1 row" not in page

    def test_shows_an_import_whose_task_is_gone(self, browser: Client, full_admin: User, ana: User) -> None:
        made = uploaded(full_admin, file_of(["ana@example.com", "A"], header=["Email", "First Name"]))
        UserImport.objects.filter(pk=made.pk).update(applied_at=NOW)
        assert "Its task is removed" in browser.get(reverse("user_import", args=[made.pk])).content.decode()

    def test_is_gone_once_discarded(self, browser: Client, ana: User) -> None:
        sent(browser, file_of(["ana@example.com", "Anna"], header=["Email", "First Name"]))
        made = UserImport.objects.get()
        answer = browser.post(reverse("user_import_discard", args=[made.pk]), follow=True)
        assert "The rows of people.csv are removed." in answer.content.decode()
        assert not ImportRow.objects.exists()
        assert browser.get(reverse("user_import", args=[made.pk])).status_code == 404

    def test_says_why_it_can_not_be_discarded_while_it_is_applied(self, browser: Client, ana: User) -> None:
        sent(browser, file_of(["ana@example.com", "Anna"], header=["Email", "First Name"]))
        made = UserImport.objects.get()
        browser.post(reverse("user_import_apply", args=[made.pk]))
        answer = browser.post(reverse("user_import_discard", args=[made.pk]))
        assert answer.status_code == 409
        assert "Cancel its task first" in answer.content.decode()

    def test_is_not_there_for_another_location_administrator(
        self, local: User, ana: User, full_admin: User, signed_in_as: Any
    ) -> None:
        made = uploaded(full_admin, file_of(["ana@example.com", "A"], header=["Email", "First Name"]))
        for name in ("user_import", "user_import_errors"):
            assert signed_in_as(local).get(reverse(name, args=[made.pk])).status_code == 404
        for name in ("user_import_apply", "user_import_discard"):
            assert signed_in_as(local).post(reverse(name, args=[made.pk])).status_code == 404

    def test_gives_its_errors_as_a_file_that_can_be_corrected_and_imported(self, browser: Client, ana: User) -> None:
        rows = [["ana@example.com", "=Anna", "Atlantis"], ["new@example.com", "N", ""]]
        sent(browser, file_of(*rows, header=["Email", "First Name", "Location"]))
        made = UserImport.objects.get()
        [line] = rows_of(browser.get(reverse("user_import_errors", args=[made.pk])))
        assert (line["Row"], line["Email"], line["First Name"]) == ("2", "ana@example.com", "'=Anna")
        assert line["Problem"].startswith("Location: There is no location “Atlantis”")
        corrected = io.StringIO()
        writer = csv.DictWriter(corrected, list(line))
        writer.writeheader()
        writer.writerow({**line, "Location": ""})
        preview(browser, corrected.getvalue().encode())
        second = UserImport.objects.latest("pk")
        assert (second.changes, second.unknown) == (1, ["Row", "Problem"])


class TestTheFormThatTakesAFile:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "This file is empty."),
            (b"PK\x03\x04rest", "This is a workbook, not a CSV file."),
            (b"Email\r\n", "no rows below them"),
            (b"Email\n" + b"x" * csv_files.MOST_BYTES, "larger than 10 MB"),
            (b'Email\nx,"\n', "a quotation mark is not closed"),
        ],
    )
    def test_says_beside_the_field_what_is_wrong_with_the_file(
        self, browser: Client, content: bytes, sentence: str
    ) -> None:
        answer = sent(browser, content)
        assert answer.status_code in (413, 422)
        assert sentence in answer.content.decode()
        assert "Nothing was changed." in answer.content.decode()

    def test_asks_for_a_file(self, browser: Client) -> None:
        answer = browser.post(reverse("users_csv_import"), {"invite": "on"})
        assert (answer.status_code, "Choose a CSV file." in answer.content.decode()) == (422, True)

    def test_keeps_whether_new_users_are_invited(self, browser: Client) -> None:
        content = file_of(["new@example.com"], header=["Email"])
        file = SimpleUploadedFile("people.csv", content)
        browser.post(reverse("users_csv_import"), {"file": file})
        assert UserImport.objects.get().invite is False

    def test_explains_every_column_and_lists_the_latest_imports(self, browser: Client, ana: User) -> None:
        sent(browser, file_of(["ana@example.com"], header=["Email"]))
        page = browser.get(reverse("users_csv_import")).content.decode()
        assert all(column.name in page for column in COLUMNS)
        assert "people.csv" in page

    def test_gives_a_template_that_is_itself_an_empty_file(self, browser: Client) -> None:
        answer = browser.get(reverse("users_csv_template"))
        header = answer.content.decode("utf-8-sig").splitlines()[0].split(",")
        assert header == [column.name for column in COLUMNS]
        assert "no rows below them" in sent(browser, answer.content).content.decode()

    def test_takes_no_file_from_whoever_may_not_change_users(
        self, organization: Organization, signed_in_as: Any
    ) -> None:
        reader = factories.with_role(factories.UserFactory(organization=organization, location=None), "read_only_admin")
        assert sent(signed_in_as(reader), b"Email\na@example.com\n").status_code == 403
        assert signed_in_as(reader).get(reverse("users_csv_export")).status_code == 200

    def test_keeps_no_file_on_disk(self, browser: Client, tmp_path: Any, settings: Any) -> None:
        settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
        lines = [[f"user-{index}@example.com", "x" * 90] for index in range(20_000 // 4)]
        lines[0] = ["bad", "x" * 101]
        padding = [["# " + "x" * 100_000, ""]] * 60
        sent(browser, file_of(*padding, lines[0], header=["Email", "First Name"]))
        assert UserImport.objects.get().total == 1
        assert list(tmp_path.iterdir()) == []


class TestAnyFile(TestCase):
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.binary(max_size=400)
        | st.binary(max_size=200).map(b"Email,First Name,Location\n".__add__)
        | st.text(max_size=200).map(lambda text: ("Email;Status;Business Texting\n" + text).encode("utf-16", "ignore"))
    )
    @example(b"Email\nadmin@example.com\n")
    @example(b"Email,Status\nadmin@example.com,Deactivated\n")
    def test_never_breaks_the_page_and_never_changes_anything(self, content: bytes) -> None:
        organization = factories.OrganizationFactory()
        person = factories.UserFactory(organization=organization, location=None, email="admin@example.com")
        administrator = factories.with_role(person, "full_admin")
        browser = Client()
        browser.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")
        before = list(
            User.objects.order_by("pk").values_list("pk", "email", "first_name", "is_active", "texting_setting")
        )
        answer = sent(browser, content)
        assert answer.status_code in (302, 422)
        if answer.status_code == 302:
            assert browser.get(answer["Location"]).status_code == 200
            assert planned(UserImport.objects.get())
        after = list(
            User.objects.order_by("pk").values_list("pk", "email", "first_name", "is_active", "texting_setting")
        )
        assert after == before
