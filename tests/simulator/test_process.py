"""The process: it starts, stops, restarts, and leaves with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.simulator.process import PHONE, ROOT, Listener, Simulator, until

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture
def start(tmp_path: Path, hub: Listener) -> Iterator[Callable[..., Simulator]]:
    started: list[Simulator] = []

    def start_one(**options: object) -> Simulator:
        started.append(Simulator(tmp_path, hub.url, **options))
        return started[-1]

    yield start_one
    for simulator in started:
        simulator.stop()


def test_sigterm_ends_it_soon_even_while_a_request_is_held(start: Callable[..., Simulator]) -> None:
    simulator = start()
    simulator.control("mode", {"behaviour": "timeout"})
    simulator.http.timeout = 0.2
    with pytest.raises(httpx.ReadTimeout):
        simulator.send("held")
    assert simulator.stop() == 0


def test_a_restart_remembers_texts_rules_and_what_it_owes(start: Callable[..., Simulator], hub: Listener) -> None:
    first = start()
    hub.answers = [503] * 3
    first.control("mode", {"behaviour": "refused", "phones": ["+14155550147"]})
    first.send("before")
    first.control("inbound", {"from": PHONE, "to": "+14155550101", "body": "owed"})
    until(lambda: hub.posts)
    first.stop()
    second = start()
    until(lambda: second.state()["owed"] == 0)
    assert second.taken("before") == 1
    assert second.send("refused", to="+14155550147").status_code == 400
    assert {event["body"] for event in hub.events()} == {"owed"}


def test_what_was_answered_202_survives_a_kill(start: Callable[..., Simulator]) -> None:
    first = start()
    for number in range(20):
        assert first.send(f"text-{number}").status_code == 202
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(timeout=10)
    assert start().state()["taken"] == 20


def test_it_can_be_told_to_die_after_taking(start: Callable[..., Simulator]) -> None:
    simulator = start()
    simulator.control("mode", {"behaviour": "exits", "next": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        simulator.send("last words")
    assert simulator.process.wait(timeout=10) == 1
    assert start().taken("last words") == 1


def test_a_busy_port_is_a_sentence(start: Callable[..., Simulator], tmp_path: Path) -> None:
    simulator = start()
    again = subprocess.run(
        simulator.command, cwd=ROOT, env=simulator.environment, capture_output=True, timeout=20, check=False
    )
    assert again.returncode == 1
    assert again.stderr.decode() == (
        f"The carrier simulator cannot use 127.0.0.1:{simulator.port}: Address already in use.\n"
    )


def test_it_leaves_when_its_parent_is_killed(start: Callable[..., Simulator]) -> None:
    model = start()
    model.stop()
    launcher = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", launcher, *model.command],
        cwd=ROOT, env=model.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    model.process = parent
    until(model.answers)
    parent.kill()
    parent.wait(timeout=10)
    until(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A child that nobody waits for stays in the table as a zombie: it runs no more.
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
