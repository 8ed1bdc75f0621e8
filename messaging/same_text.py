"""The same words to many people a day: carriers take a number that does this for a spammer and block it, and look for
the same words spread over many numbers ("snowshoe"), too.

Counted are people, by UTC day and the words: those that one number wrote to, SAME_TEXT_A_DAY at most, and over all
numbers of the organization A_CROWD times as many (each number's people, added up). A person who got the words today
from the number counts once; writing to them again is never refused. The limit of a number is exact; that of all
numbers is looked at without a lock, so texts of the same moment may pass it.

Kept are digests, of the words in this organization and of the people, for two days; neither the words nor a number.
Short texts ("On my way") and automatic replies are none of this.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from messaging.links import visible
from messaging.models import Message, SameText
from messaging.policy import Own
from messaging.statements import Statement
from provisioning.models.choices import fold
from provisioning.refusals import Refusal

SHORTEST: Final = 30
"""Characters, once blanks are collapsed, from which on a text counts."""
KEPT: Final = timedelta(days=1)
A_CROWD: Final = 10
"""So many times what one number may is what all numbers of an organization may together."""
_MARK: Final = 12

COUNT: Final = """
    INSERT INTO messaging_sametext (number_id, day, digest, texts, people)
    SELECT %(number)s, %(day)s, CAST(%(digest)s AS text), 1, CAST(%(person)s AS text) FROM {source}
    WHERE %(most_alike)s > 0 AND COALESCE((
        SELECT SUM(alike.texts) * MIN(CASE WHEN REPLACE(alike.people, %(person)s, '') = alike.people THEN 1 ELSE 0 END)
        FROM messaging_sametext alike WHERE alike.day = %(day)s AND alike.digest = %(digest)s
    ), 0) < %(most_together)s
    ON CONFLICT (number_id, day, digest) DO UPDATE SET
        texts = messaging_sametext.texts
            + CASE WHEN REPLACE(messaging_sametext.people, EXCLUDED.people, '') = messaging_sametext.people
                THEN 1 ELSE 0 END,
        people = REPLACE(messaging_sametext.people, EXCLUDED.people, '') || EXCLUDED.people
    WHERE messaging_sametext.texts < %(most_alike)s
        OR REPLACE(messaging_sametext.people, EXCLUDED.people, '') <> messaging_sametext.people
    RETURNING 1
"""
"""Count one person, if the limits allow it; no row where they do not. A person who is known is in one of the rows."""


def told(organization_id: uuid.UUID, counterpart: str, body: str) -> dict[str, Any]:
    """What `COUNT` asks for, besides whose text it is and when. Nothing for what is too short to count."""
    digest = digest_of(organization_id, body)
    if not digest:
        return {}
    limit = settings.SAME_TEXT_A_DAY
    return {
        "digest": digest, "person": _mark(digest, counterpart), "most_alike": limit, "most_together": limit * A_CROWD,
    }  # fmt: skip


def digest_of(organization_id: uuid.UUID, body: str) -> str:
    """The same for an organization's texts that differ only in case, blanks, full-width forms and invisible characters.
    "" if short."""
    words = " ".join(visible(fold(body)).split())
    return hashlib.sha256(organization_id.bytes + words.encode()).hexdigest() if len(words) >= SHORTEST else ""


def _mark(digest: str, counterpart: str) -> str:
    """What stands for a person in the row of these words, and for somebody else in any other."""
    return hashlib.sha256(f"{digest}{counterpart}".encode()).hexdigest()[:_MARK] + " "


def count(message: Message, own: Own) -> None:
    """Count a text about to be accepted, in its transaction, after the daily count. One statement, none if short.

    Raises Refusal `same_text` when as many people were told the same today.
    """
    asked = told(own.organization_id, message.counterpart, message.body)
    day = message.accepted_at.astimezone(UTC).date()
    if asked and not _COUNT.rows(number=own.number_id, day=day, **asked):
        raise _refusal(own.number_id, day, asked)


def _refusal(number_id: uuid.UUID, day: date, asked: dict[str, Any]) -> Refusal:
    of_number = SameText.objects.filter(number_id=number_id, day=day, digest=asked["digest"])
    limit = asked["most_alike"]
    if limit <= (of_number.values_list("texts", flat=True).first() or 0):
        sentence = _(
            "This number has sent these words to %(limit)s people today, and carriers block numbers that send the "
            "same to many. Write each person a text of their own, or go on tomorrow."
        )
    else:
        limit = asked["most_together"]
        sentence = _(
            "Your organization’s numbers have sent these words to %(limit)s people today, and carriers block those "
            "that spread the same text over many numbers. Write each person a text of their own, or go on tomorrow."
        )
    return Refusal("same_text", sentence % {"limit": limit}, limit=limit)


def forget(now: datetime) -> None:
    """Drop what is older than yesterday."""
    SameText.objects.filter(day__lt=now.astimezone(UTC).date() - KEPT).delete()


_COUNT: Final = Statement(COUNT.format(source="(SELECT 1) AS once"), answers={"counted": "int"})
