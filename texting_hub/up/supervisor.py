"""Starts every process of a copy in order, watches over them, and stops them in order.

What must never happen: a process that outlives this one; a text cut off in flight by an orderly stop; a data
folder served twice; a crash that nobody is told of.

- One thread. Signals only leave a note and wake the loop (signals.py), so a stop is never missed.
- Start: Valkey, preparation (migrations, static files, demonstration), web and simulator, workers and beat.
- Stop: beat (no new work), workers (they finish what is in flight, within bounds), web, simulator, Valkey last.
  A second Ctrl-C waits for nothing but Valkey's last write.
- A killed supervisor stops nothing in order: the watchdog and the kernel end its children (process.py).
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

import redis

from texting_hub.up import identity, ports, prepare, programs, valkey
from texting_hub.up.process import Child, Program, Watchdog, rotate
from texting_hub.up.programs import Copy
from texting_hub.up.signals import Signals
from texting_hub.up.terminal import complain, say
from texting_hub.up.words import Trouble, _

LONGEST_BACKOFF = 30
HEALTHY_SECONDS = 60
START_SECONDS = 120
TICK_SECONDS = 2.0
STOP_ORDER = (("prepare",), ("beat",), ("relay", "general"), ("web",), ("simulator",), ("valkey",))


class Stopped(Exception):  # noqa: N818  (not an error)
    """A stop was asked for while starting."""


def backoff(failures: int) -> float:
    """Seconds before the start after that many failures in a row: 1, 2, 4 .. 30."""
    return float(min(LONGEST_BACKOFF, 2 ** (failures - 1)))


class Supervisor:
    """One copy, from the first check to the last process. `on_ready` is called when every page answers."""

    def __init__(self, copy: Copy, on_ready: Callable[[], None]) -> None:
        self.copy = copy
        self.folder = copy.folder
        self.on_ready = on_ready
        self.children: dict[str, Child] = {}
        self.ready = False

    def run(self) -> None:
        """Serve until told to stop. Trouble when it cannot be started; whatever was started has ended then."""
        self.folder.make()
        self.folder.hold()
        self.folder.refuse_half_restored()
        self._end_what_was_left()
        ports.check(self.copy.port, pair=self.copy.demonstrates)
        self.signals = Signals()
        self.watchdog = Watchdog()
        try:
            self._start()
            self.on_ready()
            self._watch_over()
        except Stopped:
            pass
        finally:
            self._stop()

    def _end_what_was_left(self) -> None:
        """Where neither watchdog nor kernel could: an earlier copy's processes, known by number and start time."""
        for name, known in self.folder.read_run().get("children", {}).items():
            if known["pid"] and identity.end_group(known["pid"], known["start"]):
                say(_("Ended %(name)s (process %(pid)d), which an earlier copy had left.") % {**known, "name": name})
        self.folder.forget_run()

    # Starting

    def _start(self) -> None:
        if self.copy.has_own_valkey:
            valkey.make_private(self.copy.socket.parent)
            self._spawn(programs.valkey_server(self.copy))
            self._wait_for("valkey", lambda: valkey.answers(self.copy.socket))
        else:
            self._check_redis()
        self._prepare()
        say(_("Starting"))
        self._start_pages()
        for program in (programs.relay, programs.general, programs.beat):
            self._spawn(program(self.copy))
        self.ready = True
        self._write_run()

    def _start_pages(self) -> None:
        """The pages first: the workers' start would take the processor from the first page."""
        self._spawn(programs.web(self.copy))
        if self.copy.demonstrates:
            self._spawn(programs.simulator(self.copy))
            self._wait_for("simulator", lambda: not ports.is_free(self.copy.port + 1))
        self._wait_for("web", lambda: ports.is_ready(self.copy.port))

    def _check_redis(self) -> None:
        address = self.copy.given["REDIS_URL"]
        try:
            with redis.Redis.from_url(address, socket_connect_timeout=3, socket_timeout=3) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            sentence = _("The Redis that REDIS_URL names does not answer: %(why)s. Start it, or unset REDIS_URL.")
            raise Trouble(sentence % {"why": error}) from error

    def _prepare(self) -> None:
        """Run the preparation to its end, passing on what it says."""
        child = self._spawn(programs.prepare(self.copy))
        position, code, trouble = child.began_at_byte, None, _("The preparation failed.")
        while code is None:
            self._pause(0.1)
            code = child.ended()
            lines, position = child.output_since(position)
            for line in lines:
                if line.startswith(prepare.SAY):
                    say(line.removeprefix(prepare.SAY).strip())
                elif line.startswith(prepare.TROUBLE):
                    trouble = line.removeprefix(prepare.TROUBLE).strip()
        del self.children["prepare"]
        if code:
            raise Trouble(_with_log(trouble, child))

    def _spawn(self, program: Program) -> Child:
        child = Child(program, self.folder.logs / f"{program.name}.log", self.watchdog)
        self.children[program.name] = child
        child.spawn()
        self._write_run()
        return child

    def _wait_for(self, name: str, is_there: Callable[[], bool]) -> None:
        child = self.children[name]
        facts: dict[str, Any] = {"title": child.program.title, "seconds": START_SECONDS}
        deadline = time.monotonic() + START_SECONDS
        while not _asked(is_there, child):
            code = child.ended()
            if code is not None:
                sentence = _("The %(title)s ended while it was starting (%(how)s).") % {**facts, "how": how(code)}
                raise Trouble(_with_log(sentence, child))
            if time.monotonic() > deadline:
                raise Trouble(_with_log(_("The %(title)s did not answer within %(seconds)d s.") % facts, child))
            self._pause(0.1)

    def _pause(self, seconds: float) -> None:
        self.signals.pause(seconds)
        if self.signals.stop_asked:
            raise Stopped

    # Watching over

    def _watch_over(self) -> None:
        while not self.signals.stop_asked:
            self.watchdog.look_after()
            for child in self.children.values():
                rotate(child.log)
                self._look_after(child)
            self.signals.pause(self._seconds_to_next_start())

    def _seconds_to_next_start(self) -> float:
        now = time.monotonic()
        waits = [child.retry_at - now for child in self.children.values() if child.retry_at is not None]
        return min([TICK_SECONDS, *waits])

    def _look_after(self, child: Child) -> None:
        code = child.ended()
        if code is not None:
            self._plan_restart(child, how(code))
        elif child.retry_at is not None and time.monotonic() >= child.retry_at:
            self._restart(child)

    def _plan_restart(self, child: Child, reason: str) -> None:
        now = time.monotonic()
        healthy = now - child.started_at >= HEALTHY_SECONDS
        child.failures = 1 if healthy else child.failures + 1
        seconds = backoff(child.failures)
        child.retry_at = now + seconds
        facts = {
            "time": time.strftime("%H:%M:%S"), "title": child.program.title, "reason": reason,
            "seconds": seconds, "log": child.log,
        }  # fmt: skip
        sentence = _("%(time)s The %(title)s ended (%(reason)s). It starts again in %(seconds)d s. Its log: %(log)s")
        complain(sentence % facts)
        self._write_run()

    def _restart(self, child: Child) -> None:
        child.restarts += 1
        try:
            child.spawn()
        except OSError as error:
            self._plan_restart(child, str(error))
        self._write_run()

    # Stopping

    def _stop(self) -> None:
        if self.ready:
            say(_("Stopping. Texts in flight are finished first; Ctrl-C again stops at once."))
        self.ready = False
        for stage in STOP_ORDER:
            self._stop_together([self.children[name] for name in stage if name in self.children])
        if self.copy.has_own_valkey:
            shutil.rmtree(self.copy.socket.parent, ignore_errors=True)
        self.watchdog.dismiss()
        self.folder.forget_run()
        self.signals.close()

    def _stop_together(self, children: list[Child]) -> None:
        asked_at = time.monotonic()
        for child in children:
            child.ask_to_stop()
        for child in children:
            while child.process is not None and child.ended() is None:
                waited = time.monotonic() - asked_at
                hurried = self.signals.in_a_hurry and child.program.name != "valkey"
                if hurried or waited > child.program.stop_seconds:
                    child.kill()
                else:
                    self.signals.pause(0.1)

    def _write_run(self) -> None:
        """For `down`, `status` and `manage`, and for the next copy after a crash."""
        run: dict[str, Any] = {
            "pid": os.getpid(),
            "start": identity.started(os.getpid()),
            "ready": self.ready,
            "url": f"{self.copy.url}/",
            "simulator_url": self.copy.simulator_url if self.copy.demonstrates else "",
            "environment": self.copy.shared(),
            "children": {name: known(child) for name, child in self.children.items()},
        }
        self.folder.write_run(run)


def known(child: Child) -> dict[str, Any]:
    """What run.json tells of a child. `pid` is 0 while it waits for its next start."""
    return {"pid": child.pid or 0, "start": child.start, "title": child.program.title, "restarts": child.restarts}


def how(code: int) -> str:
    """A process's end in words."""
    if code < 0:
        return _("killed by %(signal)s") % {"signal": signal.Signals(-code).name}
    return _("exit code %(code)d") % {"code": code}


def _asked(is_there: Callable[[], bool], child: Child) -> bool:
    try:
        return is_there()
    except Trouble as trouble:
        raise Trouble(_with_log(str(trouble), child)) from trouble


def _with_log(sentence: str, child: Child) -> str:
    lines = [f"  {line}" for line in child.tail()]
    return "\n".join([sentence, *lines, _("Its log is %(log)s") % {"log": child.log}])
