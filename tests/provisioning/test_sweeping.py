"""Beat's tasks may pile up: a pile is one run, whatever the clocks say."""

from __future__ import annotations

import time
from typing import Any

import pytest
from celery import shared_task

from provisioning import sweeping
from provisioning.sweeping import Sweep
from texting_hub.celery import BEAT, app

OFTEN = 15.0
"""Seconds: what comes as often piles up within hours."""


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str]]:
    """A sweep that nobody ran yet, and what it did."""
    done: list[str] = []

    @shared_task(name=f"tests.sweep_{time.monotonic_ns()}", base=Sweep)
    def sweep(fails: bool = False) -> None:
        done.append("ran")
        if fails:
            raise ValueError

    return sweep, done


def test_of_a_pile_one_runs(ran: tuple[Any, list[str]]) -> None:
    sweep, done = ran
    for _ in range(100):
        sweep.apply()
    assert done == ["ran"]


def test_one_that_failed_is_not_tried_again_at_once(ran: tuple[Any, list[str]]) -> None:
    sweep, done = ran
    sweep.apply(args=[True])
    sweep.apply()
    assert done == ["ran"]


def test_the_next_one_runs_after_a_moment(ran: tuple[Any, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, done = ran
    sweep.apply()
    later = time.monotonic() + sweeping.REST
    monkeypatch.setattr(time, "monotonic", lambda: later)
    sweep.apply()
    assert done == ["ran"] * 2


def test_called_as_a_function_it_always_runs(ran: tuple[Any, list[str]]) -> None:
    sweep, done = ran
    sweep(), sweep()
    assert done == ["ran"] * 2


def test_nothing_that_beat_sends_expires_by_a_clock() -> None:
    assert [entry["task"] for entry in BEAT.values() if "expires" in entry.get("options", {})] == []


def test_what_beat_sends_every_few_seconds_does_not_pile_up() -> None:
    often = {entry["task"] for entry in BEAT.values() if isinstance(entry["schedule"], float)
             and entry["schedule"] < OFTEN}  # fmt: skip
    assert often == {"messaging.relay_sweep", "provisioning.reconcile_registrations", "provisioning.resume_tasks"}
    app.loader.import_default_modules()
    assert all(isinstance(app.tasks[name], Sweep) for name in often)
    assert all(entry["schedule"] > sweeping.REST for entry in BEAT.values() if isinstance(entry["schedule"], float))
