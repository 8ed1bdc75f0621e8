"""What the processes of a scenario run. Each is forked from the nursery, so Django is there already."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from messaging import clock, receipts
from messaging.relay import Relay
from messaging.sweep import sweep
from tests.faults import broken, points
from texting_hub import celery

logger = logging.getLogger("faults")
ROUND_SECONDS = 0.05
SWEEP_SECONDS = 0.25


def set_up(options: dict[str, Any]) -> None:
    """This process's own settings: which database and broker, how short a lease."""
    if name := options.get("database"):
        connection.settings_dict["NAME"] = name
    if (timeout := options.get("lock_timeout")) and connection.vendor == "sqlite":
        connection.settings_dict["OPTIONS"]["timeout"] = timeout
    for setting, value in options.get("settings", {}).items():
        setattr(settings, setting, value)
    celery.configure(settings.REDIS_URL)
    if point := options.get("point"):
        points.hold(point, Path(options["folder"]))
    if skew := options.get("skew"):
        _set_wall_clock(skew)


def _set_wall_clock(seconds: float) -> None:
    """Everything that Python asks the machine's clock, from now on, is off by so much. It keeps ticking."""
    import datetime as times

    import time_machine

    time_machine.travel(times.datetime.now(times.UTC) + times.timedelta(seconds=seconds), tick=True).start()


def relay(options: dict[str, Any]) -> None:
    """What the relay's Celery worker and beat do, without them: runs, sweeps, and goes on after an error."""
    with Relay(**({"connections": options["connections"]} if "connections" in options else {})) as worker:
        swept, sweeps = 0.0, 0
        while True:
            try:
                worker.run()
                if options.get("sweeps", True) and time.monotonic() - swept > SWEEP_SECONDS:
                    swept = time.monotonic()
                    sweep(clock.database_now())
                    receipts.match_orphans(clock.database_now())
                    sweeps += 1
                    (Path(options["folder"]) / "sweeps").write_text(str(sweeps))
            except (DatabaseError, InterfaceError):
                logger.exception("relay_run_failed")
                close_old_connections()
            time.sleep(ROUND_SECONDS)


def naive(options: dict[str, Any]) -> None:
    """A relay that breaks its promises: the checker must find out."""
    broken.run(options["breaks"])


def web(options: dict[str, Any]) -> None:
    """The hub's web server."""
    import uvicorn

    from texting_hub.asgi import application

    uvicorn.run(
        application, host="127.0.0.1", port=options["port"], lifespan="off", access_log=False, proxy_headers=False,
        log_level="warning",
    )  # fmt: skip


def _celery(options: dict[str, Any]) -> Any:
    (sweep_entry,) = (entry for entry in celery.BEAT.values() if entry["task"] == "messaging.relay_sweep")
    celery.app.conf.beat_schedule = {"sweep": {**sweep_entry, "schedule": 0.5}}
    return celery.app


def celery_worker(options: dict[str, Any]) -> None:
    """The relay's worker, as production starts it, but (unless a pool is asked for) in one process so that a kill takes
    all of it."""
    pool = ["-P", options.get("pool", "solo"), "-c", "1"]
    arguments = ["-Q", "relay", *pool, "-n", f"{options['name']}@%h", "--without-gossip", "--without-mingle"]
    _celery(options).worker_main(["worker", *arguments, "--without-heartbeat", "-l", "INFO"])


def celery_pool(options: dict[str, Any]) -> None:
    """The same with the pool of production (docker-compose.yml): a parent that takes tasks, a child that works."""
    arguments = ["-Q", "relay", "-n", f"{options['name']}@%h", "-c", "1", "--without-gossip", "--without-mingle"]
    _celery(options).worker_main(["worker", *arguments, "-l", "INFO"])


def celery_beat(options: dict[str, Any]) -> None:
    """Beat, with the relay's sweep alone, ten times as often."""
    schedule = Path(options["folder"]) / f"schedule-{options['name']}"
    _celery(options).Beat(schedule=str(schedule), loglevel="INFO", pidfile="").run()


PROGRAMS = {
    "relay": relay, "naive": naive, "web": web, "celery worker": celery_worker, "celery pool": celery_pool,
    "celery beat": celery_beat,
}  # fmt: skip


def run(program: str, options: dict[str, Any]) -> None:
    """Never returns: the process ends with the program."""
    code = 1
    try:
        set_up(options)
        PROGRAMS[program](options)
        code = 0
    except BaseException:
        logger.exception("%s ended", program)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
