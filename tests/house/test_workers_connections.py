"""Workers keep their database connections between tasks, as web processes do between requests."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_prerun
from django.db import connection

from texting_hub.celery import app


def begin_a_task(*, is_eager: bool = False) -> None:
    task = SimpleNamespace(request=SimpleNamespace(is_eager=is_eager))
    task_prerun.send(sender=None, task=task, task_id="1", args=(), kwargs={})


def test_celery_closes_no_connection_at_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DjangoWorkerFixup, "_close_database", lambda self: pytest.fail("closed"))
    fixup = DjangoWorkerFixup(app)
    for _task in range(1000):
        fixup.close_database()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite's are opened anew: they are files")
class TestOnPostgres:
    def backend(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    def test_a_good_connection_stays(self) -> None:
        before = self.backend()
        begin_a_task()
        assert self.backend() == before

    def test_one_that_broke_while_nobody_looked_is_replaced(self) -> None:
        before = self.backend()
        begin_a_task()
        connection.connection.close()
        begin_a_task()
        assert self.backend() != before

    def test_one_that_is_too_old_is_replaced(self) -> None:
        before = self.backend()
        connection.close_at = 0.0
        begin_a_task()
        assert self.backend() != before

    def test_a_task_within_a_request_leaves_the_requests_connection_alone(self) -> None:
        before = self.backend()
        connection.close_at = 0.0
        begin_a_task(is_eager=True)
        assert self.backend() == before
