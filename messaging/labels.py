"""What the sender sees of a text: a word, an icon, a time, and what to do about it. Never colour alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging import reasons
from messaging.models import Message
from messaging.models.messages import Kind, Status

NO_REPORT_AFTER = timedelta(hours=72)
SENT_WITHOUT_REPORT = _("Sent, no delivery report")

ICONS = {
    Status.SCHEDULED: "clock",
    Status.QUEUED: "clock",
    Status.CANCELLED: "x",
    Status.SENDING: "clock",
    Status.UNCONFIRMED: "warn",
    Status.FAILED: "err",
    Status.BLOCKED: "block",
    Status.SENT: "tick",
    Status.DELIVERED: "ok",
    Status.UNDELIVERED: "err",
}
TONES = {Status.UNCONFIRMED: "warn", Status.FAILED: "err", Status.BLOCKED: "err", Status.UNDELIVERED: "err"}
PILLS = {"warn": "pill-warn", "err": "pill-err"}
AUTOMATIC = {
    Status.QUEUED: _("Automatic reply, queued"),
    Status.SENDING: _("Automatic reply, sending"),
    Status.UNCONFIRMED: _("Automatic reply, outcome unknown"),
    Status.FAILED: _("Automatic reply, failed"),
    Status.BLOCKED: _("Automatic reply, blocked"),
    Status.SENT: _("Automatic reply, sent"),
    Status.DELIVERED: _("Automatic reply, delivered"),
    Status.UNDELIVERED: _("Automatic reply, not delivered"),
}
NOTES = {
    Status.UNCONFIRMED: (
        _("The carrier didn’t confirm this text."),
        _("It may have arrived. Ask before you send it again."),
    ),
    Status.FAILED: (_("This text wasn’t sent."), _("Send it again, or reach this person another way.")),
    Status.BLOCKED: (_("This text wasn’t sent."), _("It isn’t allowed at the moment. Ask your administrator.")),
    Status.UNDELIVERED: (
        _("This text didn’t arrive."),
        _("The carrier gave no reason. Send it again, or reach this person another way."),
    ),
}
"""What happened, and what to do where no reason is known."""


@dataclass(frozen=True, slots=True)
class Label:
    """`tone` is "", "warn" or "err"; `title` and `advice` stand in a note below and are empty when all is well."""

    word: str
    icon: str
    at: datetime | None
    tone: str
    title: str
    advice: str


def label(message: Message, now: datetime) -> Label:
    """What the sender reads below the text."""
    status = Status(message.status)
    title, advice = NOTES.get(status, ("", ""))
    return Label(
        word=str(_word(message, status, now)),
        icon=ICONS.get(status, ""),
        at=_time(message, status),
        tone=TONES.get(status, ""),
        title=str(title),
        advice=reasons.sentence(message.reason) or str(advice) if title else "",
    )


def _word(message: Message, status: Status, now: datetime) -> str | Promise:
    if message.kind == Kind.AUTOMATIC:
        return AUTOMATIC.get(status, status.label)
    if status is Status.RECEIVED:
        return ""
    if status is Status.SENT and message.sent_at is not None and now - message.sent_at >= NO_REPORT_AFTER:
        return SENT_WITHOUT_REPORT
    return status.label


def _time(message: Message, status: Status) -> datetime | None:
    """When what the word says became so. A text on its way has no such time yet."""
    if status is Status.RECEIVED:
        return message.accepted_at
    if status is Status.SCHEDULED:
        return message.due_at
    if status in (Status.QUEUED, Status.SENDING):
        return None
    moment: datetime | None = getattr(message, f"{status.value}_at")
    return moment


def pill(status: str) -> str:
    """The class of the status's pill in hub.css."""
    return "pill-ok" if status == Status.DELIVERED else PILLS.get(TONES.get(Status(status), ""), "")


def snippet_lead(message: Message) -> str:
    """What stands before the text in the list, so that a failure is seen without opening it."""
    status = Status(message.status)
    return str(status.label) if status in TONES else ""
