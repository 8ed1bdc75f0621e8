"""Tasks run in steps: a killed worker repeats none and loses none, and nothing runs for who may no longer."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError

from compliance import verification
from compliance.models import AuditEvent
from provisioning import task_engine, task_line, task_requests
from provisioning.changes import Actor
from provisioning.models import Task, TaskRow, TaskState, User
from provisioning.refusals import Refusal
from provisioning.task_kinds import register, title_of
from tests import factories
from tests.factories import NOW
from tests.provisioning.marking import MARKING, Marking
from tests.task_runs import Clock, outcomes, run_to_end, ticket_of

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@pytest.fixture(autouse=True)
def marking(monkeypatch):
    """The kind, calm again after each test; and wake-ups are what a test looks at, not what runs it."""
    monkeypatch.setattr(MARKING, "in_step", lambda cursor: None)
    return MARKING


@pytest.fixture
def sent(monkeypatch):
    """Every wake-up, as (task id, ticket or None)."""
    found = []
    monkeypatch.setattr(task_line, "wake", lambda task_id, ticket=None: found.append((task_id, ticket)))
    return found


@pytest.fixture
def people(organization, full_admin):
    """34 users with the administrator among them: four steps."""
    location = factories.LocationFactory(organization=organization)
    return [factories.UserFactory(location=location) for _each in range(33)]


def asked(person, **fields):
    options = {"via": "portal", "ip": "192.0.2.44", "now": NOW, **fields}
    return task_engine.start("marking", person.organization, person, options.pop("arguments", {}), **options)


def marks(organization):
    """How often each user was written, as a set: {"x"} is everybody once."""
    return set(User.objects.filter(organization=organization).values_list("client_version", flat=True))


def events(task):
    return list(AuditEvent.objects.filter(target_id=str(task.pk)).order_by("sequence").values_list("action", flat=True))


def die_in_step(monkeypatch, number, error=Killed):
    calls = []

    def dying(cursor):
        calls.append(cursor)
        if len(calls) == number:
            raise error

    monkeypatch.setattr(MARKING, "in_step", dying)
    return calls


def test_a_task_writes_every_row_once_and_says_so(organization, full_admin, people):
    task = run_to_end(asked(full_admin))
    assert (task.state, task.total, task.done, task.changed, task.refused) == ("done", 34, 34, 34, 0)
    assert marks(organization) == {"x"}
    assert [row[0] for row in outcomes(task)] == list(range(1, 35))
    assert AuditEvent.objects.filter(action="user.changed", actor=full_admin, ip="192.0.2.44").count() == 34
    assert events(task) == ["task.started", "task.finished"]
    assert verification.verify() == []


def test_a_refused_row_stops_no_other_and_keeps_its_sentence(organization, full_admin, people):
    User.objects.filter(pk=people[3].pk).update(license="standard")
    task = run_to_end(asked(full_admin))
    assert (task.state, task.changed, task.refused) == ("done", 33, 1)
    row = task.rows.get(outcome="refused")
    assert (row.label, row.code, row.column) == (people[3].display_name, "not_this_one", "license")
    assert row.sentence == "This user is not marked."


@pytest.mark.parametrize("step", range(1, 5))
def test_a_worker_killed_in_any_step_leaves_whole_steps_and_the_next_goes_on(
    organization, full_admin, people, monkeypatch, step
):
    task = asked(full_admin)
    calls = die_in_step(monkeypatch, step)
    with pytest.raises(Killed):
        run_to_end(task)
    task.refresh_from_db()
    assert (task.state, task.done, task.rows.count()) == ("running", (step - 1) * 10, (step - 1) * 10)
    task_engine.run(task.pk, now=lambda: task.leased_until - timedelta(microseconds=1))
    assert len(calls) == step, "the lease of the dead still holds"
    run_to_end(task, Clock(task.leased_until))
    assert (task.state, task.done, marks(organization)) == ("done", 34, {"x"})
    assert len(calls) == 5, "one step was made twice, the one that was undone"
    assert verification.verify() == []


def test_a_worker_that_woke_up_late_writes_nothing(organization, full_admin, people, monkeypatch):
    task = asked(full_admin)
    advance, turns = task_engine._advance, []

    def overtaken(held, now):
        """Before the first worker's second step another one takes the task over and finishes it."""
        turns.append(1)
        if len(turns) == 2:
            monkeypatch.setattr(task_engine, "_advance", advance)
            task_engine.run(task.pk, now=Clock(NOW + task_line.LEASE + timedelta(minutes=2)))
            assert Task.objects.get().state == TaskState.DONE
        return advance(held, now)

    monkeypatch.setattr(task_engine, "_advance", overtaken)
    run_to_end(task)
    assert (task.done, task.rows.count(), marks(organization)) == (34, 34, {"x"})
    assert events(task) == ["task.started", "task.finished"]


def test_a_worker_without_the_ticket_waits_for_the_lease_to_run_out(full_admin, people, sent):
    task = asked(full_admin)
    task_line.let_in(full_admin.organization_id, NOW)
    task.refresh_from_db()
    for ticket in (None, uuid.uuid4()):
        task_engine.run(task.pk, ticket, now=lambda: task.leased_until - timedelta(microseconds=1))
    task.refresh_from_db()
    assert task.done == 0
    task_engine.run(task.pk, ticket_of(task), now=lambda: NOW)
    task.refresh_from_db()
    assert task.done == 34


def test_a_task_that_is_over_is_not_run_again(full_admin, people):
    task = run_to_end(asked(full_admin))
    before = Task.objects.values().get()
    task_engine.run(task.pk, now=Clock(NOW + timedelta(days=1)))
    assert Task.objects.values().get() == before


def test_a_task_that_is_unknown_is_nothing_to_do(db):
    task_engine.run(uuid.uuid4(), now=Clock())


@pytest.mark.parametrize("number", [1, 3])
def test_an_unexpected_error_fails_the_task_with_a_code_and_keeps_what_was_done(
    organization, full_admin, people, monkeypatch, caplog, number
):
    task = asked(full_admin)
    die_in_step(monkeypatch, number, RuntimeError("quotes rosalind@northwind.example"))
    run_to_end(task)
    done = (number - 1) * 10
    assert (task.state, task.error_code, task.done, task.rows.count()) == ("failed", "unexpected", done, done)
    assert AuditEvent.objects.filter(action="user.changed").count() == done
    assert events(task)[-1] == "task.failed"
    assert "rosalind@northwind.example" not in caplog.text


def test_a_refusal_of_the_whole_task_fails_it_with_its_own_words(full_admin, people, monkeypatch):
    task = asked(full_admin)
    die_in_step(monkeypatch, 2, Refusal("policy_not_accepted", "Accept the policy first."))
    run_to_end(task)
    assert (task.state, task.error_code, task.error_sentence) == (
        "failed", "policy_not_accepted", "Accept the policy first.",
    )  # fmt: skip
    assert task.done == 10


def test_a_database_error_leaves_the_task_to_the_next_worker(organization, full_admin, people, monkeypatch):
    task = asked(full_admin)
    die_in_step(monkeypatch, 2, OperationalError("deadlock detected"))
    task_engine.run(task.pk, now=Clock())
    task.refresh_from_db()
    assert (task.state, task.done) == ("running", 10)
    run_to_end(task, Clock(task.leased_until))
    assert (task.state, marks(organization)) == ("done", {"x"})


def test_a_step_that_kills_its_worker_each_time_is_given_up_after_five_attempts(
    organization, full_admin, people, monkeypatch
):
    task, attempts = asked(full_admin), []

    def poison(cursor):
        if cursor:
            attempts.append(1)
            raise Killed

    monkeypatch.setattr(MARKING, "in_step", poison)
    clock = Clock()
    for _restart in range(20):
        try:
            task_engine.run(task.pk, now=clock)
        except Killed:
            clock.at += timedelta(minutes=5)
    task.refresh_from_db()
    assert (len(attempts), task.state, task.error_code, task.done) == (5, "failed", "gave_up", 10)


def test_attempts_in_vain_are_forgotten_once_a_step_was_made(organization, full_admin, people, monkeypatch):
    task, clock, calls = asked(full_admin), Clock(), []

    def now_and_then(cursor):
        calls.append(cursor)
        if len(calls) % 4:
            raise Killed

    monkeypatch.setattr(MARKING, "in_step", now_and_then)
    for _restart in range(30):
        try:
            task_engine.run(task.pk, now=clock)
        except Killed:
            clock.at += timedelta(minutes=5)
    task.refresh_from_db()
    assert (task.state, marks(organization)) == ("done", {"x"})


def test_a_requester_who_was_deactivated_meanwhile_ends_the_task(organization, full_admin, people, monkeypatch):
    task = asked(full_admin)
    monkeypatch.setattr(
        MARKING, "in_step", lambda cursor: User.objects.filter(pk=full_admin.pk).update(is_active=False)
    )
    run_to_end(task)
    assert (task.state, task.error_code, task.done) == ("failed", "requester_inactive", 10)


def test_a_requester_who_lost_the_role_meanwhile_ends_the_task(organization, full_admin, people):
    task = asked(full_admin)
    full_admin.role_assignments.all().delete()
    factories.with_role(full_admin, "read_only_admin")
    run_to_end(task)
    assert (task.state, task.error_code, marks(organization)) == ("failed", "requester_not_allowed", {""})


def test_cancelling_stops_between_two_steps_and_what_was_done_stays(organization, full_admin, people, monkeypatch):
    task = asked(full_admin)
    advance, turns = task_engine._advance, []

    def cancelled_after_two(held, now):
        turns.append(1)
        if len(turns) == 3:
            task_engine.cancel(held, Actor.of_user(full_admin, "portal"), NOW)
        return advance(held, now)

    monkeypatch.setattr(task_engine, "_advance", cancelled_after_two)
    run_to_end(task)
    assert (task.state, task.done, task.rows.count()) == ("cancelled", 20, 20)
    assert sorted(User.objects.values_list("client_version", flat=True)).count("x") == 20
    assert AuditEvent.objects.get(action="task.cancelled").actor == full_admin


def test_a_waiting_task_can_be_cancelled_and_never_runs(organization, full_admin, people):
    task = asked(full_admin)
    task_engine.cancel(task, Actor.of_user(full_admin, "portal"), NOW)
    run_to_end(task)
    task_engine.run(task.pk, now=Clock())
    assert (task.state, marks(organization)) == ("cancelled", {""})


def test_a_task_that_is_over_cannot_be_cancelled(full_admin, people):
    task = run_to_end(asked(full_admin))
    with pytest.raises(Refusal) as refused:
        task_engine.cancel(task, Actor.of_user(full_admin, "portal"), NOW)
    assert (refused.value.code, refused.value.http_status) == ("task_over", 409)
    task.refresh_from_db()
    assert task.state == "done"


def test_a_turn_ends_after_two_seconds_and_the_task_goes_to_the_end_of_the_queue(full_admin, people, sent, monkeypatch):
    monkeypatch.setattr(task_engine, "TURN", 0)
    task = asked(full_admin)
    sent.clear()
    task_engine.run(task.pk, now=lambda: NOW)
    task.refresh_from_db()
    assert (task.done, sent) == (10, [(task.pk, task.lease_token)])
    assert task.leased_until == NOW + task_line.WAITS


def test_a_ticket_is_good_for_one_turn(full_admin, people, sent, monkeypatch):
    monkeypatch.setattr(task_engine, "TURN", 0)
    task = asked(full_admin)
    task_engine.run(task.pk, now=lambda: NOW)
    task.refresh_from_db()
    ticket = task.lease_token
    task_engine.run(task.pk, ticket, now=lambda: NOW)
    task_engine.run(task.pk, ticket, now=lambda: NOW)
    task.refresh_from_db()
    assert task.done == 20, "a wake-up that came twice made one turn"


def test_the_sweep_wakes_what_was_lost_and_nothing_else(full_admin, people, sent):
    task = asked(full_admin)
    sent.clear()
    assert task_line.sweep(NOW) == 1, "it waited, its wake-up lost"
    assert task_line.sweep(NOW + task_line.WAITS - timedelta(seconds=1)) == 0, "its ticket is under way"
    assert task_line.sweep(NOW + task_line.WAITS) == 1, "its ticket was lost"
    task.refresh_from_db()
    assert sent[-1] == (task.pk, task.lease_token)
    run_to_end(task)
    assert task_line.sweep(NOW + timedelta(days=1)) == 0


def test_two_tasks_of_an_organization_run_and_the_others_wait(full_admin, people, sent):
    tasks = [asked(full_admin) for _each in range(4)]
    for task in tasks:
        task_line.let_in_for(task.pk, NOW)
    assert [Task.objects.get(pk=task.pk).state for task in tasks] == ["running", "running", "waiting", "waiting"]
    run_to_end(tasks[0])
    task_line.let_in(full_admin.organization_id, NOW)
    assert [Task.objects.get(pk=task.pk).state for task in tasks] == ["done", "running", "running", "waiting"]


def test_who_has_nothing_running_comes_before_who_asked_earlier(organization, full_admin, people, sent):
    colleague = factories.with_role(factories.UserFactory(organization=organization, location=None), "user_admin")
    greedy = [asked(full_admin) for _each in range(4)]
    modest = asked(colleague)
    task_line.let_in(organization.pk, NOW)
    assert set(Task.objects.filter(state="running").values_list("pk", flat=True)) == {greedy[0].pk, modest.pk}


def test_tasks_of_two_organizations_do_not_wait_for_each_other(full_admin, people, stranger, sent):
    theirs = factories.with_role(stranger, "full_admin")
    for person in (full_admin, theirs):
        for _each in range(3):
            asked(person)
    task_line.sweep(NOW)
    for person in (full_admin, theirs):
        assert Task.objects.filter(organization=person.organization, state="running").count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_next_in_line_is_let_in_as_soon_as_a_place_is_free(sent):
    admin = factories.with_role(factories.UserFactory(), "full_admin")
    tasks = [asked(admin) for _each in range(3)]
    task_line.let_in(admin.organization_id, NOW)
    run_to_end(tasks[0])
    tasks[2].refresh_from_db()
    assert (tasks[2].state, (tasks[2].pk, tasks[2].lease_token) in sent) == ("running", True)


def test_an_organization_with_fifty_unfinished_tasks_is_told_to_wait(full_admin, monkeypatch):
    monkeypatch.setattr(task_requests, "MOST_UNFINISHED", 3)
    for _each in range(3):
        asked(full_admin)
    with pytest.raises(Refusal) as refused:
        asked(full_admin)
    assert (refused.value.code, refused.value.http_status) == ("too_many_tasks", 429)
    assert Task.objects.count() == 3


def test_the_same_key_and_request_make_one_task(full_admin, stranger):
    first = asked(full_admin, idempotency_key="k1", arguments={"a": 1, "b": 2})
    assert asked(full_admin, idempotency_key="k1", arguments={"b": 2, "a": 1}) == first
    assert asked(full_admin, idempotency_key="k2", arguments={"a": 1, "b": 2}) != first
    assert asked(stranger, idempotency_key="k1", arguments={"a": 1, "b": 2}) != first
    assert Task.objects.count() == 3
    assert AuditEvent.objects.filter(action="task.started", organization=full_admin.organization).count() == 2


def test_the_same_key_with_another_request_is_refused(full_admin):
    asked(full_admin, idempotency_key="k1", arguments={"a": 1})
    with pytest.raises(Refusal) as refused:
        asked(full_admin, idempotency_key="k1", arguments={"a": 2})
    assert (refused.value.code, refused.value.http_status) == ("idempotency_conflict", 409)


@pytest.mark.parametrize("key", ["x" * 256, "line\nend", "nul\x00"])
def test_a_key_that_no_column_or_header_takes_is_refused(full_admin, key):
    with pytest.raises(Refusal) as refused:
        asked(full_admin, idempotency_key=key)
    assert (refused.value.code, refused.value.http_status) == ("idempotency_key_invalid", 400)


def test_tasks_are_removed_with_their_rows_thirty_days_after_they_ended(full_admin, people, monkeypatch):
    monkeypatch.setattr(task_requests, "BATCH", 7)
    old, waiting = run_to_end(asked(full_admin)), asked(full_admin)
    ended = old.finished_at
    assert task_requests.remove_old(ended + timedelta(days=30) - timedelta(microseconds=1)) == 0
    assert task_requests.remove_old(ended + timedelta(days=30)) == 1
    assert (list(Task.objects.all()), TaskRow.objects.count()) == ([waiting], 0)
    assert AuditEvent.objects.filter(action="task.finished").exists(), "the audit log keeps what it did"


def test_a_step_of_more_rows_than_one_transaction_audits_is_our_mistake(full_admin, monkeypatch):
    monkeypatch.setattr(task_engine, "MOST_ROWS", 0)
    assert run_to_end(asked(full_admin)).error_code == "unexpected"


def test_a_kind_that_nobody_knows_any_longer_fails_its_tasks_and_keeps_its_code(full_admin):
    task = asked(full_admin)
    Task.objects.update(kind="of_last_year")
    assert (run_to_end(task).error_code, title_of("of_last_year")) == ("unexpected", "of_last_year")


def test_two_kinds_cannot_share_a_code():
    register(MARKING)
    with pytest.raises(ValueError, match="marking"):
        register(Marking())


def test_the_statements_of_a_step_do_not_grow_with_its_rows(full_admin, django_assert_max_num_queries):
    def statements(count):
        location = factories.LocationFactory(organization=full_admin.organization)
        for _each in range(count):
            factories.UserFactory(location=location)
        task = asked(full_admin)
        with django_assert_max_num_queries(1000) as counted:
            run_to_end(task)
        return len(counted)

    assert statements(1) == statements(6)
