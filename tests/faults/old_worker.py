"""The relay of an older tree, as a process: `python old_worker.py FOLDER`, settings in the environment.

It is run with that tree on the path, so it uses only what the relay has offered since then.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

import django


def main(folder: Path) -> None:
    django.setup()
    from django.conf import settings
    from django.db import DatabaseError

    settings.RELAY_LEASE_SECONDS = int(os.environ["FAULTS_LEASE"])
    settings.CARRIER_TIMEOUT_SECONDS = int(os.environ["FAULTS_TIMEOUT"])
    from messaging import clock, relay, sweep

    told = folder / "code.part"
    told.write_text(str(Path(relay.__file__).resolve().parents[1]))
    told.rename(folder / "code")
    with relay.Relay() as worker:
        while True:
            try:
                worker.run()
                sweep.sweep(clock.database_now())
            except DatabaseError:
                # Celery notes a task that failed, and takes the next one.
                traceback.print_exc()
            time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
