"""What the audit log says of Business Texting and of signing in: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "organization.texting_changed": gettext_lazy("Changed Business Texting of the organization"),
    "organization.acceptable_use_accepted": gettext_lazy("Accepted the acceptable use policy"),
    "organization.health_attested": gettext_lazy("Confirmed that no protected health information is texted"),
    "location.texting_changed": gettext_lazy("Changed Business Texting of a location"),
    "user.texting_changed": gettext_lazy("Changed Business Texting of a user"),
    "user.signed_in": gettext_lazy("Signed in"),
    "user.sign_in_failed": gettext_lazy("Failed to sign in"),
    "user.signed_out": gettext_lazy("Signed out"),
}
