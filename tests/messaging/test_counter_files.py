"""What a process counted outlives it, in files whose number does not grow; whatever cuts the adding up off."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from prometheus_client.mmap_dict import MmapedDict

from messaging import counter_files, measurements

COUNTING = """
from messaging import measurements
measurements.count_composes("accepted")
measurements.observe_receipt_delays([1.0, 3.0])
"""
AND_WAITING = f"""{COUNTING}
print("counted", flush=True)
input()
measurements.count_composes("accepted")
print("counted", flush=True)
input()
"""


def process(folder: Path, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, env={**os.environ, measurements.FOLDER: str(folder)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def came_and_went(folder: Path, code: str = COUNTING) -> None:
    with process(folder, code) as child:
        child.communicate()
    assert child.returncode == 0


@contextmanager
def living(folder: Path) -> Iterator[Callable[[], None]]:
    """A process that has counted once; called, it counts once more. Killed at the end."""
    with process(folder, AND_WAITING) as child:
        assert child.stdin
        assert child.stdout
        stdin, stdout = child.stdin, child.stdout
        assert stdout.readline() == "counted\n"

        def again() -> None:
            stdin.write("\n")
            stdin.flush()
            assert stdout.readline() == "counted\n"

        try:
            yield again
        finally:
            child.kill()


def counted(folder: Path) -> tuple[float, float, float]:
    """Texts handed in; receipts, and the sum of their delays."""
    found = {
        sample.name: sample.value
        for metric in counter_files.read(folder)
        for sample in metric.samples
        if "le" not in sample.labels
    }
    return (
        found["hub_composes_total"],
        found["hub_receipt_delay_seconds_count"],
        found["hub_receipt_delay_seconds_sum"],
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.db"))


def test_what_ended_processes_counted_is_kept_in_one_set_of_files(tmp_path: Path) -> None:
    for _restart in range(4):
        came_and_went(tmp_path)
    assert counted(tmp_path) == (4, 8, 16)
    assert len(files(tmp_path)) == 4, "the last process's two, and two of all before it"
    assert {"counter_ended.db", "histogram_ended.db"} < set(files(tmp_path))
    assert len(list(tmp_path.glob("*.alive"))) == 1


def test_a_killed_process_is_no_exception(tmp_path: Path) -> None:
    with living(tmp_path):
        pass
    came_and_went(tmp_path)
    assert counted(tmp_path) == (2, 4, 8)
    assert len(files(tmp_path)) == 4


def test_the_files_of_a_living_process_are_left_alone(tmp_path: Path) -> None:
    with living(tmp_path) as count_again:
        mine = files(tmp_path)
        for _restart in range(2):
            came_and_went(tmp_path)
        assert set(mine) < set(files(tmp_path))
        count_again()
        assert counted(tmp_path) == (4, 6, 12)
    came_and_went(tmp_path)
    assert counted(tmp_path) == (5, 8, 16)
    assert len(files(tmp_path)) == 4


@pytest.mark.parametrize("step", ["_add_up", "_decide", "_finish"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_adding_up_that_was_cut_off_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, place: str
) -> None:
    came_and_went(tmp_path)
    with living(tmp_path):
        pass
    real, calls = getattr(counter_files, step), []

    def cut_off(*arguments: object) -> None:
        calls.append(step)
        # The first one is what everybody does who takes the folder's lock.
        if step == "_finish" and len(calls) == 1:
            return real(*arguments)
        if place == "after":
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(counter_files, step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            counter_files.begin(tmp_path, "another-1")
    assert counted(tmp_path) == (2, 4, 8)
    came_and_went(tmp_path)
    assert counted(tmp_path) == (3, 6, 12)
    assert len(files(tmp_path)) == 4


def test_a_gauge_ends_with_its_process(tmp_path: Path) -> None:
    gauge = MmapedDict(str(tmp_path / "gauge_livesum_host-1.db"))
    gauge.write_value('["open", "open", {}, "Open."]', 3.0, 0.0)
    gauge.close()
    came_and_went(tmp_path)
    assert not (tmp_path / "gauge_livesum_host-1.db").exists()
    assert counted(tmp_path) == (1, 2, 4)


@pytest.mark.parametrize("content", [b"", b"\x80" + bytes(40)])
def test_a_file_that_was_never_finished_disturbs_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "counter_host-1.db").write_bytes(content)
    came_and_went(tmp_path)
    assert counted(tmp_path) == (1, 2, 4)
    came_and_went(tmp_path)
    (tmp_path / "counter_host-1.db").write_bytes(content)
    assert counted(tmp_path) == (2, 4, 8)
