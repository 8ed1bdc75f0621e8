"""Wiring: settings, URLs, the task queue, the live stream, the `up` command. Business rules live in the apps."""

from texting_hub.celery import app as celery_app

__all__ = ["celery_app"]
