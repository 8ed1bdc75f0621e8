"""What the audit log says of numbers: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "user.primary_number_changed": gettext_lazy("Changed the primary number of a user"),
    "number.added": gettext_lazy("Added a number"),
    "number.activated": gettext_lazy("Activated a number"),
    "number.deactivated": gettext_lazy("Deactivated a number"),
    "number.moved": gettext_lazy("Moved a number to another location"),
    "number.linked": gettext_lazy("Changed the campaign of a number"),
    "number.released": gettext_lazy("Deleted a number from the inventory"),
    "number.capability_changed": gettext_lazy("Took over what the carrier reports of a number"),
}
