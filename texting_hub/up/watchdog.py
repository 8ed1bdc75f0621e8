"""Ends every process of a copy when its supervisor vanishes, however it vanished. Run by path; standard library only.

The supervisor, and every child in the instant before it becomes its program, writes lines to our standard input:
`+123` a process group began, `-123` it is gone, `end` all is in order. The supervisor alone keeps the other end open,
so the end of input without `end` means that it was killed. What is still on the list is then killed, group by group,
with the children of the children. A crash is what this is; whoever stops in order goes through the supervisor.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        word = line.strip()
        if word == b"end":
            return
        if word.startswith(b"+"):
            groups.add(int(word[1:]))
        elif word.startswith(b"-"):
            groups.discard(int(word[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
