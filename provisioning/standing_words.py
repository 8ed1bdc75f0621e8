"""A user's standing as the portal words it: a pill (On, Off, Not eligible) and, below it, where that comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.eligibility import Gate, RequirementState
from provisioning.eligibility.standing import RULES_OF_USERS
from provisioning.enablement import Source

SENDING_CODES: Final = [rule.code for rule in RULES_OF_USERS if rule.gates is Gate.SENDING]

ELIGIBLE: Final = Q(is_active=True, first_unmet__in=["", *SENDING_CODES])
"""On a queryset of `annotate_standing()`: everything that gates texting is met, whether or not it is on."""

STATUSES: Final = {
    "on": Q(can_text=True),
    "off": ELIGIBLE & Q(effective_enabled=False),
    "not_eligible": ~ELIGIBLE,
}
"""The three pills as filters; every user is under exactly one."""


@dataclass(frozen=True, slots=True)
class Pill:
    """`kind` is the pill's class in hub.css; `note` is the small line below it."""

    code: str
    kind: str
    label: str
    note: str


def pill(row: Any, *, name_location: bool = False) -> Pill:
    """`row` is a User of `annotate_standing()`, with its location and primary number at hand."""
    if not row.is_active or row.first_unmet not in ("", *SENDING_CODES):
        return Pill("not_eligible", "pill-warn", _("Not eligible"), reason(row))
    note = source_line(row.enablement_source, row.location.name if name_location and row.location else "")
    if not row.effective_enabled:
        return Pill("off", "", _("Off"), note)
    if row.first_unmet:
        return Pill("on", "pill-ok", _("On"), _("%(source)s. Receives only") % {"source": note})
    return Pill("on", "pill-ok", _("On"), note)


def source_line(source: str, location: str) -> str:
    """Who decided; the location by name, if it is given."""
    if source == Source.LOCATION:
        return _("From location %(location)s") % {"location": location} if location else _("From location")
    if source == Source.USER:
        return _("From override")
    return _("From organization default")


REASONS: Final = {
    "customer_type": gettext_lazy("Organization is not eligible"),
    "calling_plan": gettext_lazy("No Cisco Calling Plan"),
    "addon_license": gettext_lazy("No Business Texting add-on"),
    "healthcare": gettext_lazy("Healthcare confirmation is missing"),
    "registration": gettext_lazy("10DLC registration is not complete"),
    "location_country": gettext_lazy("Location outside the US and Canada"),
    "location_pstn": gettext_lazy("Location not on Cisco PSTN"),
    "license": gettext_lazy("No Professional license"),
    "primary_number": gettext_lazy("No primary number"),
    "number_capability": gettext_lazy("Number can’t text"),
    "number_campaign": gettext_lazy("Number without an active campaign"),
}
"""The first unmet requirement, in a few words."""


def reason(row: Any) -> str:
    """Why not eligible, in a few words for a table."""
    if not row.is_active:
        return _("Deactivated")
    if row.first_unmet == "location_pstn" and row.location is not None:
        return str(row.location.get_pstn_connection_display())
    if row.location is None and row.first_unmet.startswith("location_"):
        return _("No location")
    if row.first_unmet == "primary_number" and hasattr(row, "primary_number"):
        return _("Number from another provider") if row.primary_number.active else _("Number is not active")
    if row.first_unmet == "number_capability" and row.req_number_capability == RequirementState.WAITING:
        return _("Waiting for the carrier’s report")
    return str(REASONS.get(row.first_unmet, row.first_unmet))
