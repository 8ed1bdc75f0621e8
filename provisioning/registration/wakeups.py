"""Asking a worker to hand in a submission now. What this loses, the sweep finds."""

from __future__ import annotations

import uuid
from typing import Final

import structlog
from celery import current_app
from django.conf import settings
from kombu.exceptions import KombuError

logger = structlog.get_logger(__name__)

SUBMIT_TASK: Final = "provisioning.submit_registration"


def wake(submission_id: uuid.UUID) -> None:
    """Never raises: the submission is committed and waits."""
    if not settings.REDIS_URL:
        return
    try:
        current_app.send_task(SUBMIT_TASK, [str(submission_id)], ignore_result=True, retry=False)
    except (KombuError, OSError) as error:
        logger.warning("submission_not_woken", error=type(error).__name__)
