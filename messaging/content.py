"""What a text may not say: the content rules of an organization and the provider's, and public URL shorteners.

Words are looked for as whole words, without regard to case, accents, full-width forms and invisible characters, and
a phrase whatever stands between its words. An expression is RE2's: its time is linear in the text, whatever it says
("(a+)+$" too), and its memory is bounded. It is matched without regard to case ("(?-i)" brings it back) against the
text after NFKC and without invisible characters.

Rules are compiled once a process and version. The version of an organization's rules is their number and latest
change, read along with what is read anyway (policy.py); it says something new after every write, because writes of
one owner take turns and are stamped by the database's clock (content_rules.py).
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import re2
import structlog
from django.db.models import CharField, Count, Max, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _

from messaging.links import shortener_in, visible
from messaging.models import ContentRule
from messaging.models.messages import BlockedBy
from messaging.models.policy import RuleAction, RuleKind
from provisioning.models.choices import fold
from provisioning.refusals import Refusal

logger = structlog.get_logger(__name__)

MOST_MEMORY: Final = 1 << 20
"""Bytes that one compiled expression may take."""
ORGANIZATIONS_KEPT: Final = 2000
"""How many organizations' rules a process keeps compiled."""

_WORD: Final = re.compile(r"[^\W_]+")


def words_of(text: str) -> str:
    """The words of a text, folded and without accents, one space around each; a space alone when there are none."""
    decomposed = unicodedata.normalize("NFKD", fold(visible(text)))
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(["", *_WORD.findall(fold(visible(plain))), ""]) or " "


def expression_of(pattern: str) -> Any:
    """The compiled expression. Raises re2.error with RE2's own words for what it refuses or finds too large."""
    options = re2.Options()
    options.max_mem, options.log_errors, options.case_sensitive = MOST_MEMORY, False, False
    return re2.compile(pattern, options)


class Content:
    """A text as rules read it; each way of reading is made once, when the first rule asks for it."""

    def __init__(self, body: str) -> None:
        self.body = body

    @cached_property
    def words(self) -> str:
        return words_of(self.body)

    @cached_property
    def each_word(self) -> frozenset[str]:
        return frozenset(self.words.split())

    @cached_property
    def normalized(self) -> str:
        return unicodedata.normalize("NFKC", visible(self.body))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to be asked. `words` are single words, `phrases` several with a space around each.

    `blocked_by` is who refuses a text by it: the provider by its own rules, Texting Hub by an organization's.
    """

    name: str
    action: str
    advice: str
    words: frozenset[str]
    phrases: tuple[str, ...]
    blocked_by: str
    expression: Any = None

    @classmethod
    def of(cls, row: ContentRule) -> Rule:
        """Raises re2.error for an expression that was never saved through content_rules.py."""
        owner = BlockedBy.PLATFORM if row.organization_id else BlockedBy.PROVIDER
        if row.kind == RuleKind.EXPRESSION:
            return cls(row.name, row.action, row.advice, frozenset(), (), owner, expression_of(row.pattern))
        keywords = [words_of(line) for line in row.pattern.splitlines()]
        single = frozenset(words.strip() for words in keywords if words.count(" ") == 2)
        phrases = tuple(words for words in keywords if words.count(" ") > 2)
        return cls(row.name, row.action, row.advice, single, phrases, owner)

    def hits(self, content: Content) -> bool:
        """Whether the text has one of the words, or what the expression describes."""
        if self.expression is not None:
            return self.expression.search(content.normalized) is not None
        if self.words and not self.words.isdisjoint(content.each_word):
            return True
        return any(phrase in content.words for phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class Versions:
    """Which rules count for an organization: its own and the provider's, "" where there are none."""

    own: str = ""
    provided: str = ""


_kept: dict[uuid.UUID | None, tuple[str, tuple[Rule, ...]]] = {}
"""By owner (None is the provider): the version, and its rules compiled."""


def version(rows: QuerySet[ContentRule]) -> QuerySet[ContentRule, Any]:
    """One row for each organization in `rows` (None is the provider): how many rules, and when the last one changed."""
    text = Concat(Cast(Count("pk"), CharField()), Cast(Max("changed_at"), CharField()), output_field=CharField())
    return rows.filter(active=True).order_by().values("organization").annotate(version=text)


def version_alongside(rows: QuerySet[ContentRule]) -> Subquery:
    """The version of one owner's rules as a column of a queryset that is read anyway; None when there are none."""
    return Subquery(version(rows).values("version"))  # type: ignore[misc]


def rules_of(wanted: Mapping[uuid.UUID, Versions]) -> dict[uuid.UUID, tuple[Rule, ...]]:
    """The rules that count for each organization: no query, but one after somebody changed a rule."""
    versions: dict[uuid.UUID | None, str] = {organization: found.own for organization, found in wanted.items()}
    versions[None] = next((found.provided for found in wanted.values()), "")
    kept = {owner: entry for owner in versions if (entry := _kept.get(owner)) and entry[0] == versions[owner]}
    kept |= _read({owner: new for owner, new in versions.items() if new and owner not in kept})
    found = {owner: kept[owner][1] if owner in kept else () for owner in versions}
    return {organization: (*found[organization], *found[None]) for organization in wanted}


def _read(stale: Mapping[uuid.UUID | None, str]) -> dict[uuid.UUID | None, tuple[str, tuple[Rule, ...]]]:
    """Compile the rules of these owners again, and keep them. Rules newer than their version are read once more."""
    if not stale:
        return {}
    owners = Q(organization__in=[owner for owner in stale if owner])
    rows = ContentRule.objects.filter(owners | Q(organization__isnull=True) if None in stale else owners, active=True)
    compiled: dict[uuid.UUID | None, list[Rule]] = {owner: [] for owner in stale}
    for row in rows.order_by("name", "pk"):
        compiled[row.organization_id] += _compiled(row)
    read = {owner: (stale[owner], tuple(rules)) for owner, rules in compiled.items()}
    if len(_kept) + len(read) > ORGANIZATIONS_KEPT:
        _kept.clear()
    _kept.update(read)
    return read


def _compiled(row: ContentRule) -> list[Rule]:
    """No rule for an expression that can't be compiled: it was saved past the check, and must not stop every text."""
    try:
        return [Rule.of(row)]
    except re2.error:
        logger.error("content_rule_unusable", rule=str(row.pk))  # noqa: TRY400  (its words may quote the rule)
        return []


def refuse_content(body: str, rules: Collection[Rule], *, confirmed: bool) -> bool:
    """Whether a rule asked, and the sender confirmed.

    Raises Refusal: url_shortener, content_rule, and unless confirmed confirmation_needed with the rules that ask.
    """
    shortener = shortener_in(body)
    if shortener:
        raise Refusal("url_shortener", _shortener_sentence(shortener), shortener=shortener)
    hits = hits_of(body, rules)
    blocking = [rule for rule in hits if rule.action == RuleAction.BLOCK]
    if blocking:
        rule = blocking[0]
        raise Refusal("content_rule", _blocked_sentence(rule), rule=rule.name, blocked_by=str(rule.blocked_by))
    if hits and not confirmed:
        raise Refusal(
            "confirmation_needed",
            " ".join(_question(rule) for rule in hits),
            rules=[{"name": rule.name, "advice": rule.advice} for rule in hits],
        )
    return bool(hits)


def usable(rows: Iterable[ContentRule]) -> list[Rule]:
    """The rules compiled, but for those that can't be."""
    return [rule for row in rows for rule in _compiled(row)]


def hits_of(body: str, rules: Iterable[Rule]) -> list[Rule]:
    """The rules that a text breaks."""
    content = Content(body)
    return [rule for rule in rules if rule.hits(content)]


def content_blocked_by(body: str, rules: Collection[Rule]) -> str:
    """Who stops a text that was accepted, "" when nobody does: a rule that asks doesn't stop it any more."""
    if shortener_in(body):
        return BlockedBy.PLATFORM
    blocking = [rule for rule in rules if rule.action == RuleAction.BLOCK]
    hits = hits_of(body, blocking) if blocking else []
    return hits[0].blocked_by if hits else ""


def _shortener_sentence(shortener: str) -> str:
    return _(
        "Carriers block texts with a link from %(shortener)s, because it hides where it leads. Write the full link "
        "instead, as it stands in the browser’s address bar."
    ) % {"shortener": shortener}


def _blocked_sentence(rule: Rule) -> str:
    if rule.advice:
        return _("The rule “%(rule)s” refuses this text. %(advice)s") % {"rule": rule.name, "advice": rule.advice}
    return _(
        "The rule “%(rule)s” refuses this text: it has words that may not be sent from here. Change it, then send it "
        "again."
    ) % {"rule": rule.name}


def _question(rule: Rule) -> str:
    if rule.advice:
        return _("The rule “%(rule)s” asks you to look again. %(advice)s") % {"rule": rule.name, "advice": rule.advice}
    return _("The rule “%(rule)s” asks you to look again. Change the text, or send it anyway.") % {"rule": rule.name}
