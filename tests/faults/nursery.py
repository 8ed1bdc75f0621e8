"""Forks the processes of the scenarios: `python -m tests.faults.nursery`, orders on standard input, one JSON line each.

Django is loaded once; a process is there within milliseconds, and is as real as any: it can be killed and stopped. All
of them end with the nursery, and the nursery ends with its standard input.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from typing import Any

import django

from texting_hub.up.process import die_with_parent


def load() -> None:
    """Everything that children need, before they are forked. No thread may start, no connection may open in here."""
    django.setup()
    for module in ("celery.bin.worker", "uvicorn", "texting_hub.asgi", "texting_hub.urls", "tests.faults.programs"):
        importlib.import_module(module)


def fork(program: str, options: dict[str, Any], log: str) -> int:
    bound = die_with_parent()
    pid = os.fork()
    if pid:
        return pid
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    bound()
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    from tests.faults import programs

    programs.run(program, options)
    raise AssertionError


def reap(*_signal: object) -> None:
    """Dead children go at once, so that a process number that answers is a process that lives."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def main() -> None:
    load()
    signal.signal(signal.SIGCHLD, reap)
    print("ready", flush=True)
    for line in sys.stdin:
        print(fork(**json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
