"""What the audit log says of locations: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise

ACTIONS: Final[dict[str, Promise]] = {}
