"""`python -m simulator --port N --data DIR [--host H]`: the carrier simulator with its virtual handset."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

import django


def main() -> int:
    """Bind, prepare, serve. A busy port is a sentence and exit code 1."""
    arguments = _arguments()
    folder = Path(arguments.data).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["SIMULATOR_DATA"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "simulator.settings"
    try:
        listener = _listener(arguments.host, arguments.port)
    except OSError as error:
        sys.stderr.write(f"The carrier simulator cannot use {arguments.host}:{arguments.port}: {error.strerror}.\n")
        return 1
    _serve(listener)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description="A carrier that is not there, and its phones.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", required=True, help="folder for the simulator's own database")
    parser.add_argument("--host", default="127.0.0.1")
    return parser.parse_args()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle off; without, every answer waits 40 ms for a delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    return listener


def _serve(listener: socket.socket) -> None:
    django.setup()
    # Its models need the settings, and those the environment that main() set.
    from simulator import process  # noqa: PLC0415

    process.prepare()
    process.run(listener)


if __name__ == "__main__":
    sys.exit(main())
