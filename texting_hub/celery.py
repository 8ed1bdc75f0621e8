"""Celery: which queues exist, which task goes where, what runs when. Tasks are wake-ups; the database is the queue."""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, task_prerun, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")

app = Celery("texting_hub")

QUEUES = {
    "relay": "texts on their way to carriers; a worker of its own",
    "general": "bulk changes, mail, purge, exports, sweeps",
}

ROUTES = {
    "messaging.relay_due": {"queue": "relay"},
    "messaging.relay_sweep": {"queue": "relay"},
    "provisioning.*": {"queue": "general"},
    "messaging.*": {"queue": "general"},
    "compliance.*": {"queue": "general"},
}

BEAT = {
    "relay sweep: what a lost wake-up left": {"task": "messaging.relay_sweep", "schedule": 5.0},
    "whether numbers can text, as carriers report it": {"task": "messaging.refresh_capabilities", "schedule": 120.0},
    "receipts whose message was not there yet": {"task": "messaging.match_orphans", "schedule": 60.0},
    "what Overview draws": {"task": "messaging.count_outcomes", "schedule": 60.0},
    "alerts of messaging": {"task": "messaging.watch", "schedule": 60.0},
    "alerts of the house, and the mail of all": {"task": "provisioning.watch", "schedule": 60.0},
    "late purges": {"task": "compliance.watch_purges", "schedule": 900.0},
    "the audit log, every night": {"task": "compliance.watch_audit_log", "schedule": crontab(hour=3, minute=30)},
    "registrations without an answer": {"task": "provisioning.reconcile_registrations", "schedule": 10.0},
    "campaigns to be renewed": {"task": "provisioning.watch_renewals", "schedule": crontab(minute=35)},
    "imports of users of 30 days ago": {"task": "provisioning.remove_old_imports", "schedule": crontab(minute=20)},
    "exports whose worker vanished": {"task": "compliance.resume_exports", "schedule": 15.0},
    "exports past their end": {"task": "compliance.expire_exports", "schedule": crontab(minute=15)},
    "purges whose worker vanished": {"task": "compliance.resume_purges", "schedule": 600.0},
    "mail that waits: lost wake-ups, later tries": {"task": "provisioning.send_mail", "schedule": 30.0},
    "tasks whose wake-up or worker was lost": {"task": "provisioning.resume_tasks", "schedule": 10.0},
    "tasks that ended 30 days ago": {"task": "provisioning.remove_old_tasks", "schedule": crontab(hour=4, minute=0)},
    "sessions past their end": {"task": "provisioning.clear_sessions", "schedule": crontab(hour=3, minute=30)},
    "nightly purge": {"task": "compliance.purge_messages", "schedule": crontab(hour=2, minute=0)},
}
"""None of them expires: machines' clocks differ. What comes every few seconds is a Sweep (provisioning/sweeping.py)."""


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: a UNIX socket is redis+socket:// there, unix:// elsewhere."""
    return redis_url.replace("unix://", "redis+socket://", 1)


def configure(redis_url: str) -> None:
    """Read everything Celery needs to know from here; there is no other place."""
    app.conf.update(
        broker_url=broker_url(redis_url) if redis_url else "memory://",
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        broker_transport_options={
            # A killed worker's unacknowledged task comes back after the timeout plus one sweep (interval x throttle).
            "visibility_timeout": 120,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 2,
            "socket_timeout": 30,
            "socket_keepalive": not redis_url.startswith("unix:"),
            "max_retries": 1,
            # Two copies on one Redis keep apart.
            "global_keyprefix": os.environ.get("BROKER_PREFIX", ""),
        },
        task_publish_retry=False,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_default_queue="general",
        task_create_missing_queues=True,
        task_routes=ROUTES,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        beat_schedule=BEAT,
        timezone="UTC",
        # Celery would close the database's connection at each task, and with it the plans; see keep_connections.
        CELERY_DB_REUSE_MAX=sys.maxsize,
    )


configure(os.environ.get("REDIS_URL", ""))
app.autodiscover_tasks(["provisioning", "messaging", "compliance"])


@worker_init.connect
@beat_init.connect
def refuse_a_half_restored_database(**_signal: Any) -> None:
    """Before the first task: a text that the database forgot must not go out again (texting_hub/backup)."""
    from texting_hub.backup.marker import refuse_to_start  # noqa: PLC0415  (settings must be there first)

    refuse_to_start()


@task_prerun.connect
def keep_connections(task: Any = None, **_signal: Any) -> None:
    """As at a request's beginning: a connection that broke, or is older than CONN_MAX_AGE, is closed; others stay."""
    from django.db import close_old_connections  # noqa: PLC0415  (settings must be there first)

    if not task.request.is_eager:
        close_old_connections()
