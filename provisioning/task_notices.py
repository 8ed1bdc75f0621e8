"""Who left the page of a task hears of its end: a number beside Tasks in the navigation, and a mark in the list.

Kept in the cache, a few ids a person, because every page shows it and the Tasks list has the truth: what the cache
loses is a mark, never a task. Opening the list, or the task, is having seen it.
"""

from __future__ import annotations

import uuid
from typing import Final

from django.core.cache import cache

from provisioning.models import Task

KEPT_SECONDS: Final = 30 * 24 * 3600
MOST: Final = 99


def tell(task: Task) -> None:
    """The task is over, and whoever asked has not seen that yet."""
    ids = [*_ids(task.requested_by_id), str(task.pk)]
    cache.set(_key(task.requested_by_id), ids[-MOST:], KEPT_SECONDS)


def unseen(user_id: uuid.UUID) -> set[uuid.UUID]:
    """Tasks of this person that ended since they last looked."""
    return {uuid.UUID(each) for each in _ids(user_id)}


def seen(user_id: uuid.UUID, task_id: uuid.UUID | None = None) -> None:
    """The person looked at the list, or at one task."""
    ids = _ids(user_id)
    left = [each for each in ids if task_id is not None and each != str(task_id)]
    if left != ids:
        cache.set(_key(user_id), left, KEPT_SECONDS)


def _ids(user_id: uuid.UUID) -> list[str]:
    return list(cache.get(_key(user_id)) or ())


def _key(user_id: uuid.UUID) -> str:
    return f"task-notices:{user_id}"
