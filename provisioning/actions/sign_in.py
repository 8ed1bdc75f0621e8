"""What the audit log says of sign in: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "user.invited": gettext_lazy("Invited a user by mail"),
    "user.invited_again": gettext_lazy("Sent a user’s invitation again"),
    "user.activated": gettext_lazy("Accepted the invitation and chose a password"),
    "user.password_reset_asked": gettext_lazy("Asked for a link to choose a new password"),
    "user.password_reset": gettext_lazy("Chose a new password through a link"),
    "user.password_changed": gettext_lazy("Changed the own password"),
    "user.second_factor_added": gettext_lazy("Added a second factor"),
    "user.second_factor_removed": gettext_lazy("Removed a second factor"),
    "user.second_factor_failed": gettext_lazy("Failed to confirm with a second factor"),
    "user.recovery_codes_made": gettext_lazy("Made new recovery codes"),
    "user.recovery_code_used": gettext_lazy("Used a recovery code"),
    "user.session_ended": gettext_lazy("Ended a session"),
    "user.sessions_ended": gettext_lazy("Ended all other sessions"),
}
