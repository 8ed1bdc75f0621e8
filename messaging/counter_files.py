"""The files in which processes count for Prometheus, and what becomes of those whose process has ended.

A process counts into files of its own, {kind}_{process}.db (prometheus-client makes them), and holds a lock on
{process}.alive for as long as it lives: the kernel lets go of it, however the process ends, and containers that share
the folder see it too. A process that begins adds what the ended ones counted to {kind}_ended.db and removes their
files. So files do not grow in number with restarts, and no count ever goes back. A gauge ends with its process.

What must never happen:
1. A count is lost, or counts twice. Sums are written beside what is there; one rename (fold.json, the list of what they
   hold) decides that they count. Whoever comes next finishes what was cut off after that, and forgets what came before.
2. The files of a living process are touched. Only who gets its lock may take them for left behind.
3. Somebody reads in between. Everything in here happens under the folder's lock, which is never held for long.
"""

from __future__ import annotations

import fcntl
import json
import struct
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import structlog
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

logger = structlog.get_logger(__name__)

ENDED: Final = "ended"
"""Stands for the process in the name of the files that hold what ended processes counted."""
GAUGE: Final = "gauge"
_held: Final[dict[Path, IO[str]]] = {}
"""The marks of this process, open and locked until it ends. A child that inherits them keeps them locked, too."""


def begin(folder: Path, process: str) -> None:
    """From now on this process counts; what ended ones left is added up. Costs nothing the second time."""
    mark = folder / f"{process}.alive"
    if mark in _held:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        _fold(folder)
        file = mark.open("a")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _held[mark] = file


def read(folder: Path) -> list[Metric]:
    """What all processes counted, those that ended too."""
    if not folder.is_dir():
        return []
    with _alone(folder):
        files = [str(path) for path in folder.glob("*.db") if _values_of(path)]
        return list(MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder's lock, and nothing half done in the folder."""
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            _finish(folder)
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _fold(folder: Path) -> None:
    """Add up what ended processes counted."""
    left = [path for path in folder.glob("*.db") if not _is_kept(path)]
    by_kind: defaultdict[str, list[Path]] = defaultdict(list)
    for path in left:
        by_kind[path.name.partition("_")[0]].append(path)
    by_kind.pop(GAUGE, None)
    for kind, paths in by_kind.items():
        _add_up(folder / f"{kind}_{ENDED}.db", paths)
    marks = [mark for mark in folder.glob("*.alive") if not _is_locked(mark)]
    _decide(folder, [path.name for path in (*left, *marks)])
    _finish(folder)


def _is_kept(path: Path) -> bool:
    """Whether it is the file of a living process, or of all that ended before."""
    process = path.stem.rpartition("_")[2]
    return process == ENDED or _is_locked(path.with_name(f"{process}.alive"))


def _is_locked(mark: Path) -> bool:
    if not mark.exists():
        return False
    with mark.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _add_up(total: Path, paths: Collection[Path]) -> None:
    """Write the sums of these files, and of the total so far, beside the total."""
    sums: defaultdict[str, float] = defaultdict(float)
    for path in (total, *paths) if total.exists() else paths:
        for key, value in _values_of(path):
            sums[key] += value
    file = MmapedDict(str(total.with_suffix(".new")))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        file.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    file.close()  # type: ignore[no-untyped-call]


def _values_of(path: Path) -> list[tuple[str, float]]:
    """What one file holds; nothing where its process, or the machine, ended in the middle of making it."""
    try:
        found = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
        return [(key, value) for key, value, *_rest in found]
    except (struct.error, RuntimeError, UnicodeDecodeError) as error:
        logger.warning("counts_unreadable", file=path.name, error=type(error).__name__)
        return []


def _decide(folder: Path, names: list[str]) -> None:
    """From here on the sums beside the totals count, and these files do not."""
    if names:
        written = folder / "fold.tmp"
        written.write_text(json.dumps(names))
        written.replace(folder / "fold.json")


def _finish(folder: Path) -> None:
    """Bring what was decided to its end; forget sums that nobody decided on. Repeating does no harm."""
    decided = folder / "fold.json"
    if not decided.exists():
        for unwanted in folder.glob("*.new"):
            unwanted.unlink()
        return
    for sums in folder.glob("*.new"):
        sums.replace(sums.with_suffix(".db"))
    for name in json.loads(decided.read_text()):
        (folder / name).unlink(missing_ok=True)
    decided.unlink()
