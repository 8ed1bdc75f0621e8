"""Automatic replies: the words, to whom they go, and how a loop of two machines is broken.

What must never happen:
1. Two replies to one text: the constraint `one_automatic_reply`, and a reply is made in its text's own transaction.
2. A ring of autoresponders. STOP and START are confirmed only when they changed something; every other reply goes
   to the same person from the same number once in its quiet time, and at most MOST_A_DAY of them in 24 hours.
3. A reply to someone who opted out (but the confirmation itself, and HELP), or to a number that cannot be texted.

Replies go past suppression, pacing and limits (the relay knows Kind.AUTOMATIC) and count towards no limit.
The wording is in the keyword's language, as the campaign registered it; it is not translated with the portal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from messaging.destinations import is_allowed
from messaging.models import Message
from messaging.models.messages import Direction, Kind, Status, Withheld
from messaging.optouts import Keyword, Purpose
from messaging.segments import measure
from provisioning.models.choices import fold
from provisioning.numbers import display

if TYPE_CHECKING:
    from provisioning.models import PhoneNumber

STANDARD: Final = {
    ("stop", "en"): "{name}: You have opted out and will get no more texts from us. Reply START to opt in again.",
    ("start", "en"): "{name}: You have opted in and will get our texts again. Reply HELP for help, STOP to opt out.",
    ("help", "en"): "{name}: For help, call {number}. Message and data rates may apply. Reply STOP to opt out.",
    ("stop", "fr"): "{name} : vous êtes désabonné et ne recevrez plus nos textos. Répondez START pour vous réabonner.",
    ("start", "fr"): "{name} : vous êtes réabonné à nos textos. Répondez AIDE pour de l’aide, ARRET pour arrêter.",
    ("help", "fr"): "{name} : pour de l’aide, appelez le {number}. Des frais peuvent s’appliquer. "
    "Répondez ARRET pour arrêter.",
}
"""Where the campaign registered no words of its own. CTIA asks for the sender's name and how to get back or out."""
TEXT_ONLY: Final = "{name}: This number receives text only. Your picture or attachment was not delivered."

_REGISTERED: Final = {
    ("stop", "en"): "opt_out_message",
    ("start", "en"): "opt_in_message",
    ("help", "en"): "help_message",
    ("stop", "fr"): "opt_out_message_fr",
    ("start", "fr"): "opt_in_message_fr",
    ("help", "fr"): "help_message_fr",
}

QUIET_AFTER_HELP: Final = timedelta(minutes=1)
QUIET_AFTER_TEXT_ONLY: Final = timedelta(hours=1)
QUIET_AFTER_UNANSWERED: Final = timedelta(hours=24)
DAY: Final = timedelta(hours=24)
MOST_A_DAY: Final = 20


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of an inbound text when its reply is decided.

    `changed` says whether its keyword opted someone out or in; `opted_out` is the state before the text.
    """

    number: PhoneNumber
    sender: str
    keyword: Keyword | None
    changed: bool
    opted_out: bool
    withheld: str


def words_for(text: Circumstances, now: datetime) -> str:
    """The body of the one reply to an inbound text; empty when there is none."""
    if not is_allowed(text.sender):
        return ""
    if text.keyword is not None and text.keyword.purpose != Purpose.HELP:
        return keyword_words(text.number, text.keyword) if text.changed else ""
    words, quiet = _courtesy(text)
    return "" if not words or _said_lately(text, words, quiet, now) else words


def keyword_words(number: PhoneNumber, keyword: Keyword) -> str:
    """The campaign's own words in the keyword's language, or the standard ones naming the organization."""
    case = (str(keyword.purpose), keyword.language)
    registered = getattr(number.campaign, _REGISTERED[case]) if number.campaign else ""
    return registered or _named(STANDARD[case], number)


def _named(words: str, number: PhoneNumber) -> str:
    return words.format(name=number.organization.name, number=display(number.e164))


def _courtesy(text: Circumstances) -> tuple[str, timedelta]:
    """HELP, text only, nobody here: the words, and how long the same person does not get them again."""
    if text.keyword is not None:
        return keyword_words(text.number, text.keyword), QUIET_AFTER_HELP
    if text.opted_out:
        return "", QUIET_AFTER_UNANSWERED
    if text.withheld == Withheld.MMS:
        return _named(TEXT_ONLY, text.number), QUIET_AFTER_TEXT_ONLY
    if text.withheld in (Withheld.UNASSIGNED, Withheld.TEXTING_OFF):
        return text.number.organization.unanswered_reply.strip(), QUIET_AFTER_UNANSWERED
    return "", QUIET_AFTER_UNANSWERED


def _said_lately(text: Circumstances, words: str, quiet: timedelta, now: datetime) -> bool:
    """Whether this person had these words within their quiet time, or too many of any within a day."""
    replies = Message.objects.filter(
        number=text.number, counterpart=text.sender, kind=Kind.AUTOMATIC, accepted_at__gt=now - DAY
    )
    said = list(replies.order_by("-accepted_at").values_list("body", "accepted_at")[:MOST_A_DAY])
    return len(said) == MOST_A_DAY or any(body == words and at > now - quiet for body, at in said)


def queue(inbound: Message, words: str, seq: int | None, now: datetime) -> Message:
    """The reply's row, to be sent at once. Waking the relay is the caller's affair, once all its rows are locked."""
    size = measure(words)
    return Message.objects.create(
        organization_id=inbound.organization_id,
        user_id=inbound.user_id,
        number_id=inbound.number_id,
        conversation_id=inbound.conversation_id,
        seq=seq,
        direction=Direction.OUTBOUND,
        kind=Kind.AUTOMATIC,
        own_e164=inbound.own_e164,
        counterpart=inbound.counterpart,
        body=words,
        search_text=fold(words),
        encoding=size.encoding,
        segments=size.segments,
        status=Status.QUEUED,
        in_reply_to=inbound,
        accepted_at=now,
        due_at=now,
    )
