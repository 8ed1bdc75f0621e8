"""What the audit log says of locations: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "location.created": gettext_lazy("Created a location"),
    "location.changed": gettext_lazy("Changed a location"),
    "location.deleted": gettext_lazy("Deleted a location"),
}
