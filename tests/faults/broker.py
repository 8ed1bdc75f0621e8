"""A Valkey of one scenario: killed, and started again at the same address with what it had on disk."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.faults.house import until
from texting_hub.up import valkey


class Broker:
    def __init__(self) -> None:
        # A socket's path has to be short.
        self.folder = Path(tempfile.mkdtemp(prefix="hub-fault-", dir="/tmp"))
        self._socket = self.folder / valkey.SOCKET_NAME
        self.url = valkey.url(self._socket)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = valkey.command(self._socket, self.folder)
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until(lambda: valkey.answers(self._socket), "the broker answers")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
