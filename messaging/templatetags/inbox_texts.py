"""A conversation's newest text as its row in the list shows it."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from messaging.labels import snippet_lead
from messaging.models import Message
from messaging.models.messages import Direction, Kind

register = template.Library()
LONGEST_SNIPPET = 160


@register.filter
def snippet(message: Message | None) -> str:
    """The beginning of the text, after who wrote it or what became of it; of a purged one, that it is gone."""
    if message is None:
        return _("No texts kept")
    beginning = " ".join(message.body[:LONGEST_SNIPPET].split())
    lead = snippet_lead(message)
    if lead:
        return _("%(state)s: %(text)s") % {"state": lead, "text": beginning}
    if message.kind == Kind.AUTOMATIC:
        return _("Automatic reply: %(text)s") % {"text": beginning}
    return _("You: %(text)s") % {"text": beginning} if message.direction == Direction.OUTBOUND else beginning


@register.filter
def failed(message: Message | None) -> bool:
    """Whether the row stands out."""
    return message is not None and bool(snippet_lead(message))
