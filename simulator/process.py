"""The process: one event loop with uvicorn, the ledger and the courier. Ends on SIGTERM, SIGINT or a dead parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import uvicorn
from django.core.asgi import get_asgi_application
from django.core.management import call_command

from simulator import directory, wire
from simulator.carrier import the_carrier
from simulator.connections import KnownConnection

GRACE_SECONDS = 2


class Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process before the ledger is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def prepare() -> None:
    """The database, brought up to date, with the demonstration's phones in a new one."""
    call_command("migrate", verbosity=0, interactive=False)
    directory.fill()


def run(listener: socket.socket) -> None:
    """Serve until told to stop."""
    asyncio.run(_serve(listener))


async def _serve(listener: socket.socket) -> None:
    carrier = the_carrier()
    await asyncio.to_thread(carrier.load)
    config = uvicorn.Config(
        wire.beside(get_asgi_application()),
        http=KnownConnection,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    watch = asyncio.create_task(_watch_parent(server, os.getppid()))
    carrier.start()
    await server.serve(sockets=[listener])
    watch.cancel()
    await carrier.stop()


async def _watch_parent(server: Server, parent: int) -> None:
    """Whoever started this process is gone: so is the reason for it. Process 1 is nobody's supervisor here."""
    while parent != 1 and os.getppid() == parent:  # noqa: ASYNC110
        await asyncio.sleep(1)
    server.should_exit = server.should_exit or parent != 1
