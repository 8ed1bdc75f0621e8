"""What the audit log says of what provider operators do to the relay: an action's code, and its words."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACTIONS: Final[dict[str, Promise]] = {
    "carrier_account.paused": gettext_lazy("Paused a carrier account"),
    "carrier_account.resumed": gettext_lazy("Resumed a carrier account"),
    "carrier_account.drained": gettext_lazy("Began to drain a carrier account"),
    "carrier_account.not_drained": gettext_lazy("Stopped draining a carrier account"),
    "carrier_account.failed_over": gettext_lazy("Moved numbers to another carrier account"),
    "number.carrier_changed": gettext_lazy("Moved a number to another carrier account"),
    "number.paused": gettext_lazy("Paused a number"),
    "number.resumed": gettext_lazy("Resumed a number"),
    "text.carrier_asked": gettext_lazy("Asked a carrier what became of a text"),
    "text.log_read": gettext_lazy("Read the exchange log of a text, without its words"),
}
