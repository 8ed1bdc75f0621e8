"""Audit events in words: what was done, and from what to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.models import AuditEvent

ACTIONS: Final = {
    "organization.texting_changed": gettext_lazy("Changed Business Texting of the organization"),
    "location.texting_changed": gettext_lazy("Changed Business Texting of a location"),
    "user.texting_changed": gettext_lazy("Changed Business Texting of a user"),
    "user.signed_in": gettext_lazy("Signed in"),
    "user.sign_in_failed": gettext_lazy("Failed to sign in"),
    "user.signed_out": gettext_lazy("Signed out"),
    "api_token.created": gettext_lazy("Created an API token"),
    "purge.run": gettext_lazy("Purged messages"),
    "messages.read": gettext_lazy("Read messages"),
    "export.requested": gettext_lazy("Asked for an export"),
    "export.started_again": gettext_lazy("Started an export again"),
    "export.finished": gettext_lazy("Finished an export"),
    "export.failed": gettext_lazy("Failed to make an export"),
    "export.downloaded": gettext_lazy("Downloaded an export"),
    "export.expired": gettext_lazy("Deleted the files of an export"),
    "organization.added": gettext_lazy("Added the organization"),
    "admin.added": gettext_lazy("Added, as provider operator"),
    "admin.changed": gettext_lazy("Changed, as provider operator"),
    "admin.deleted": gettext_lazy("Deleted, as provider operator"),
}
"""What is not here is shown by its code."""

VIAS: Final = {
    "portal": gettext_lazy("Portal"),
    "api": gettext_lazy("API"),
    "admin": gettext_lazy("Provider admin"),
    "command": gettext_lazy("Command line"),
    "system": gettext_lazy("System"),
}
SHOWN_CHANGES = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One event on the page."""

    event: AuditEvent
    action: str
    via: str
    details: list[str]


def line(event: AuditEvent) -> Line:
    """How an event reads."""
    details = list(_details(event.before, event.after))
    shown = details[:SHOWN_CHANGES]
    if len(details) > SHOWN_CHANGES:
        shown.append(_("and %(count)s more") % {"count": len(details) - SHOWN_CHANGES})
    return Line(event, str(ACTIONS.get(event.action, event.action)), str(VIAS.get(event.via, event.via)), shown)


def _details(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """`texting setting: default → on`; what did not change or says nothing is left out."""
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if isinstance(new, dict) and not isinstance(old, dict):
            yield from _details({}, new)
        elif old == new or _worded(old) == _worded(new):
            continue
        elif name in before and name in after:
            yield f"{_named(name)}: {_worded(old) or '–'} → {_worded(new) or '–'}"
        else:
            yield f"{_named(name)}: {_worded(new if name in after else old)}"


def _named(name: str) -> str:
    return name.replace("_", " ")


def _worded(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_worded(part) for part in value)
    return str(value)
