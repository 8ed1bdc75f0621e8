"""The pages of tasks and of bulk actions: asked, confirmed, watched, cancelled, downloaded, found again."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse

from provisioning import task_engine, task_notices, task_rows
from provisioning.clock import database_now
from provisioning.csv_cells import BYTE_ORDER_MARK
from provisioning.models import Task, TaskRow, User
from provisioning.task_words import card, in_words, percent_of
from tests import factories
from tests.factories import NOW
from tests.provisioning import marking  # noqa: F401  (makes the kind known)
from tests.task_runs import run_to_end

pytestmark = pytest.mark.django_db
BULK = "/users/bulk/"


@pytest.fixture(autouse=True)
def nobody_has_news():
    cache.clear()


@pytest.fixture
def location(organization):
    return factories.LocationFactory(organization=organization, name="Austin")


@pytest.fixture
def people(location):
    return [factories.UserFactory(location=location) for _each in range(3)]


@pytest.fixture
def admin(full_admin, signed_in_as):
    return signed_in_as(full_admin)


def of(person, **fields):
    """A task as it may stand in the database."""
    values = {"kind": "users_texting_off", "via": "portal", "created_at": NOW, "summary": "3 selected users", **fields}
    return Task.objects.create(organization=person.organization, requested_by=person, **values)


def ids(people):
    return [str(each.pk) for each in people]


def html(answer):
    return answer.content.decode()


def test_a_bulk_action_is_confirmed_with_its_numbers_before_anything_happens(admin, people):
    answer = admin.post(BULK, {"action": "texting_off", "user": ids(people)})
    assert answer.status_code == 200
    assert answer.context["preview"].total == 3
    assert "3 users" in html(answer)
    assert all(each.display_name in html(answer) for each in people)
    assert Task.objects.count() == 0


def test_a_confirmed_action_becomes_a_task_whose_page_opens(admin, people, full_admin):
    key = admin.post(BULK, {"action": "texting_off", "user": ids(people)}).context["key"]
    asked = {"action": "texting_off", "user": ids(people), "confirmed": "1", "key": str(key)}
    answer = admin.post(BULK, asked, REMOTE_ADDR="192.0.2.9")
    task = Task.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/tasks/{task.pk}/")
    assert (task.requested_by, task.via, task.ip, task.summary) == (
        full_admin, "portal", "192.0.2.9", "3 selected users",
    )  # fmt: skip
    assert admin.post(BULK, asked)["Location"] == answer["Location"], "pressed twice, one task"
    run_to_end(task)
    assert User.objects.filter(texting_setting="off").count() == 3


def test_all_that_match_the_filter_of_the_address_are_meant_by_all(admin, people, location, full_admin):
    factories.UserFactory(location=factories.LocationFactory(organization=location.organization))
    address = f"{BULK}?location={location.pk}&sort=-name"
    answer = admin.post(address, {"action": "deactivate", "all": "1"})
    assert answer.context["preview"].total == 3
    assert answer.context["back"] == f"/users/?location={location.pk}&sort=-name"
    admin.post(address, {"action": "deactivate", "all": "1", "confirmed": "1", "key": "k"})
    assert Task.objects.get().arguments == {"filter": {"location": str(location.pk)}}


def test_a_filter_that_is_not_known_selects_nobody(admin, people):
    answer = admin.post(f"{BULK}?status=onn", {"action": "texting_off", "all": "1", "confirmed": "1"})
    assert (answer.status_code, answer.context["refusal"].code) == (422, "unknown_filter")
    assert Task.objects.count() == 0


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"action": "texting_off"}, "nobody_selected"),
        ({"action": "texting_of", "user": str(uuid.uuid4())}, "unknown_action"),
        ({"user": str(uuid.uuid4())}, "unknown_action"),
        ({"action": "texting_off", "user": "me"}, "unknown_user"),
    ],
)
def test_what_is_not_understood_is_said_with_a_way_back(admin, asked, code):
    answer = admin.post(BULK, asked)
    assert (answer.status_code, answer.context["refusal"].code) == (422, code)
    assert 'href="/users/"' in html(answer)


def test_a_move_asks_where_to_and_keeps_what_was_chosen(admin, people, organization):
    dallas = factories.LocationFactory(organization=organization, name="Dallas")
    asked = {"action": "move", "user": ids(people)}
    assert "is-invalid" not in html(admin.post(BULK, asked))
    missing = admin.post(BULK, asked | {"confirmed": "1"})
    assert (missing.status_code, "Choose the location to move them to." in html(missing)) == (422, True)
    chosen = admin.post(BULK, asked | {"location": str(dallas.pk)})
    assert f'<option value="{dallas.pk}" selected>' in html(chosen)
    started = admin.post(BULK, asked | {"location": str(dallas.pk), "confirmed": "1"})
    assert started.status_code == 302
    assert run_to_end(Task.objects.get()).changed == 3
    assert User.objects.filter(location=dallas).count() == 3


def test_a_location_of_others_is_not_offered_and_not_taken(admin, people, other_organization):
    foreign = factories.LocationFactory(organization=other_organization, name="Elsewhere")
    asked = {"action": "move", "user": ids(people), "location": str(foreign.pk), "confirmed": "1"}
    answer = admin.post(BULK, asked)
    assert (answer.status_code, "Elsewhere" in html(answer), Task.objects.count()) == (422, False, 0)


def test_what_stops_everything_is_said_in_place_of_the_button(admin, people, organization):
    organization.acceptable_use_accepted_at = None
    organization.save()
    answer = admin.post(BULK, {"action": "texting_on", "user": ids(people)})
    assert 'data-code="acceptable_use_not_accepted"' in html(answer)
    assert 'name="confirmed"' not in html(answer)


def test_switching_on_says_that_texting_is_not_hipaa_compliant(admin, people):
    assert "not HIPAA compliant" in html(admin.post(BULK, {"action": "texting_on", "user": ids(people)}))


def test_too_many_tasks_are_refused_on_the_page_with_what_was_chosen_kept(admin, people, full_admin, monkeypatch):
    monkeypatch.setattr("provisioning.task_requests.MOST_UNFINISHED", 0)
    answer = admin.post(BULK, {"action": "texting_off", "user": ids(people), "confirmed": "1"})
    assert (answer.status_code, answer.context["refusal"].code) == (429, "too_many_tasks")
    assert all(each in html(answer) for each in ids(people))


def test_a_confirm_page_takes_the_same_statements_however_many_users(
    admin, people, location, django_assert_num_queries
):
    few = {"action": "deactivate", "all": "1"}
    admin.post(BULK, few)
    for count in (0, 30):
        for _each in range(count):
            factories.UserFactory(location=location)
        with django_assert_num_queries(11):
            admin.post(BULK, few)


def test_a_task_asks_for_itself_until_it_is_over(admin, full_admin):
    task = of(full_admin, state="running", total=2000, done=500, changed=480, refused=0, started_at=NOW)
    page = html(admin.get(f"/tasks/{task.pk}/"))
    assert f'hx-get="/tasks/{task.pk}/progress/" hx-trigger="every 2s"' in page
    assert "500 of 2,000 processed" in page
    assert '<progress class="progress" id="task-bar" max="2000" value="500">25%</progress>' in page
    Task.objects.update(state="done", total=2000, done=2000, finished_at=NOW + timedelta(seconds=8))
    part = html(admin.get(f"/tasks/{task.pk}/progress/", headers={"HX-Request": "true"}))
    assert "hx-trigger" not in part
    assert "2,000 of 2,000 processed" in part
    assert "took 8 seconds" in part
    assert 'hx-swap-oob="innerHTML:#task-said"' in part


def test_a_task_that_waits_or_is_being_counted_says_so(admin, full_admin):
    assert "Begins when its turn comes" in html(admin.get(f"/tasks/{of(full_admin).pk}/"))
    assert "Counting" in html(admin.get(f"/tasks/{of(full_admin, state='running').pk}/"))


def test_a_failure_says_what_happened_and_what_was_kept(admin, full_admin):
    ours = of(full_admin, state="failed", error_code="unexpected", finished_at=NOW)
    assert "Something went wrong on our side" in html(admin.get(f"/tasks/{ours.pk}/"))
    said = of(full_admin, state="failed", error_code="unknown_location", error_sentence="It is gone.", finished_at=NOW)
    assert "It is gone." in html(admin.get(f"/tasks/{said.pk}/"))


def test_refused_rows_are_listed_fifty_a_page_with_their_sentences(admin, full_admin):
    task = of(full_admin, state="done", total=120, done=120, refused=60, finished_at=NOW)
    for place in range(1, 121):
        outcome = "refused" if place % 2 else "changed"
        TaskRow.objects.create(
            organization=task.organization, task=task, position=place, label=f"Person {place}", outcome=outcome,
            sentence=f"Reason {place}" if place % 2 else "",
        )  # fmt: skip
    first = admin.get(f"/tasks/{task.pk}/")
    assert [row.position for row in first.context["refused"]] == list(range(1, 100, 2))
    assert "60 rows were refused" in html(first)
    second = admin.get(f"/tasks/{task.pk}/?after={first.context['following']}")
    assert [row.position for row in second.context["refused"]] == list(range(101, 120, 2))
    assert second.context["following"] is None


def test_the_result_file_has_every_row_and_no_cell_that_a_spreadsheet_computes(admin, full_admin, monkeypatch):
    monkeypatch.setattr(task_rows, "PIECE", 2)
    task = of(full_admin, state="done", total=5, done=5, finished_at=NOW)
    for place, label in enumerate(["=HYPERLINK(0)", "Ana, “A”", "+14155550101", "@sum", "\tx"], 1):
        TaskRow.objects.create(
            organization=task.organization, task=task, position=place, label=label, outcome="refused", column="email",
            code="email_taken", sentence="-1 is no address",
        )  # fmt: skip
    answer = admin.get(f"/tasks/{task.pk}/result.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="switch-business-texting-off-2026-11-23')
    content = b"".join(answer.streaming_content)
    assert content.startswith(BYTE_ORDER_MARK)
    head, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    assert head == ["Row", "Who or what", "Outcome", "Column", "Code", "Reason"]
    assert [row[1] for row in rows] == ["'=HYPERLINK(0)", "Ana, “A”", "+14155550101", "'@sum", "'\tx"]
    assert rows[0] == ["1", "'=HYPERLINK(0)", "Refused", "email", "email_taken", "'-1 is no address"]


def test_the_statements_of_a_result_file_are_one_a_piece(admin, full_admin, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(task_rows, "PIECE", 100)
    task = of(full_admin, state="done", total=250, done=250, finished_at=NOW)
    TaskRow.objects.bulk_create(
        TaskRow(organization=task.organization, task=task, position=place, label="A", outcome="changed")
        for place in range(250)
    )
    answer = admin.get(f"/tasks/{task.pk}/result.csv")
    with django_assert_num_queries(4):
        assert b"".join(answer.streaming_content).count(b"\r\n") == 251


def test_cancelling_from_the_page_stops_the_task(admin, full_admin):
    task = of(full_admin, state="running", total=10, done=5)
    assert 'id="task-cancel"' in html(admin.get(f"/tasks/{task.pk}/"))
    assert admin.post(f"/tasks/{task.pk}/cancel/").status_code == 302
    task.refresh_from_db()
    assert task.state == "cancelled"
    again = admin.post(f"/tasks/{task.pk}/cancel/")
    assert (again.status_code, 'data-code="task_over"' in html(again)) == (409, True)


def test_whoever_may_only_look_sees_no_way_to_cancel(organization, full_admin, signed_in_as):
    reader = factories.with_role(factories.UserFactory(organization=organization, location=None), "read_only_admin")
    task = of(full_admin, state="running", total=10, done=5)
    browser = signed_in_as(reader)
    assert "task-cancel" not in html(browser.get(f"/tasks/{task.pk}/"))
    assert browser.post(f"/tasks/{task.pk}/cancel/").status_code == 403


def test_someone_without_the_permission_of_the_kind_cannot_stop_it(organization, full_admin, signed_in_as):
    helper = factories.with_role(factories.UserFactory(organization=organization, location=None), "user_admin")
    task = of(full_admin, kind="numbers_add", state="running", total=10, done=5)
    browser = signed_in_as(helper)
    assert "task-cancel" not in html(browser.get(f"/tasks/{task.pk}/"))
    assert browser.post(f"/tasks/{task.pk}/cancel/").status_code == 403


def test_a_location_administrator_sees_only_own_tasks(location, full_admin, signed_in_as):
    person = factories.with_role(factories.UserFactory(location=location), "location_admin", location)
    own, other = of(person), of(full_admin)
    browser = signed_in_as(person)
    assert [card.task for card, _new in browser.get("/tasks/").context["cards"]] == [own]
    for name in ("task", "task_progress", "task_result"):
        assert browser.get(reverse(name, args=[other.pk])).status_code == 404
    assert browser.post(reverse("task_cancel", args=[other.pk])).status_code == 404


def test_the_list_goes_from_page_to_page_and_back(admin, full_admin, stranger, monkeypatch):
    monkeypatch.setattr("provisioning.views.tasks.PAGE_SIZE", 2)
    rows = [of(full_admin) for _each in range(5)]
    of(stranger)

    def shown(address):
        answer = admin.get(address)
        tasks = [card.task for card, _new in answer.context["cards"]]
        return tasks, answer.context["newer"], answer.context["older"]

    first, newer, older = shown("/tasks/")
    assert (first, newer) == ([rows[4], rows[3]], None)
    second, newer, older = shown(f"/tasks/?older={older}")
    assert (second, newer is not None) == ([rows[2], rows[1]], True)
    assert shown(f"/tasks/?older={older}")[::2] == ([rows[0]], None)
    assert shown(f"/tasks/?newer={newer}")[:2] == (first, None)


def test_the_list_can_be_narrowed_to_a_state(admin, full_admin):
    of(full_admin, state="done", total=3, done=3, finished_at=NOW)
    failed = of(full_admin, state="failed", error_code="gave_up", finished_at=NOW)
    assert [card.task for card, _new in admin.get("/tasks/?state=failed").context["cards"]] == [failed]
    assert len(admin.get("/tasks/?state=nonsense").context["cards"]) == 2


def test_the_list_asks_for_itself_only_while_something_moves(admin, full_admin):
    task = of(full_admin, state="running", total=5)
    assert 'hx-trigger="every 2s"' in html(admin.get("/tasks/"))
    Task.objects.filter(pk=task.pk).update(state="done", done=5)
    assert "hx-trigger" not in html(admin.get("/tasks/"))


def test_the_list_takes_six_statements_however_many_tasks(admin, full_admin, django_assert_num_queries):
    admin.get("/tasks/")
    for count in (1, 20):
        for _each in range(count):
            of(full_admin)
        with django_assert_num_queries(6):
            admin.get("/tasks/")


def test_a_task_takes_seven_statements_however_many_rows(admin, full_admin, django_assert_num_queries):
    task = of(full_admin, state="running", total=100, done=40, refused=40)
    for place in range(40):
        TaskRow.objects.create(
            organization=task.organization, task=task, position=place, label="A", outcome="refused", sentence="No."
        )
    admin.get("/tasks/")
    with django_assert_num_queries(7):
        admin.get(f"/tasks/{task.pk}/")


@pytest.mark.django_db(transaction=True)
def test_who_left_the_page_finds_the_end_beside_tasks_on_every_page_until_it_was_seen(signed_in_as):
    person = factories.with_role(factories.UserFactory(), "full_admin")
    colleague = factories.with_role(
        factories.UserFactory(organization=person.organization, location=None), "full_admin"
    )
    browser = signed_in_as(person)
    task = task_engine.start("marking", person.organization, person, {}, via="portal", ip=None, now=NOW)
    run_to_end(task)
    assert '<span class="count">' in html(browser.get("/users/"))
    assert '<span class="count">' not in html(signed_in_as(colleague).get("/users/"))
    listed = browser.get("/tasks/")
    assert [is_new for _card, is_new in listed.context["cards"]] == [True]
    assert '<span class="count">' not in html(browser.get("/users/"))
    second = run_to_end(task_engine.start("marking", person.organization, person, {}, via="portal", ip=None, now=NOW))
    assert task_notices.unseen(person.pk) == {second.pk}
    browser.get(f"/tasks/{second.pk}/")
    assert task_notices.unseen(person.pk) == set()


def test_polling_the_list_is_not_having_seen_it(admin, full_admin):
    task = of(full_admin, state="done", total=1, done=1, finished_at=NOW)
    task_notices.tell(task)
    admin.get("/tasks/", headers={"HX-Request": "true"})
    assert task_notices.unseen(full_admin.pk) == {task.pk}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds left"), (9, "a few seconds left"), (41, "about 40 seconds left"),
        (89, "about 90 seconds left"), (90, "about 2 minutes left"), (60 * 61, "about 61 minutes left"),
    ],
)  # fmt: skip
def test_the_time_left_is_told_as_exactly_as_it_is_known(seconds, words):
    assert in_words(timedelta(seconds=seconds)) == words


def test_the_time_left_follows_from_the_time_it_took_so_far(full_admin):
    soon = NOW + timedelta(minutes=1)
    task = of(full_admin, state="running", total=400, done=100, started_at=NOW, leased_until=soon)
    assert card(task, NOW + timedelta(seconds=2)).left == "", "too early to tell"
    assert card(task, NOW + timedelta(seconds=10)).left == "about 30 seconds left"
    assert card(task, soon).left == "goes on when a worker is free"


def test_a_hundred_percent_is_shown_only_at_the_end(full_admin):
    task = of(full_admin, state="running", total=1000, done=999)
    assert percent_of(task) == 99
    task.done = 1000
    assert percent_of(task) == 99
    task.state = "done"
    assert percent_of(task) == 100


def test_a_page_reads_the_clock_of_the_database(admin, full_admin, monkeypatch):
    task = of(full_admin, state="running", total=10, done=5, started_at=database_now(), leased_until=NOW)
    monkeypatch.setattr("provisioning.views.tasks.database_now", lambda: NOW + timedelta(hours=1))
    assert "goes on when a worker is free" in html(admin.get(f"/tasks/{task.pk}/"))
