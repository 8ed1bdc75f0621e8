"""A user's standing as the portal words it: a pill (On, Off, Not eligible) and, below it, where that comes from."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, Protocol, cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.eligibility import Gate, RequirementState
from provisioning.eligibility.standing import RULES_OF_USERS
from provisioning.enablement import Source
from provisioning.models import User
from provisioning.models.organizations import PstnConnection

SENDING_CODES: Final = [rule.code for rule in RULES_OF_USERS if rule.gates is Gate.SENDING]


@dataclass(frozen=True, slots=True)
class Pill:
    """`kind` is the pill's class in hub.css; `note` is the small line below it."""

    code: str
    kind: str
    label: str
    note: str


class Line(Protocol):
    """What is said of a user; provisioning/user_rows.py has it of many."""

    @property
    def is_active(self) -> bool: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def source(self) -> str: ...
    @property
    def first_unmet(self) -> str: ...
    @property
    def waits(self) -> bool: ...
    @property
    def location_name(self) -> str | None: ...
    @property
    def pstn_connection(self) -> str | None: ...
    @property
    def number_active(self) -> bool | None: ...


def pill(row: User, *, name_location: bool = False) -> Pill:
    """`row` is a user of `annotate_standing()`, with the location and primary number at hand."""
    line, location = _line(row), row.location
    return pill_of(line, location.name if name_location and location is not None else "")


def pill_of(line: Line, location: str = "") -> Pill:
    """The location is named where it decides, if it is given."""
    if not line.is_active or line.first_unmet not in ("", *SENDING_CODES):
        return Pill("not_eligible", "pill-warn", _("Not eligible"), reason(line))
    note = source_line(line.source, location)
    if not line.enabled:
        return Pill("off", "", _("Off"), note)
    if line.first_unmet:
        return Pill("on", "pill-ok", _("On"), _("%(source)s. Receives only") % {"source": note})
    return Pill("on", "pill-ok", _("On"), note)


def _line(row: Any) -> Line:
    number = row.primary_number if hasattr(row, "primary_number") else None
    return cast(Line, SimpleNamespace(
        is_active=row.is_active,
        enabled=row.effective_enabled,
        source=row.enablement_source,
        first_unmet=row.first_unmet,
        waits=row.req_number_capability == RequirementState.WAITING,
        location_name=row.location.name if row.location is not None else None,
        pstn_connection=row.location.pstn_connection if row.location is not None else None,
        number_active=number.active if number is not None else None,
    ))  # fmt: skip


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


def reason(line: Line) -> str:
    """Why not eligible, in a few words for a table."""
    if not line.is_active:
        return _("Deactivated")
    if line.first_unmet == "location_pstn" and line.pstn_connection is not None:
        return str(PstnConnection(line.pstn_connection).label)
    if line.location_name is None and line.first_unmet.startswith("location_"):
        return _("No location")
    if line.first_unmet == "primary_number" and line.number_active is not None:
        return _("Number from another provider") if line.number_active else _("Number is not active")
    if line.first_unmet == "number_capability" and line.waits:
        return _("Waiting for the carrier’s report")
    return str(REASONS.get(line.first_unmet, line.first_unmet))
