"""Whether the composer of a conversation is open, and if not, why: the sentence that stands in its place."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from messaging import optouts, policy
from messaging.models import Conversation
from provisioning.eligibility import Standing
from provisioning.models import User
from provisioning.refusals import Refusal

OPEN = "open"
CLOSED_TITLE = _("You can’t send texts")
TITLES = {
    "number_gone": _("This number is no longer yours"),
    "opted_out": _("You can’t text this person"),
    "person_blocked": _("You blocked this person"),
}
SENTENCES = {
    "person_blocked": _("Neither of you gets the other’s texts. Unblock them to text them again."),
}
"""Where the refusal's own would only repeat the title."""


@dataclass(frozen=True, slots=True)
class Composer:
    """`state` is "open", or the stable code of what closed it."""

    state: str
    title: str = ""
    sentence: str = ""

    @property
    def is_open(self) -> bool:
        return self.state == OPEN


def composer_of(conversation: Conversation, user: User) -> Composer:
    """The composer of one of the user's conversations: open exactly when policy would let a text through."""
    try:
        counterpart = conversation.counterpart
        policy.check(user, policy.outlook(user, counterpart), counterpart, conversation)
    except Refusal as refusal:
        title = str(TITLES.get(refusal.code) or CLOSED_TITLE)
        own = SENTENCES.get(refusal.code) or _opt_out_sentence(conversation, refusal)
        return Composer(refusal.code, title, str(own) or refusal.sentence)
    return Composer(OPEN)


def closed_for(standing: Standing) -> Composer | None:
    """What closes every composer of a user; None when nothing does."""
    return None if standing.can_send else Composer(standing.code, str(CLOSED_TITLE), standing.full_sentence)


def _opt_out_sentence(conversation: Conversation, refusal: Refusal) -> str:
    """When this person replied STOP, and what they can do; "" where it is not about that."""
    if refusal.code != "opted_out":
        return ""
    standing = optouts.standing(conversation.organization, conversation.number, conversation.counterpart).first()
    if standing is None:
        return ""
    local = timezone.localtime(standing.opted_out_at)
    words = gettext("This person replied %(word)s on %(day)s at %(time)s. You can’t text them until they reply START.")
    return words % {
        "word": standing.keyword.upper(),
        "day": date_format(local, "j M Y"),
        "time": date_format(local, "H:i"),
    }
