"""The data folder of one copy: private to its owner, held by one supervisor at a time, with what is kept between runs.

run.lock            held (flock) by the supervisor for as long as it lives; the kernel lets go when it dies
restoring           a restore has begun and has not ended: nothing starts
run.json            who runs, where, and with what environment (0600: database addresses carry passwords)
demonstration.json  the demonstration's password, the simulator's secrets, the sign-ins (0600)
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from texting_hub.up.words import Trouble, _

OURS = {"install.log", "install.lock", "run.lock", "secrets.json", "hub.sqlite3", "restoring"}
"""Any of these names marks a folder as a data folder of ours."""


class DataFolder:
    """Paths and private files of one copy."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self.run_file = self.path / "run.json"
        self.demonstration_file = self.path / "demonstration.json"
        self.lock_file = self.path / "run.lock"
        self._lock: int | None = None

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits that name this folder wherever its path is too long or too telling."""
        return hashlib.sha256(str(self.path).encode()).hexdigest()[:12]

    def make(self) -> None:
        """Create what is missing, readable by the owner alone. A folder of somebody else's is refused."""
        try:
            self._refuse_strange_folder()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for name in ("logs", "valkey", "beat", "simulator"):
                (self.path / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Trouble(
                _("The data folder %(folder)s cannot be used: %(why)s. Choose another: ./hub up --data DIR")
                % {"folder": self.path, "why": error.strerror}
            ) from error

    def _refuse_strange_folder(self) -> None:
        """Closing a folder that others use (a home, a shared disk) would be rude; a private one is the owner's word."""
        if not self.path.exists() or stat.S_IMODE(self.path.stat().st_mode) == 0o700:
            return
        names = {entry.name for entry in self.path.iterdir()}
        if names and not names & OURS:
            raise Trouble(
                _("%(folder)s has files in it that are not Texting Hub's. Choose an empty or a new folder: --data DIR")
                % {"folder": self.path}
            )

    def hold(self) -> None:
        """Become the one supervisor of this folder, or say who is."""
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        for _attempt in range(3):  # `status` holds it for an instant while it asks
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = descriptor
                return
            time.sleep(0.1)
        os.close(descriptor)
        raise Trouble(self._held_sentence())

    def _held_sentence(self) -> str:
        run = self.read_run()
        facts = {"folder": self.path, "pid": run.get("pid", "?"), "url": run.get("url", "")}
        if run.get("url"):
            return (
                _("This data folder is in use: process %(pid)s serves it at %(url)s. Stop it with ./hub down, or start")
                % facts
                + " "
                + _("a second copy: ./hub up --port 8100 --data OTHER-FOLDER")
            )
        return _("The data folder %(folder)s is in use by process %(pid)s, which is starting or stopping.") % facts

    def refuse_half_restored(self) -> None:
        """Trouble while a restore has begun and not ended (texting_hub/backup/marker.py writes the file)."""
        if (self.path / "restoring").exists():
            raise Trouble(
                _("A restore into %(folder)s has begun and has not ended. Run the same ./hub restore again.")
                % {"folder": self.path}
            )

    def is_held(self) -> bool:
        """Whether a supervisor lives, asked without disturbing it."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def read_run(self) -> dict[str, Any]:
        """What the supervisor wrote of itself; empty when there is none."""
        return read_private(self.run_file)

    def write_run(self, run: dict[str, Any]) -> None:
        write_private(self.run_file, run)

    def forget_run(self) -> None:
        self.run_file.unlink(missing_ok=True)


def read_private(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when the file is absent or was cut off."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, for the owner's eyes (0600)."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    draft.replace(path)
