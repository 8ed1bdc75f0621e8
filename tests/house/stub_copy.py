"""A supervisor whose programs are tiny: `python stub_copy.py DATA [NAME=BEHAVIOUR ...]`, for tests of supervision.

Behaviours: `good` ends when asked; `stubborn` does not; `crashing` ends by itself once it is told to (a file
DATA/crash-NAME appears); `broken` ends at once. Each writes to DATA/story when it starts and when it ends in order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from texting_hub.up import ports, programs, supervisor, valkey
from texting_hub.up.folder import DataFolder
from texting_hub.up.process import Program
from texting_hub.up.programs import Copy
from texting_hub.up.terminal import complain, say
from texting_hub.up.words import Trouble

PROGRAM = """
import os, signal, sys, time
data, name, behaviour = sys.argv[1:]
def tell(what):
    with open(f"{data}/story", "a") as story:
        story.write(f"{what} {name}\\n")
def end(*_):
    tell("ended")
    sys.exit(0)
if behaviour == "broken":
    sys.exit("there is no such module")
signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else end)
tell("started")
while True:
    time.sleep(0.02)
    if behaviour == "crashing" and os.path.exists(f"{data}/crash-{name}"):
        os.unlink(f"{data}/crash-{name}")
        os._exit(9)
"""


def main() -> int:
    data = Path(sys.argv[1])
    behaviours = dict(argument.split("=") for argument in sys.argv[2:])

    def made(name: str) -> Program:
        command = [sys.executable, "-S", "-c", PROGRAM, str(data), name, behaviours.get(name, "good")]
        return Program(name, name, command, dict(os.environ), data, stop_seconds=20)

    for name in ("web", "simulator", "relay", "general", "beat"):
        setattr(programs, name, lambda _copy, name=name: made(name))
    programs.valkey_server = lambda _copy: made("valkey")
    preparation = [sys.executable, "-S", "-c", "print('say: Preparing')"]
    programs.prepare = lambda _copy: Program("prepare", "preparation", preparation, dict(os.environ), data)
    started = lambda name: (data / "story").exists() and f"started {name}" in (data / "story").read_text()  # noqa: E731
    ports.is_ready = lambda _port: started("web")
    ports.is_free = lambda _port: not started("simulator")
    valkey.answers = lambda _socket: started("valkey")
    try:
        supervisor.Supervisor(Copy(DataFolder(data), 8000, True, {}), lambda: say("ready")).run()
    except Trouble as trouble:
        complain(str(trouble))
        return 1
    say("over")
    return 0


if __name__ == "__main__":
    sys.exit(main())
