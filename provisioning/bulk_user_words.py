"""Whom a bulk action is for, in a line: `3 selected users, to Austin`, `All users that match “rosa”, Off`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from provisioning.bulk_user_actions import Action
from provisioning.eligibility.standing import RULES_OF_USERS
from provisioning.models import Location
from provisioning.models.users import License
from provisioning.user_filters import NO_LOCATION
from provisioning.user_selection import Selection

FIXED: Final = {
    "status": {
        "on": gettext_lazy("texting on"),
        "off": gettext_lazy("texting off"),
        "not_eligible": gettext_lazy("not eligible"),
    },
    "source": {
        "organization": gettext_lazy("set by the organization"),
        "location": gettext_lazy("set by the location"),
        "user": gettext_lazy("set by an override"),
    },
    "account": {
        "active": gettext_lazy("active"),
        "invited": gettext_lazy("invited"),
        "deactivated": gettext_lazy("deactivated"),
    },
    "license": dict(License.choices),
}
"""Filters with fixed values, in words."""


def described(action: Action, selection: Selection, choice: Any) -> str:
    """To whom, and what was chosen with it."""
    target = selected(selection)
    if action.takes == "location":
        return _("%(users)s, to %(location)s") % {"users": target, "location": choice.name}
    if action.takes == "license":
        return _("%(users)s: %(license)s") % {"users": target, "license": License(choice).label}
    return target


def selected(selection: Selection) -> str:
    """The selection in words; one query when a location is filtered by."""
    if selection.values is None:
        count = len(selection.ids)
        return ngettext("%(count)s selected user", "%(count)s selected users", count) % {"count": f"{count:,}"}
    if not selection.values:
        return _("All users")
    return _("All users that match: %(filter)s") % {"filter": ", ".join(_filtered(selection.values))}


def _filtered(values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if name == "q":
            yield _("“%(typed)s”") % {"typed": value}
        elif name == "location":
            yield _location(value)
        elif name == "requirement":
            code = value.partition(":")[0]
            labels = (str(rule.label) for rule in RULES_OF_USERS if rule.code == code)
            yield _("not met: %(requirement)s") % {"requirement": next(labels, code)}
        else:
            yield str(FIXED[name][value])


def _location(value: str) -> str:
    if value == NO_LOCATION:
        return _("no location")
    location = Location.objects.filter(pk=uuid.UUID(value)).first()
    return location.name if location is not None else _("a location that is gone")
