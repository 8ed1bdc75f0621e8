"""One process and its watchdog: nothing outlives whoever should end it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from texting_hub.up import identity, process
from texting_hub.up.process import Child, Program, Watchdog
from texting_hub.up.supervisor import backoff, how

pytestmark = pytest.mark.once

PARENT_OF_A_STUBBORN_CHILD = """
import os, signal, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(os.environ["TOLD"], "w").write(str(os.getpid()))
    time.sleep(60)
time.sleep(60)
"""


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for another process, no longer than needed."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    made = Watchdog()
    yield made
    made.process.kill()
    made.process.wait()


@pytest.fixture
def start(tmp_path: Path, watchdog: Watchdog) -> Iterator[Callable[[str], Child]]:
    """`start(code)` runs Python code as a child; it is gone after the test."""
    children: list[Child] = []

    def start_one(code: str) -> Child:
        environment = {**os.environ, "TOLD": str(tmp_path / "told")}
        program = Program("thing", "thing", [sys.executable, "-S", "-c", code], environment, tmp_path)
        child = Child(program, tmp_path / "thing.log", watchdog)
        child.spawn()
        children.append(child)
        return child

    yield start_one
    for child in children:
        if child.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()


def grandchild(tmp_path: Path) -> int:
    told = tmp_path / "told"
    until(lambda: told.exists() and told.read_text() != "")
    return int(told.read_text())


def gone(pid: int) -> bool:
    return identity.started(pid) is None


def test_output_goes_to_the_log_with_the_time_of_the_start(start: Callable[[str], Child]) -> None:
    child = start("print('hello')")
    until(lambda: child.ended() is not None)
    lines = child.log.read_text().splitlines()
    assert lines[0].startswith("--- 20")
    assert lines[1] == "hello"
    assert child.output_since(child.began_at_byte)[0] == ["hello"]


def test_the_log_is_for_the_owner_alone(start: Callable[[str], Child]) -> None:
    assert start("pass").log.stat().st_mode & 0o777 == 0o600


def test_an_end_is_told_once(start: Callable[[str], Child]) -> None:
    child = start("raise SystemExit(7)")
    codes: list[int] = []
    until(lambda: (code := child.ended()) is not None and (codes.append(code) or True))
    assert codes == [7]
    assert child.ended() is None
    assert child.pid is None


def test_what_a_crashed_process_leaves_is_ended(start: Callable[[str], Child], tmp_path: Path) -> None:
    child = start(PARENT_OF_A_STUBBORN_CHILD)
    left = grandchild(tmp_path)
    os.kill(child.pid or 0, signal.SIGKILL)
    until(lambda: child.ended() is not None)
    until(lambda: gone(left))


def test_an_end_by_force_takes_the_whole_group(start: Callable[[str], Child], tmp_path: Path) -> None:
    child = start(PARENT_OF_A_STUBBORN_CHILD)
    leader, left = child.pid or 0, grandchild(tmp_path)
    child.kill()
    until(lambda: gone(leader) and gone(left))


def test_the_watchdog_ends_every_group_when_its_supervisor_vanishes(
    start: Callable[[str], Child], watchdog: Watchdog, tmp_path: Path
) -> None:
    child = start(PARENT_OF_A_STUBBORN_CHILD)
    leader, left = child.pid or 0, grandchild(tmp_path)
    assert watchdog.process.stdin is not None
    watchdog.process.stdin.close()
    until(lambda: gone(left))
    assert child.process is not None
    assert child.process.wait() == -signal.SIGKILL
    assert gone(leader)


def test_the_watchdog_leaves_alone_what_ended_in_order(start: Callable[[str], Child], watchdog: Watchdog) -> None:
    ended, stays = start("pass"), start("import time; time.sleep(60)")
    until(lambda: ended.ended() is not None)
    watchdog.dismiss()
    assert watchdog.process.returncode == 0
    assert not gone(stays.pid or 0)


def test_the_watchdog_does_not_stop_for_a_signal(watchdog: Watchdog) -> None:
    answer = subprocess.Popen(
        [sys.executable, "-I", "-S", process.__file__.replace("process.py", "watchdog.py")], stdin=subprocess.PIPE
    )
    status = Path(f"/proc/{answer.pid}/status")
    if status.exists():
        ignores = (1 << signal.SIGTERM - 1) | (1 << signal.SIGINT - 1) | (1 << signal.SIGHUP - 1)
        until(lambda: _ignored(status) & ignores == ignores)
    answer.communicate(b"end\n")
    assert answer.returncode == 0


def _ignored(status: Path) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith("SigIgn"))
    return int(line.split()[1], 16)


def test_a_watchdog_that_died_is_replaced_and_knows_the_groups(
    start: Callable[[str], Child], watchdog: Watchdog, tmp_path: Path
) -> None:
    start(PARENT_OF_A_STUBBORN_CHILD)
    left = grandchild(tmp_path)
    watchdog.process.kill()
    watchdog.process.wait()
    watchdog.look_after()
    assert watchdog.process.stdin is not None
    watchdog.process.stdin.close()
    until(lambda: gone(left))


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no such signal; the watchdog does it there")
def test_the_kernel_ends_a_child_whose_parent_was_killed() -> None:
    code = (
        "import subprocess, sys\n"
        "from texting_hub.up.process import die_with_parent\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'],"
        " preexec_fn=die_with_parent())\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=process.__file__.rsplit("/", 3)[0]
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    until(lambda: gone(pid))


def test_a_number_that_is_used_again_is_another_process() -> None:
    start = identity.started(os.getpid())
    assert start is not None
    assert identity.runs(os.getpid(), start)
    assert not identity.runs(os.getpid(), start + "0")
    assert not identity.end_group(os.getpid(), start + "0")


def test_a_log_that_grew_is_put_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    with process.open_log(path) as log:
        for round_of in (b"first\n", b"second\n", b"third\n", b"fourth\n"):
            log.write(round_of)
            log.flush()
            assert process.rotate(path, limit=3)
        log.write(b"now\n")
    assert path.read_text() == "now\n"
    assert (tmp_path / "web.log.1").read_text() == "fourth\n"
    assert (tmp_path / "web.log.2").read_text() == "third\n"
    assert not (tmp_path / "web.log.3").exists()
    assert (tmp_path / "web.log.1").stat().st_mode & 0o777 == 0o600


def test_a_small_log_stays(tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("x")
    assert not process.rotate(tmp_path / "web.log")


def test_restarts_wait_longer_each_time_up_to_half_a_minute() -> None:
    assert [backoff(failures) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


def test_an_end_is_told_in_words() -> None:
    assert how(-9) == "killed by SIGKILL"
    assert how(3) == "exit code 3"
