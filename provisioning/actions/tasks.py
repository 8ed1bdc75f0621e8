"""What the audit log says of tasks: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "task.started": gettext_lazy("Started a task"),
    "task.finished": gettext_lazy("Finished a task"),
    "task.failed": gettext_lazy("Stopped a task after an error"),
    "task.cancelled": gettext_lazy("Cancelled a task"),
}
