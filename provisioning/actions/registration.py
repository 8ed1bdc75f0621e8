"""What the audit log says of registration: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "brand.created": gettext_lazy("Began the registration of a 10DLC brand"),
    "brand.changed": gettext_lazy("Changed a 10DLC brand"),
    "brand.submitted": gettext_lazy("Submitted a 10DLC brand to the registry"),
    "brand.status_changed": gettext_lazy("The status of a 10DLC brand changed"),
    "campaign.created": gettext_lazy("Began the registration of a 10DLC campaign"),
    "campaign.changed": gettext_lazy("Changed a 10DLC campaign"),
    "campaign.submitted": gettext_lazy("Submitted a 10DLC campaign to the registry"),
    "campaign.status_changed": gettext_lazy("The status of a 10DLC campaign changed"),
    "campaign.numbers_linked": gettext_lazy("Linked numbers to a 10DLC campaign"),
    "campaign.numbers_unlinked": gettext_lazy("Unlinked numbers from a 10DLC campaign"),
}
