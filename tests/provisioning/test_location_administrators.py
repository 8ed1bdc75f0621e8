"""A location administrator sees and changes the named locations only: every page, every operation, every way around.

The organization has a second location with a user, numbers, a role, tasks and an import. Nothing of it may show up in
any answer that the location administrator gets, whatever they search, filter or select; its rows are not there (404).
A new page or operation that location administrators may open is walked here from the day it is added.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from messaging.models import Message
from provisioning.models import Location, PhoneNumber, Role, Task, User, UserImport
from provisioning.roles import GRANTS, Permission
from tests import factories
from tests.addresses import Address, operations, pages
from tests.task_runs import run_to_end

THEIRS = {
    "name": "Quillfeather",
    "e-mail": "hidden@nowhere.example",
    "number": "907 555 014",
    "e164": "+1907555014",
    "location": "Zanzibar",
}
"""What the other location's rows are called; each shows up nowhere else."""
PERSONAL = {"conversation_id", "message_id", "factor_id", "token_id"}
"""Rows of one person, whatever their location: tests/test_every_address.py."""
GRANTED = GRANTS[Role.LOCATION_ADMIN] | {Permission.USE_INBOX}


def open_to_location_administrators(access: Any) -> bool:
    return bool(access) and set(access) <= GRANTED and not set(access) <= {Permission.USE_INBOX}


PAGES = [page for page in pages() if open_to_location_administrators(page.access)]
OPERATIONS = [
    pytest.param(each, method.lower(), id=f"{method} {each}")
    for each in operations()
    for method, access in each.api_view.access.items()
    if open_to_location_administrators(access)
]


@dataclass
class Branches:
    """Two locations of one organization: ours, with a browser of its administrator, and theirs."""

    ours: User
    theirs: User
    admin: User
    browser: Client
    chief: Client

    @property
    def here(self) -> Location:
        location = self.ours.location
        assert location is not None
        return location

    @property
    def there(self) -> Location:
        location = self.theirs.location
        assert location is not None
        return location

    def row(self, parameter: str, whose: str) -> uuid.UUID:
        """A row of `ours` or `theirs` for a parameter of an address."""
        person: User = getattr(self, whose)
        browser = self.browser if whose == "ours" else self.chief
        rows = {
            "user_id": lambda: person.pk,
            "person_id": lambda: person.pk,
            "location_id": lambda: person.location_id,
            "number_id": lambda: person.primary_number.pk,
            "task_id": lambda: task_of(browser).pk,
            "import_id": lambda: import_of(browser).pk,
        }
        assert parameter in rows, f"Say in {__name__} which row {parameter} stands for."
        return rows[parameter]()

    def path(self, address: Address, whose: str) -> str:
        return reverse(address.name, kwargs={name: self.row(name, whose) for name in address.parameters})


@pytest.fixture
def branches(user: User, full_admin: User, signed_in_as: Any) -> Branches:
    organization = user.organization
    there = factories.LocationFactory(organization=organization, name=THEIRS["location"])
    theirs = factories.texting_user(
        organization, location=there, last_name=THEIRS["name"], email=THEIRS["e-mail"], license="standard"
    )
    PhoneNumber.objects.filter(user=theirs).update(e164="+19075550142")
    factories.PhoneNumberFactory(organization=organization, location=there, e164="+19075550143")
    factories.with_role(theirs, "location_admin", there)
    admin = factories.UserFactory(organization=organization, location=user.location, email="admin@here.example")
    factories.with_role(admin, "location_admin", user.location)
    found = Branches(user, User.objects.get(pk=theirs.pk), admin, signed_in_as(admin), signed_in_as(full_admin))
    found.chief.post(f"/users/{theirs.pk}/calling/", {"mode": "override", "was": "default"})
    return found


def task_of(browser: Client, **posted: Any) -> Task:
    """A bulk task over everybody whom the browser's person reaches."""
    before = set(Task.objects.values_list("pk", flat=True))
    answer = browser.post("/users/bulk/", {"all": "1", "action": "texting_off", "confirmed": "1", **posted})
    assert answer.status_code == 302, answer.content.decode()
    return Task.objects.exclude(pk__in=before).get()


def import_of(browser: Client, content: str = "Email,Last Name\nhidden@nowhere.example,Renamed\n") -> UserImport:
    before = set(UserImport.objects.values_list("pk", flat=True))
    file = SimpleUploadedFile("users.csv", content.encode(), content_type="text/csv")
    answer = browser.post("/users/import/", {"file": file})
    assert answer.status_code == 302, answer.content.decode()
    return UserImport.objects.exclude(pk__in=before).get()


def content_of(answer: Any) -> str:
    return (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()


def seen_in(answer: Any, *, typed: str = "") -> set[str]:
    """What of the other location an answer gives away, but for what was typed to get it."""
    content = content_of(answer)
    return {word for word in THEIRS.values() if word in content} - {typed}


@pytest.mark.parametrize("page", [each for each in PAGES if not set(each.parameters) & PERSONAL], ids=str)
def test_a_page_shows_nothing_of_another_location(branches: Branches, page: Address) -> None:
    path = branches.path(page, "ours")
    answer = branches.browser.get(path)
    assert answer.status_code in (200, 302, 404, 405), answer.status_code
    assert seen_in(answer) == set() or page.parameters == ("import_id",)
    for query in ("?whole=1", "?sort=location", "?sort=-name", "?account=active", "?license=standard", "?role="):
        assert seen_in(branches.browser.get(path + query)) == set() or page.parameters == ("import_id",)


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("page", [each for each in PAGES if not each.parameters], ids=str)
def test_a_search_finds_nothing_of_another_location(branches: Branches, page: Address, name: str) -> None:
    typed = THEIRS[name]
    for path in (branches.path(page, "ours"), f"/users/{branches.ours.pk}/number/"):
        answer = branches.browser.get(path, {"q": typed})
        if answer.status_code not in (302, 405):
            # A number is told as it is typed, in either of two forms.
            assert seen_in(answer, typed=typed) - {THEIRS["number"], THEIRS["e164"]} == set()
            assert "907 555 0142" not in content_of(answer) or typed in (THEIRS["number"], THEIRS["e164"])


@pytest.mark.parametrize("page", [each for each in PAGES if not each.parameters], ids=str)
def test_a_filter_takes_no_location_of_somebody_else(branches: Branches, page: Address) -> None:
    answer = branches.browser.get(branches.path(page, "ours"), {"location": str(branches.there.pk)})
    if answer.status_code not in (302, 404, 405):
        assert seen_in(answer) == set()


@pytest.mark.parametrize(
    "page", [each for each in PAGES if each.parameters and not set(each.parameters) & PERSONAL], ids=str
)
def test_a_page_of_another_location_is_not_there(branches: Branches, page: Address) -> None:
    path = branches.path(page, "theirs")
    answers = [branches.browser.get(path), branches.browser.post(path)]
    assert {answer.status_code for answer in answers} <= {404, 405}
    assert 404 in {answer.status_code for answer in answers}


@pytest.mark.parametrize(("operation", "method"), OPERATIONS)
def test_an_operation_shows_and_changes_nothing_of_another_location(
    branches: Branches, operation: Address, method: str
) -> None:
    if set(operation.parameters) & PERSONAL:
        pytest.skip("rows of one person")
    ask = getattr(branches.browser, method)
    body: dict[str, Any] = {} if method == "get" else {"data": {}, "content_type": "application/json"}
    if operation.parameters:
        answer = ask(branches.path(operation, "theirs"), **body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    if method == "get" and "import_id" not in operation.parameters:
        path = branches.path(operation, "ours")
        for query in ("", "?q=Quillfeather", "?q=907555", "?page_size=200"):
            assert seen_in(branches.browser.get(path + query)) == set()


def test_counts_are_of_the_named_locations_only(branches: Branches) -> None:
    counts = branches.browser.get("/users/?whole=1").content.decode()
    assert "2 users" in " ".join(counts.split())


def test_the_exported_file_holds_the_named_locations_only(branches: Branches) -> None:
    lines = content_of(branches.browser.get("/users/export/")).strip().splitlines()
    assert len(lines) == 1 + 2
    assert seen_in(branches.browser.get("/users/export/")) == set()
    assert THEIRS["name"] in content_of(branches.chief.get("/users/export/"))


def test_a_bulk_action_on_everybody_changes_the_named_locations_only(branches: Branches) -> None:
    task = run_to_end(task_of(branches.browser, action="deactivate"))
    assert not User.objects.get(pk=branches.ours.pk).is_active
    assert User.objects.get(pk=branches.theirs.pk).is_active
    assert THEIRS["name"] not in str(list(task.rows.values_list("label", "sentence")))
    assert seen_in(branches.browser.get(f"/tasks/{task.pk}/result.csv")) == set()


def test_a_bulk_action_on_rows_of_another_location_changes_none_of_them(branches: Branches) -> None:
    posted = {"all": "", "user": [str(branches.theirs.pk), str(branches.ours.pk)], "action": "texting_on"}
    page = branches.browser.post("/users/bulk/", {**posted, "key": "k"})
    assert seen_in(page) == set()
    task = run_to_end(task_of(branches.browser, **posted))
    assert User.objects.get(pk=branches.ours.pk).texting_setting == "on"
    assert User.objects.get(pk=branches.theirs.pk).texting_setting == "off"
    assert THEIRS["name"] not in str(list(task.rows.values_list("label", "sentence")))


def test_nobody_is_moved_to_another_location_in_bulk(branches: Branches) -> None:
    posted = {"all": "1", "action": "move", "location": str(branches.there.pk), "confirmed": "1"}
    assert branches.browser.post("/users/bulk/", posted).status_code in (404, 422)
    assert not Task.objects.exists()


def test_a_bulk_task_whose_requester_lost_the_location_changes_nobody(branches: Branches) -> None:
    task = task_of(branches.browser, action="deactivate")
    branches.admin.role_assignments.update(location=branches.there)
    run_to_end(task)
    assert User.objects.get(pk=branches.ours.pk).is_active


def test_a_file_names_nobody_of_another_location(branches: Branches) -> None:
    """Neither changed nor told apart from an address that is somebody's elsewhere."""
    made = import_of(branches.browser)
    answer = branches.browser.get(f"/users/imports/{made.pk}/")
    assert seen_in(answer, typed=THEIRS["e-mail"]) == set()
    assert (made.changes, made.creates) == (0, 0)
    assert User.objects.get(pk=branches.theirs.pk).last_name == THEIRS["name"]


def test_a_file_moves_nobody_to_another_location(branches: Branches) -> None:
    made = import_of(branches.browser, f"Email,Location\n{branches.ours.email},{THEIRS['location']}\n")
    assert (made.changes, made.creates, made.errors) == (0, 0, 1)
    assert User.objects.get(pk=branches.ours.pk).location_id == branches.here.pk


def test_a_moved_user_is_gone_from_the_reach_with_the_next_request(branches: Branches) -> None:
    path = f"/users/{branches.ours.pk}/"
    assert branches.browser.get(path).status_code == 200
    form = {"location": str(branches.there.pk), "initial-location": str(branches.here.pk)}
    for name in ("first_name", "last_name", "email", "license"):
        form[name] = form[f"initial-{name}"] = getattr(branches.ours, name)
    assert branches.chief.post(f"{path}profile/", form).status_code == 302
    assert branches.browser.get(path).status_code == 404


def test_no_text_is_within_the_reach_of_an_administrator(branches: Branches) -> None:
    """Of the own location either: GRANTED has no permission to read anybody's texts."""
    factories.MessageFactory(conversation=factories.ConversationFactory(user=branches.ours), body="A private text.")
    assert Permission.READ_RETAINED_MESSAGES not in GRANTED
    for page in PAGES:
        if not set(page.parameters) & PERSONAL:
            assert "A private text." not in content_of(branches.browser.get(branches.path(page, "ours")))
    assert Message.objects.count() == 1
