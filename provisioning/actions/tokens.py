"""What the audit log says of API tokens: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "api_token.created": gettext_lazy("Created an API token"),
    "api_token.revoked": gettext_lazy("Revoked an API token"),
}
