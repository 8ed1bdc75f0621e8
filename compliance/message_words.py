"""A retained text as the officer's page words it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from messaging.labels import label, pill
from messaging.models import Message
from messaging.models.messages import Direction, Kind


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results. `note` says why a text went nowhere, or that nobody wrote it."""

    message: Message
    body: SafeString
    pill: str
    status: str
    note: str


def row(message: Message, words: str, now: datetime) -> Row:
    """How a text looks to an officer who searched for these words."""
    body = marked(message.body, words)
    if message.direction == Direction.INBOUND:
        note = _("Not shown to the user: %(reason)s") % {"reason": message.get_withheld_display()}
        return Row(message, body, "", _("Received"), note if message.withheld else "")
    shown = label(message, now)
    return Row(message, body, pill(message.status), str(message.get_status_display()), _note(message, shown.advice))


def _note(message: Message, advice: str) -> str:
    if message.kind == Kind.AUTOMATIC:
        return _("Automatic reply")
    return advice and str(message.get_blocked_by_display() or "")


def marked(body: str, words: str) -> SafeString:
    """The body, escaped, with the searched words marked where they stand as typed."""
    sought = [re.escape(word) for word in sorted(words.split(), key=len, reverse=True)]
    if not sought:
        return conditional_escape(body)
    parts = re.split(f"({'|'.join(sought)})", body, flags=re.IGNORECASE)
    pieces = [format_html("<mark>{}</mark>", part) if place % 2 else conditional_escape(part)
              for place, part in enumerate(parts)]  # fmt: skip
    return mark_safe("".join(pieces))  # noqa: S308  (every piece was escaped above)
