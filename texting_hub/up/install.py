"""Makes `.venv` from a hashed lock, then becomes the command. Standard library only: nothing is installed yet.

What must never happen: a command runs on a half-made environment; two installs write at once; the network is
asked for what is there already. Everything it tells goes to stderr: the command's own output stays clean.

- `.venv/hub-stamp.json` is written last and holds the SHA-256 of each lock that is installed, and the Python
  that it was installed for. It matches: nothing is done, nothing is locked, nothing is fetched.
- `.venv/hub-unfinished` is there while an install runs. Found at the start, the last one was cut off: a package
  may be half there and look whole, so the environment is made anew.
- A kernel lock on `.hub/install.lock` is held throughout, also by pip, so that it outlives a killed parent.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from gettext import gettext as _
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parents[2]
RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
INCLUDED = {RUNTIME: (RUNTIME,), DEVELOPMENT: (RUNTIME, DEVELOPMENT)}
"""What installing a lock satisfies: the development lock is a superset of the runtime's."""

_PACKAGE = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^]]*])?==", re.MULTILINE)
_FETCHED = re.compile(
    r"^\s*(?:(?:Collecting|Ignoring|Requirement already satisfied:)\s+|Processing \S.*/(?=[^/]*\.whl))"
    r"([A-Za-z0-9._]+(?:-[A-Za-z][A-Za-z0-9._]*)*)"
)
"""pip's lines for a package, also one that this machine does not need or has as a file."""
_WORTH_TELLING = re.compile(r"error|× |no matching|not found|denied|no space|timed out|refused", re.IGNORECASE)


class Trouble(Exception):  # noqa: N818  (told to a person, not raised at a programmer)
    """Something a person has to see to; the text says what."""


class Environment:
    """One `.venv`, and the locks it is made from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "hub-stamp.json"
        self.unfinished = self.folder / "hub-unfinished"
        self.log = root / ".hub" / "install.log"

    def satisfies(self, lock: str) -> bool:
        """Whether exactly this lock is installed, whole, for the Python that `.venv` runs now."""
        try:
            stamp = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return False
        if not isinstance(stamp, dict) or self.unfinished.exists():
            return False
        return stamp.get(lock) == digest(self.root / lock) and stamp.get("python") == self.version()

    def version(self) -> str:
        """`3.11` for the environment's Python; empty when it does not run (its base was removed, or moved)."""
        if Path(sys.prefix) == self.folder:
            return f"{sys.version_info.major}.{sys.version_info.minor}"
        try:
            asked = subprocess.run(
                [self.python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True, text=True, timeout=30, check=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return ""
        return asked.stdout.strip()

    def usable(self) -> bool:
        """Whether an install may go on top of what is there."""
        if self.unfinished.exists() or not self.version():
            return False
        return (self.folder / "lib" / f"python{self.version()}" / "site-packages").is_dir()

    def write_stamp(self, lock: str) -> None:
        """The last act of an install."""
        stamp = {name: digest(self.root / name) for name in INCLUDED[lock]}
        draft = self.stamp.with_suffix(".draft")
        draft.write_text(json.dumps({**stamp, "python": self.version()}))
        draft.replace(self.stamp)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ensure(environment: Environment, lock: str) -> None:
    """Installed when this returns; Trouble when it cannot be."""
    if environment.satisfies(lock):
        return
    with _alone(environment) as lock_descriptor:
        if environment.satisfies(lock):
            return
        _install(environment, lock, lock_descriptor)


@contextlib.contextmanager
def _alone(environment: Environment) -> Iterator[int]:
    folder = environment.root / ".hub"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / "install.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Trouble(
            _("Texting Hub cannot write to its own folder %(folder)s (%(why)s). Give yourself the right to do so.")
            % {"folder": environment.root, "why": error.strerror}
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(_("Another ./hub is installing. Waiting for it."))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _install(environment: Environment, lock: str, lock_descriptor: int) -> None:
    began = time.monotonic()
    total = len(_PACKAGE.findall((environment.root / lock).read_text()))
    environment.log.write_text("")
    environment.log.chmod(0o600)
    if not environment.usable():
        _make(environment, lock_descriptor)
    environment.stamp.unlink(missing_ok=True)
    environment.unfinished.touch()
    try:
        _fill(environment, lock, total, lock_descriptor)
    except Trouble:
        environment.unfinished.unlink()  # pip changes everything or nothing: the next install goes on from here
        raise
    environment.unfinished.unlink()
    environment.write_stamp(lock)
    _say(_("Installed %(total)d packages in %(seconds)d s.") % {"total": total, "seconds": time.monotonic() - began})


def _make(environment: Environment, lock_descriptor: int) -> None:
    """A fresh, empty environment: by uv where it is there (no pip in it, no waiting), or by the standard library."""
    if environment.folder.is_symlink() or environment.folder.is_file():
        environment.folder.unlink()
    shutil.rmtree(environment.folder, ignore_errors=True)
    environment.folder.mkdir()
    environment.unfinished.touch()
    base = getattr(sys, "_base_executable", None) or sys.executable
    title = _("Making .venv")
    if uv := shutil.which("uv"):
        command = [uv, "venv", "--quiet", "--allow-existing", "--python", base, str(environment.folder)]
        if _run(environment, command, title, 0, lock_descriptor):
            return
    if not (importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Trouble(
            _("Python %(version)s (%(base)s) has no venv module. On Debian: apt install python%(version)s-venv")
            % {"version": version, "base": base}
        )
    command = [base, "-I", "-m", "venv", str(environment.folder)]
    if not _run(environment, command, title, 0, lock_descriptor):
        raise _failed(environment, _("The environment .venv could not be made."))


def _fill(environment: Environment, lock: str, total: int, lock_descriptor: int) -> None:
    """Every package of the lock, each checked against its hashes: by uv where it is there, otherwise by pip.

    The lock is whole, so nothing is resolved: a resolver that meets `coverage[toml]` may ask for the newest release of
    it although another one is pinned, and then refuse it for want of a hash.
    """
    requirements = ["--no-deps", "--require-hashes", "-r", str(environment.root / lock)]
    title = _("Installing")
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", str(environment.python), *requirements]
        if _run(environment, command, title, total, lock_descriptor):
            return
        _say(_("uv could not install everything; trying pip."))
    pip = [str(environment.python), "-I", "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        _run(environment, [str(environment.python), "-I", "-m", "ensurepip"], _("Adding pip"), 0, lock_descriptor)
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    if not _run(environment, [*pip, "install", *quiet, *requirements], title, total, lock_descriptor):
        raise _failed(environment, _("The packages could not be installed."))


def _failed(environment: Environment, sentence: str) -> Trouble:
    """The sentence, the lines of the log that tell the cause, and what to do."""
    lines = environment.log.read_text(errors="replace").splitlines()
    telling = [line for line in lines if _WORTH_TELLING.search(line)][-5:] or lines[-5:]
    advice = _("The whole story is in %(log)s. Once the cause is gone, run this again.") % {"log": environment.log}
    return Trouble("\n".join([sentence, *(f"  {line.strip()}" for line in telling), advice]))


def _run(environment: Environment, command: list[str], title: str, total: int, lock_descriptor: int) -> bool:
    """Run a step with its output in the log and its progress on the terminal; whether it went well."""
    progress = Progress(title, total)
    with environment.log.open("a") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=environment.root, pass_fds=(lock_descriptor,), text=True, errors="replace",
            env=_clean_environment(),
        ) as process:  # fmt: skip
            try:
                _follow(process, log, progress)
            except BaseException:
                process.kill()
                raise
    progress.end()
    return process.returncode == 0


def _clean_environment() -> dict[str, str]:
    """Ours, less what would make pip install somewhere else. Where it fetches from stays the machine's own choice."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    }


def _follow(process: subprocess.Popen[str], log: IO[str], progress: Progress) -> None:
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        rest = ""
        while True:
            if not selector.select(timeout=0.5):
                progress.show()
                continue
            piece = os.read(descriptor, 65536).decode(errors="replace")
            if not piece:
                return
            log.write(piece)
            log.flush()
            *lines, rest = (rest + piece).split("\n")
            for line in lines:
                progress.read(line)


class Progress:
    """One live line on a terminal; elsewhere a line when it starts and every ten seconds."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total = title, total
        self.began = time.monotonic()
        self.told = self.began - 10
        self.names: set[str] = set()
        self.latest = ""
        self.live = sys.stderr.isatty()
        self.show()

    def read(self, line: str) -> None:
        """Take in a line of pip's or uv's output."""
        if found := _FETCHED.match(line):
            self.names.add(found.group(1).lower().replace("_", "-"))
            self.latest = found.group(1)
        elif line.startswith("Installing collected packages"):
            self.latest = _("unpacking")
        self.show()

    def show(self) -> None:
        now = time.monotonic()
        if self.live:
            if now - self.told >= 0.1 or not self.latest:
                self._write(f"\r\033[K{self._line(now)}"[: shutil.get_terminal_size().columns + 4])
                self.told = now
        elif now - self.told >= 10:
            self._write(self._line(now) + "\n")
            self.told = now

    def end(self) -> None:
        if self.live:
            self._write("\r\033[K")

    def _line(self, now: float) -> str:
        seconds = int(now - self.began)
        counted = f" {min(len(self.names), self.total)}/{self.total}" if self.names else ""
        return f"{self.title}{counted} ({seconds} s) {self.latest}".rstrip()

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _catch(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Handle a kill and a closed terminal, but leave a hangup ignored where `nohup` ignores it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def main(arguments: list[str]) -> int:
    """`install.py LOCK COMMAND...`: install, then become `python -m texting_hub.up COMMAND...`."""
    lock, *command = arguments
    _catch(_interrupted)
    environment = Environment(ROOT)
    try:
        ensure(environment, lock)
    except Trouble as trouble:
        print(f"./hub: {trouble}", file=sys.stderr)
        return 1
    except OSError as error:
        print(_("./hub: the install was stopped by the system: %(why)s") % {"why": error}, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(_("\n./hub: the install was stopped. The next ./hub starts it again."), file=sys.stderr)
        return 130
    return _become(str(environment.python), command)


def _become(python: str, command: list[str]) -> NoReturn:
    _catch(signal.SIG_DFL)
    os.execv(python, [python, "-P", "-m", "texting_hub.up", *command])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
