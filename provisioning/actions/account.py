"""What the audit log says of account: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "organization.changed": gettext_lazy("Changed the organization’s settings"),
}
