"""What the audit log says of people: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "user.created": gettext_lazy("Created a user"),
    "user.changed": gettext_lazy("Changed a user"),
    "user.deactivated": gettext_lazy("Deactivated a user"),
    "user.reactivated": gettext_lazy("Reactivated a user"),
    "users.exported": gettext_lazy("Exported users"),
    "role.assigned": gettext_lazy("Gave a role"),
    "role.removed": gettext_lazy("Took a role away"),
}
