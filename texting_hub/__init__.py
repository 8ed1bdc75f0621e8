"""Wiring: settings, URLs, the task queue, the live stream, the `up` command. Business rules live in the apps."""

from texting_hub.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
"""As pyproject.toml says; a backup names the version that made it."""
