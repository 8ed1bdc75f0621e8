"""Audit events in words: what was done, and from what to what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.models import AuditEvent
from messaging import actions as messaging_actions
from provisioning import actions as provisioning_actions

ACTIONS: Final = {
    **provisioning_actions.ACTIONS,
    **messaging_actions.ACTIONS,
    "purge.run": gettext_lazy("Purged messages"),
    "messages.read": gettext_lazy("Read messages"),
    "content_rule.created": gettext_lazy("Created a content rule"),
    "content_rule.changed": gettext_lazy("Changed a content rule"),
    "content_rule.deleted": gettext_lazy("Deleted a content rule"),
    "person.blocked": gettext_lazy("Blocked a person"),
    "person.unblocked": gettext_lazy("Unblocked a person"),
    "export.requested": gettext_lazy("Asked for an export"),
    "export.started_again": gettext_lazy("Started an export again"),
    "export.finished": gettext_lazy("Finished an export"),
    "export.failed": gettext_lazy("Failed to make an export"),
    "export.downloaded": gettext_lazy("Downloaded an export"),
    "export.expired": gettext_lazy("Deleted the files of an export"),
    "audit_log.exported": gettext_lazy("Exported the audit log"),
    "backup.made": gettext_lazy("Made a backup"),
    "backup.restored": gettext_lazy("Restored a backup"),
    "field_keys.rotated": gettext_lazy("Sealed everything with a new key"),
    "organization.added": gettext_lazy("Added the organization"),
}
"""What is neither here nor an operator's write is shown by its code."""

OPERATOR_WRITES: Final = {
    "added": gettext_lazy("Added, by the provider: %(what)s"),
    "changed": gettext_lazy("Changed, by the provider: %(what)s"),
    "removed": gettext_lazy("Removed, by the provider: %(what)s"),
}
"""`admin.phonenumber_added` and the like (provisioning/operators.py)."""

VIAS: Final = {
    "portal": gettext_lazy("Portal"),
    "api": gettext_lazy("API"),
    "admin": gettext_lazy("Provider admin"),
    "command": gettext_lazy("Command line"),
    "system": gettext_lazy("System"),
}
TOLD: Final = {
    "purge.run": ("messages_deleted", "receipts_deleted", "messages_kept", "messages_unfinished"),
    "messages.read": ("words", "person", "number", "from", "to", "matching"),
    "export.finished": ("messages", "errors", "sha256"),
}
FIELDS: Final = {
    "pstn_connection": gettext_lazy("PSTN connection"),
    "opt_out_scope": gettext_lazy("a STOP counts for"),
    "unanswered_reply": gettext_lazy("automatic reply when nobody can read a text"),
    "e164": gettext_lazy("number"),
    "ip": gettext_lazy("IP address"),
    "pattern": gettext_lazy("words, or the expression"),
    "action": gettext_lazy("what happens"),
    "advice": gettext_lazy("what the sender is told"),
}
"""Names of values that their codes, read as words, would not say well."""
"""Of events that say much, what the page tells; the rest stays in the log."""

SHOWN_CHANGES = 6
_PERSON = re.compile(r"(.+) <(.+)>")


@dataclass(frozen=True, slots=True)
class Line:
    """One event on the page."""

    event: AuditEvent
    who: str
    address: str
    action: str
    via: str
    details: list[str]

    @property
    def shown(self) -> list[str]:
        """The first few changes."""
        return self.details[:SHOWN_CHANGES]

    @property
    def more(self) -> list[str]:
        """The others, for whoever asks to see them."""
        return self.details[SHOWN_CHANGES:]


def line(event: AuditEvent) -> Line:
    """How an event reads."""
    person = _PERSON.fullmatch(event.actor_label)
    who, address = person.groups() if person else (event.actor_label, "")
    details = [detail for name, detail in _details(event.before, event.after) if _worth_telling(event, name, detail)]
    via = str(VIAS.get(event.via, event.via))
    return Line(event, who, address, action_in_words(event.action), via, details)


def action_in_words(action: str) -> str:
    """What an action is called; an unknown one by its code."""
    model, _sep, verb = action.removeprefix("admin.").rpartition("_")
    if action.startswith("admin.") and verb in OPERATOR_WRITES:
        return str(OPERATOR_WRITES[verb]) % {"what": model_names().get(model, model)}
    return str(ACTIONS.get(action, action))


@cache
def model_names() -> dict[str, str]:
    """Every model by the name that its events have, in words."""
    return {model._meta.model_name or "": str(model._meta.verbose_name) for model in apps.get_models()}


def _worth_telling(event: AuditEvent, name: str, detail: str) -> bool:
    told = TOLD.get(event.action)
    return name in told if told else detail != f"{_named(name)}: {event.target_label}"


def _details(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and `texting setting: default → on`; what did not change or says nothing is left out."""
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if isinstance(new, dict) and not isinstance(old, dict):
            yield from _details({}, new)
        elif _worded(old) == _worded(new):
            continue
        elif name in before and name in after:
            yield name, f"{_named(name)}: {_worded(old) or '–'} → {_worded(new) or '–'}"
        else:
            yield name, f"{_named(name)}: {_worded(new if name in after else old)}"


def _named(name: str) -> str:
    return str(FIELDS.get(name, name.replace("_", " ")))


def _worded(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_worded(part) for part in value)
    return str(value)
