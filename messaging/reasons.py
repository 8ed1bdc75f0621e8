"""Why a text was not delivered: our reasons, the same for every carrier, each with a sentence that says what to do.

Carriers' own codes are mapped to these in tables beside the adapters. An unknown code becomes `carrier_rejected`.
"""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Reason(TextChoices):
    """The label is the sentence shown to the sender under the text."""

    INVALID_DESTINATION = "invalid_destination", _("This number doesn’t exist. Check it, then send a new text.")
    NOT_TEXTABLE = "not_textable", _("This number can’t receive texts; it may be a landline. Call instead.")
    UNREACHABLE = "unreachable", _("The phone couldn’t be reached. It may be off or out of range. Try again later.")
    OPTED_OUT = "opted_out", _("This person asked not to be texted. They can text START to change that.")
    PERSON_BLOCKED = "person_blocked", _("You had blocked this person. Unblock them, then write it again.")
    SPAM_BLOCKED = "spam_blocked", _("The carrier took it for spam. Reword it, and leave out links.")
    SENDER_BLOCKED = "sender_blocked", _("This person’s carrier blocks your number. Ask your administrator.")
    UNREGISTERED = "unregistered", _("Your number isn’t registered for business texting. Ask your administrator.")
    SENDER_NOT_ENABLED = "sender_not_enabled", _("You can’t text at the moment. Ask your administrator.")
    RATE_LIMITED = "rate_limited", _("Too many texts went out at once. Wait a few minutes, then send it again.")
    DAILY_LIMIT = "daily_limit", _("The limit for today is reached. Send it again tomorrow.")
    CONTENT_REJECTED = "content_rejected", _("This text isn’t allowed as it is written. Change it, then send it again.")
    DESTINATION_NOT_ALLOWED = (
        "destination_not_allowed",
        _("Texts go to US and Canadian numbers only. Reach this person another way."),
    )
    EMERGENCY = "emergency", _("Emergency services can’t be texted from here. Call 911.")
    CARRIER_REJECTED = "carrier_rejected", _("The carrier refused it. If this goes on, tell your administrator.")
    CARRIER_ERROR = "carrier_error", _("The carrier had a problem. Send it again.")
    TOO_OLD = "too_old", _("It couldn’t be sent within 24 hours. Send it again if it still matters.")


BLOCKS: Final = frozenset({
    Reason.OPTED_OUT, Reason.SPAM_BLOCKED, Reason.SENDER_BLOCKED, Reason.CONTENT_REJECTED, Reason.UNREGISTERED,
})  # fmt: skip
"""What a carrier says with these is its decision about the sender or the text, in an answer and in a receipt alike."""


OF_THE_NUMBER: Final = frozenset({
    Reason.INVALID_DESTINATION, Reason.NOT_TEXTABLE, Reason.DESTINATION_NOT_ALLOWED, Reason.EMERGENCY,
})  # fmt: skip
"""The number takes no texts: sending the same again to it can't help, so it is not offered."""


def blocked_by(reason: str) -> str:
    """Who decided, where a carrier gave this reason: the carrier, or nobody."""
    return "carrier" if reason in BLOCKS else ""


def sentence(reason: str) -> str:
    """What the sender reads for a stored reason; empty when there is none."""
    return str(Reason(reason).label) if reason in Reason.values else ""


_TITLES = {
    Reason.INVALID_DESTINATION: _("Number doesn’t exist"),
    Reason.NOT_TEXTABLE: _("Not a number that takes texts"),
    Reason.UNREACHABLE: _("Phone off or out of range"),
    Reason.OPTED_OUT: _("Recipient opted out"),
    Reason.PERSON_BLOCKED: _("Recipient blocked by the user"),
    Reason.SPAM_BLOCKED: _("Blocked by the carrier as spam"),
    Reason.SENDER_BLOCKED: _("Our number blocked by a carrier"),
    Reason.UNREGISTERED: _("Number not registered"),
    Reason.SENDER_NOT_ENABLED: _("User can’t text"),
    Reason.RATE_LIMITED: _("Too many at once"),
    Reason.DAILY_LIMIT: _("Limit of the day reached"),
    Reason.CONTENT_REJECTED: _("Content not allowed"),
    Reason.DESTINATION_NOT_ALLOWED: _("Not in the US or Canada"),
    Reason.EMERGENCY: _("Emergency number"),
    Reason.CARRIER_REJECTED: _("Refused by the carrier"),
    Reason.CARRIER_ERROR: _("Problem at the carrier"),
    Reason.TOO_OLD: _("Waited for 24 hours"),
}


def title(reason: str) -> str:
    """The reason in a few words, for administrators; `other` sums up several."""
    if reason == "other":
        return str(_("Other reasons"))
    return str(_TITLES[Reason(reason)]) if reason in Reason.values else str(_("No reason given"))
