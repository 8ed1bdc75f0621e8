"""kill -9 at a worker in the middle of a step: a process of its own, on the database that the test sees too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from compliance import verification
from compliance.models import AuditEvent
from provisioning import task_engine, task_line
from provisioning.clock import database_now
from provisioning.models import Task, User
from tests import factories
from tests.compliance.threads import at_once
from tests.provisioning import marking  # noqa: F401  (makes the kind known)
from tests.task_runs import run_to_end

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import sys, time, uuid
import django
django.setup()
from provisioning import task_engine
from tests.provisioning.marking import MARKING

def hang(cursor):
    if cursor.get("done") == 10:
        print("written, not committed", flush=True)
        time.sleep(60)

MARKING.in_step = hang
task_engine.run(uuid.UUID(sys.argv[1]))
"""


@pytest.fixture
def administrator(shared_database):
    """Of 34 users: four steps."""
    location = factories.LocationFactory()
    for _each in range(33):
        factories.UserFactory(location=location)
    return factories.with_role(factories.UserFactory(location=location), "full_admin")


@pytest.fixture
def worker(tmp_path):
    """`worker(task)` is a process that stands in the middle of the task's second step."""
    started = []

    def start(task):
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(task.pk)], cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "DATABASE_URL": address(), "HUB_DATA": str(tmp_path), "REDIS_URL": "",
                 "DJANGO_SETTINGS_MODULE": "texting_hub.settings", "PYTHONPATH": str(settings.BASE_DIR)},
        )  # fmt: skip
        started.append(process)
        assert process.stdout.readline() == "written, not committed\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def address():
    """Of the test's own database, for another process."""
    named = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(named['NAME'])}"
    return f"postgres://{named['USER']}:{named['PASSWORD']}@{named['HOST']}:{named['PORT'] or 5432}/{named['NAME']}"


def asked(person):
    now = database_now()
    return task_engine.start("marking", person.organization, person, {}, via="portal", ip=None, now=now)


def marks():
    return set(User.objects.values_list("client_version", flat=True))


def test_a_worker_killed_in_the_middle_of_a_step_leaves_that_step_to_the_next(administrator, worker):
    task = asked(administrator)
    process = worker(task)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    task.refresh_from_db()
    assert (task.state, task.done, task.rows.count()) == ("running", 10, 10)
    lapsed = database_now() + task_line.LEASE
    run_to_end(task, lambda: lapsed)
    assert (task.state, task.done, task.changed, task.rows.count()) == ("done", 34, 34, 34)
    assert marks() == {"x"}
    assert AuditEvent.objects.filter(action="user.changed").count() == 34
    assert verification.verify() == []


def test_two_workers_at_once_make_each_step_once(administrator):
    task = asked(administrator)
    task_line.let_in(administrator.organization_id, database_now())
    lapsed = database_now() + timedelta(minutes=5)
    at_once(*[lambda: task_engine.run(task.pk, now=lambda: lapsed)] * 3)
    run_to_end(task, lambda: lapsed + timedelta(minutes=5))
    assert (task.state, task.done, task.rows.count(), marks()) == ("done", 34, 34, {"x"})
    assert verification.verify() == []


def test_workers_that_let_in_at_once_let_in_no_more_than_two(administrator):
    for _each in range(5):
        asked(administrator)
    now = database_now()
    at_once(*[lambda: task_line.let_in(administrator.organization_id, now)] * 4)
    assert Task.objects.filter(state="running").count() == 2
