"""Time zones by their IANA names: those of the US and Canada first, then the rest of the world."""

from __future__ import annotations

import zoneinfo
from functools import cache
from typing import Final

from django.utils.translation import gettext as _

NORTH_AMERICA: Final = (
    "America/New_York", "America/Detroit", "America/Chicago", "America/Denver", "America/Phoenix",
    "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu", "America/Puerto_Rico", "Pacific/Guam",
    "America/St_Johns", "America/Halifax", "America/Moncton", "America/Toronto", "America/Winnipeg", "America/Regina",
    "America/Edmonton", "America/Vancouver", "America/Whitehorse", "America/Yellowknife", "America/Iqaluit",
)  # fmt: skip
_AREAS: Final = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip


@cache
def known() -> frozenset[str]:
    """Every name the time zone database of this machine has; read once, it is a walk over files."""
    return frozenset(zoneinfo.available_timezones())


def choices(current: str = "") -> list[tuple[str, list[tuple[str, str]]]]:
    """Grouped for a select. `current` is among them even if its name is an old one."""
    here = [name for name in NORTH_AMERICA if name in known()]
    elsewhere = sorted(name for name in known() if name.split("/")[0] in _AREAS and name not in here)
    groups = [(_("United States and Canada"), _named(here)), (_("Everywhere else"), _named(elsewhere))]
    if current and current not in here and current not in elsewhere:
        groups.insert(0, (_("Now"), _named([current])))
    return groups


def _named(names: list[str]) -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in names]
