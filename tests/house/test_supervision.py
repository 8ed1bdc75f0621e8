"""Supervision: start in order, restart what crashes, and leave no process behind however it ends."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house.left_behind import end, forget_socket, mark, marked, only_linux, until

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["valkey", "web", "simulator", "relay", "general", "beat"]

pytestmark = [pytest.mark.once, only_linux]


class Run:
    """One supervisor with its tiny programs, and what it wrote."""

    def __init__(self, data: Path, behaviours: list[str], terminal: int | None = None) -> None:
        self.data = data
        self.environment = {**mark(), "PYTHONPATH": str(ROOT)}
        self.output = data.parent / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("stub_copy.py")), str(data), *behaviours],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True,
                env=self.environment, cwd="/", start_new_session=terminal is None,
                preexec_fn=lambda: _as_from_a_shell(terminal),  # noqa: PLW1509
            )  # fmt: skip

    def said(self) -> str:
        return self.output.read_text()

    def story(self) -> list[str]:
        path = self.data / "story"
        return path.read_text().splitlines() if path.exists() else []

    def wait_until_ready(self) -> None:
        until(lambda: "ready\n" in self.said() and len(self.story()) >= len(NAMES), told=self.said)

    def child(self, name: str) -> int:
        return int(json.loads((self.data / "run.json").read_text())["children"][name]["pid"])

    def ended(self) -> int:
        code = self.process.wait(timeout=20)
        until(lambda: not marked(self.environment))
        return code


def _as_from_a_shell(terminal: int | None) -> None:
    """Hang-ups end it even where the tests themselves were told to outlive one (nohup)."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if terminal is not None:
        _own_terminal(terminal)


def _own_terminal(terminal: int) -> None:
    os.setsid()
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """`run("relay=stubborn")` starts a supervisor in a data folder with a space in its path."""
    runs: list[Run] = []

    def start(*behaviours: str, terminal: int | None = None) -> Run:
        runs.append(Run(tmp_path / "my data", list(behaviours), terminal))
        return runs[-1]

    yield start
    for each in runs:
        end(each.process, each.environment)
        forget_socket(each.data)


def test_everything_starts_in_order_and_preparation_comes_before_pages(run: Callable[..., Run]) -> None:
    copy = run()
    copy.wait_until_ready()
    story = copy.story()
    assert story[0] == "started valkey"
    assert set(story[1:3]) == {"started web", "started simulator"}
    assert set(story[3:]) == {"started relay", "started general", "started beat"}
    assert copy.said().index("Preparing") < copy.said().index("Starting")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_in_order_and_leaves_nothing(run: Callable[..., Run], number: signal.Signals) -> None:
    copy = run()
    copy.wait_until_ready()
    copy.process.send_signal(number)
    assert copy.ended() == 0
    ends = [line.removeprefix("ended ") for line in copy.story() if line.startswith("ended")]
    assert ends[0] == "beat"
    assert set(ends[1:3]) == {"relay", "general"}
    assert ends[3:] == ["web", "simulator", "valkey"]
    assert not (copy.data / "run.json").exists()


def test_a_killed_supervisor_leaves_nothing(run: Callable[..., Run]) -> None:
    copy = run("relay=stubborn")
    copy.wait_until_ready()
    assert len(marked(copy.environment)) == len(NAMES) + len(["supervisor", "watchdog"])
    copy.process.kill()
    assert copy.ended() == -signal.SIGKILL


def test_a_closed_terminal_leaves_nothing(run: Callable[..., Run]) -> None:
    screen, terminal = pty.openpty()
    copy = run(terminal=terminal)
    os.close(terminal)
    copy.wait_until_ready()
    os.close(screen)
    assert copy.ended() == 0
    assert "ended valkey" in copy.story()


def test_a_crashed_child_is_started_again_and_one_line_tells_it(run: Callable[..., Run]) -> None:
    copy = run("relay=crashing")
    copy.wait_until_ready()
    first = copy.child("relay")
    (copy.data / "crash-relay").touch()
    until(lambda: copy.story().count("started relay") == 2, told=copy.said)
    until(lambda: copy.child("relay") not in {0, first})
    told = [line for line in copy.said().splitlines() if "The relay ended" in line]
    assert len(told) == 1
    assert "(exit code 9). It starts again in 1 s. Its log:" in told[0]


def test_a_watchdog_that_was_killed_is_replaced(run: Callable[..., Run]) -> None:
    copy = run("relay=stubborn")
    copy.wait_until_ready()
    (watchdog,) = watchdogs(copy)
    os.kill(watchdog, signal.SIGKILL)
    until(lambda: watchdogs(copy) not in ([], [watchdog]))
    copy.process.kill()
    copy.ended()


def watchdogs(copy: Run) -> list[int]:
    return [pid for pid in marked(copy.environment) if b"watchdog.py" in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_second_ctrl_c_does_not_wait_for_a_stubborn_worker(run: Callable[..., Run]) -> None:
    copy = run("relay=stubborn")
    copy.wait_until_ready()
    copy.process.send_signal(signal.SIGINT)
    until(lambda: "ended beat" in copy.story() and "ended general" in copy.story())

    def press_again() -> bool:
        copy.process.send_signal(signal.SIGINT)
        return copy.process.poll() is not None

    until(press_again, seconds=10)
    assert copy.ended() == 0
    assert "ended valkey" in copy.story()


def test_a_process_that_cannot_start_is_a_sentence_with_its_last_words(run: Callable[..., Run]) -> None:
    copy = run("web=broken")
    assert copy.ended() == 1
    said = copy.said()
    assert "The web ended while it was starting (exit code 1)." in said
    assert "there is no such module" in said
    assert "Traceback" not in said
    assert "ended valkey" in copy.story()


def test_a_stop_while_starting_leaves_nothing(run: Callable[..., Run]) -> None:
    copy = run("valkey=crashing")
    until(lambda: "started valkey" in copy.story())
    copy.process.send_signal(signal.SIGTERM)
    assert copy.ended() == 0
    assert "ready\n" not in copy.said()


def test_what_an_earlier_copy_left_is_ended_first(run: Callable[..., Run], tmp_path: Path) -> None:
    from texting_hub.up import identity

    data = tmp_path / "my data"
    data.mkdir()
    left = subprocess.Popen(["sleep", "60"], start_new_session=True)
    innocent = subprocess.Popen(["sleep", "60"], start_new_session=True)
    children = {
        "relay": {"pid": left.pid, "start": identity.started(left.pid)},
        "web": {"pid": innocent.pid, "start": "another boot"},
    }
    (data / "run.json").write_text(json.dumps({"children": children}))
    (data / "run.lock").touch()
    try:
        copy = run()
        copy.wait_until_ready()
        assert left.wait(timeout=5) == -signal.SIGKILL
        assert innocent.poll() is None
        assert f"Ended relay (process {left.pid})" in copy.said()
    finally:
        left.kill()
        innocent.kill()
        innocent.wait()
