"""Keywords and opt-outs: who asked not to be texted, how far that reaches, and what lifts it.

What must never happen:
1. A text goes to a person after their STOP committed. `opt_out` therefore runs inside the inbound text's own
   transaction: the opt-out's row and the blocking of what still waits for that person are one commit, and the relay
   reads opt-outs again in a statement of its own after it took its locks.
2. One STOP is confirmed twice. Only the STOP that made the row (unique constraints) reports a change; whoever lost
   the race, or repeats a STOP, reports none.
3. A sentence opts somebody out. Only a bare keyword does; "please stop texting me" is flagged to the user.

Opt-outs outlive messages: the purge never touches them.
Keywords: CTIA Messaging Principles and Best Practices (2023), 47 CFR 64.1200(a)(10), and the CRTC's French equivalents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from messaging.models import OptOut
from messaging.statements import Statement
from messaging.states import block_waiting
from provisioning.models.choices import fold
from provisioning.models.organizations import OptOutScope
from provisioning.opt_out_scope import StandingOptOuts

if TYPE_CHECKING:
    import uuid

    from provisioning.models import Organization, PhoneNumber


class Purpose(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Keyword:
    """A recognized keyword. `word` is the folded word; `language` (en, fr) picks the answer's wording."""

    purpose: Purpose
    word: str
    language: str


_ENGLISH = {
    Purpose.STOP: (
        "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt-out", "opt out",
    ),
    Purpose.START: ("start", "unstop"),
    Purpose.HELP: ("help", "info"),
}  # fmt: skip
_FRENCH = {Purpose.STOP: ("arret", "arrêt"), Purpose.HELP: ("aide",)}
_KEYWORDS = {
    word: Keyword(purpose, word, language)
    for language, table in (("en", _ENGLISH), ("fr", _FRENCH))
    for purpose, words in table.items()
    for word in words
}
_YES = Keyword(Purpose.START, "yes", "en")


def keyword(body: str, opted_out: bool) -> Keyword | None:
    """The keyword a body is, or None. YES counts only from someone who is opted out: it is also an answer."""
    word = _bare(body)
    if word == _YES.word:
        return _YES if opted_out else None
    return _KEYWORDS.get(word)


def _bare(body: str) -> str:
    """Folded, without punctuation, spaces and invisible characters at both ends; inner spaces are one."""
    folded = fold(body)
    start, end = 0, len(folded)
    while start < end and _strippable(folded[start]):
        start += 1
    while end > start and _strippable(folded[end - 1]):
        end -= 1
    return " ".join(folded[start:end].split())


def _strippable(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "PZ" or category in ("Cc", "Cf")


_PHRASES = re.compile(
    r"""
      (?<!don't\ )(?<!not\ )\b(?:stop|quit|cease)\b\W+(?:(?:all|with|the|these|your|those)\W+)*
          (?:text|messag|contact|send|writ|spam|both?er|harass)
    | \b(?:do\W+not|don\W?t|never)\W+(?:ever\W+)?(?:text|message|contact|write|send)\b
    | \bno\W+more\W+(?:text|message)
    | \bunsubscribe\b | \bopt(?:ing)?\W+(?:me\W+)?out\b
    | \b(?:take|remove|delete)\W+(?:me|my\W+(?:number|name))\b | \blose\W+my\W+number\b | \bleave\W+me\W+alone\b
    | \b(?:please|pls|plz)\W+(?:just\W+)?stop\W*$ | ^\W*stop\W+(?:it\W+)?(?:please|pls|plz|now|thanks|thank\W+you)\W*$
    | \b(?:arret\w*|cess\w*)\W+(?:de\W+)?(?:m\W|me\W|nous\W)*\W*(?:ecri|text|envo|contact|messag|harcel)
    | \bne\W+(?:m\W|me\W)\W*(?:ecri|text|envo|contact)\w*\W+(?:\w+\W+)?(?:plus|pas|jamais)\b
    | \bplus\W+de\W+(?:text|message|sms) | \bdesabonn | \bdesinscri
    | \b(?:retire|enleve|supprime)[rz]?\W+(?:moi|mon\W+num)
    | \blaisse[rz]?\W+(?:moi|nous)\W+tranquille | ^\W*arret\w*\W+(?:svp|merci|s\W?il\W+(?:vous|te)\W+plait)\W*$
    """,
    re.VERBOSE,
)


def asks_to_stop(body: str) -> bool:
    """Whether a sentence asks for no more texts, in English or French. Shown to the user; opts nobody out by itself."""
    plain = unicodedata.normalize("NFKD", fold(body)).replace("’", "'")
    return _PHRASES.search("".join(c for c in plain if not unicodedata.combining(c))) is not None


def standing(organization: Organization, number: PhoneNumber, counterpart: str) -> QuerySet[OptOut]:
    """The opt-outs that keep this number from texting this person now.

    Organization-wide rows count for every number, whatever the scope is today; rows of one number count for all
    numbers while the scope is the organization.
    """
    rows = OptOut.objects.filter(organization=organization, counterpart=counterpart, lifted_at__isnull=True)
    if organization.opt_out_scope == OptOutScope.ORGANIZATION:
        return rows
    return rows.filter(Q(number__isnull=True) | Q(number=number))


def is_opted_out(organization: Organization, number: PhoneNumber, counterpart: str) -> bool:
    """Whether this person asked not to be texted by this number."""
    return standing(organization, number, counterpart).exists()


def standing_alongside(counterpart: str) -> Exists:
    """Whether this person asked not to be texted by a user's number, as a column of a queryset of users."""
    number = OuterRef("primary_number__pk")
    rows = OptOut.objects.filter(
        Q(organization__opt_out_scope=OptOutScope.ORGANIZATION) | Q(number__isnull=True) | Q(number=number),
        organization=OuterRef("primary_number__organization_id"), counterpart=counterpart, lifted_at__isnull=True,
    )  # fmt: skip
    return Exists(rows)


def opted_out_since(organization: Organization, number: PhoneNumber, counterpart: str) -> datetime | None:
    """When this person opted out, None when they did not."""
    rows = standing(organization, number, counterpart)
    return rows.order_by("opted_out_at").values_list("opted_out_at", flat=True).first()


_STANDING: Final = Statement(
    """
    SELECT given.number_id, given.counterpart FROM {given}
    JOIN provisioning_phonenumber number ON number.id = given.number_id
    JOIN provisioning_organization owner ON owner.id = number.organization_id
    JOIN messaging_optout standing ON standing.organization_id = owner.id
        AND standing.counterpart = given.counterpart AND standing.lifted_at IS NULL
    WHERE owner.opt_out_scope = 'organization' OR standing.number_id IS NULL OR standing.number_id = number.id
    """,
    given={"number_id": "uuid", "counterpart": "text"},
    answers={"number_id": "uuid", "counterpart": "text"},
)


def opted_out_pairs(pairs: Iterable[tuple[uuid.UUID, str]]) -> set[tuple[uuid.UUID, str]]:
    """Of (number id, counterpart) pairs, those that must not be texted now: one query, for the relay's second look."""
    wanted = sorted(set(pairs))
    return {(number_id, person) for number_id, person in (_STANDING.rows(given=wanted) if wanted else ())}


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What a keyword did: whether it changed anything, and the numbers that lost texts to it.

    Numbers are the last to be locked (messaging/states.py), so it is the caller who lets the relay look at them again.
    """

    changed: bool
    numbers: frozenset[uuid.UUID] = frozenset()


@transaction.atomic(savepoint=False)
def opt_out(
    number: PhoneNumber, counterpart: str, word: str, now: datetime, conversation_id: uuid.UUID | None = None
) -> Obeyed:
    """Record a STOP and block what waits for that person, in the caller's transaction.

    `conversation_id` is where the STOP itself will be filed: it is locked together with those that lose a text.
    """
    organization = number.organization
    scoped = None if organization.opt_out_scope == OptOutScope.ORGANIZATION else number
    changed = not _still_standing(organization, number, counterpart) and _insert(
        OptOut(organization=organization, number=scoped, counterpart=counterpart, keyword=word, opted_out_at=now)
    )
    blocked = block_waiting(
        organization.pk,
        counterpart,
        number_id=scoped.pk if scoped else None,
        conversation_id=conversation_id,
        at=now,
    )
    return Obeyed(changed, frozenset(blocked.values()))


def _still_standing(organization: Organization, number: PhoneNumber, counterpart: str) -> bool:
    """Whether an opt-out stands that nobody is just lifting: a START that has not committed yet is waited for."""
    rows = standing(organization, number, counterpart).select_for_update(no_key=True).order_by("pk")
    return bool(rows.values_list("pk", flat=True))


def _insert(row: OptOut) -> bool:
    """False when another STOP of the same person was faster; the unique constraints decide."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def opt_in(number: PhoneNumber, counterpart: str, word: str, now: datetime) -> Obeyed:
    """Lift every opt-out that keeps this number from texting this person, if there is one."""
    rows = standing(number.organization, number, counterpart)
    return Obeyed(rows.update(lifted_at=now, lifted_by_keyword=word) > 0)


def count_standing(organization: Organization) -> StandingOptOuts:
    """How many people are opted out now, for the page where the scope is set."""
    rows = OptOut.objects.filter(organization=organization, lifted_at__isnull=True)
    people = Count("counterpart", distinct=True)
    return StandingOptOuts(
        everywhere=rows.filter(number__isnull=True).aggregate(n=people)["n"],
        one_number=rows.filter(number__isnull=False).aggregate(n=people)["n"],
    )
