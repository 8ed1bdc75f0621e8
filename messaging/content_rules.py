"""Writing content rules: an organization's own, by its administrators, and the provider's, by operators.

What must never happen:
1. A rule is saved that can't be compiled, or that every text breaks. Patterns are checked here, whoever writes them.
2. A process goes on with rules of before. Writes of one owner take turns on a lock and are stamped with the
   database's clock under it, so that the version (content.py) differs after each of them.
3. A change is not in the audit log: it is recorded in the write's own transaction.

Locks: the organization's row (for the provider's, all of the provider's rules), then the rule, then the audit head.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

import re2
from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from messaging import clock
from messaging.content import Rule, expression_of, hits_of, usable, words_of
from messaging.links import shortener_in
from messaging.models import ContentRule
from messaging.models.policy import RuleAction, RuleKind
from provisioning.changes import Actor, record_target
from provisioning.fingerprints import refuse_if_changed
from provisioning.models import Organization
from provisioning.refusals import Refusal

FIELDS: Final = ("name", "kind", "pattern", "action", "advice", "active")
"""What `wanted` may name."""
LONGEST_NAME, LONGEST_PATTERN, LONGEST_ADVICE = 100, 4000, 300
MOST_RULES: Final = 100
"""Rules that one organization may have: each is asked for each text."""


def rules_shown_to(organization: Organization) -> QuerySet[ContentRule]:
    """The organization's own rules, and the provider's, which count too."""
    return ContentRule.objects.filter(Q(organization=organization) | Q(organization__isnull=True))


@transaction.atomic
def create_rule(organization: Organization, wanted: Mapping[str, Any], actor: Actor) -> ContentRule:
    """A new rule. Refusal: too_many_rules (409), and those of edit_rule()."""
    owner = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if ContentRule.objects.filter(organization=owner).count() >= MOST_RULES:
        sentence = _("There are %(most)s rules already. Put words into one of them, or delete one.")
        raise Refusal("too_many_rules", sentence % {"most": MOST_RULES}, http_status=409)
    row = ContentRule(organization=owner, **_checked({name: wanted[name] for name in FIELDS if name in wanted}))
    _save(row)
    record_target("content_rule.created", actor, row, organization_id=owner.pk, after=in_words(row))
    return row


@transaction.atomic
def edit_rule(rule: ContentRule, wanted: Mapping[str, Any], actor: Actor, *, seen: str | None = None) -> ContentRule:
    """Write what differs; what `wanted` doesn't name stays. Returns the fresh row.

    Refusal: changed_meanwhile (409), name_taken (409), and with `field`: rule_name_missing, rule_without_words,
    expression_invalid, expression_too_broad, too_long, control_characters.
    """
    Organization.objects.select_for_update(no_key=True).get(pk=cast(uuid.UUID, rule.organization_id))
    row = ContentRule.objects.select_for_update(no_key=True).get(pk=rule.pk)
    refuse_if_changed(state_of(row), seen)
    was = in_words(row)
    for name, value in _checked(state_of(row) | {name: wanted[name] for name in FIELDS if name in wanted}).items():
        setattr(row, name, value)
    now = in_words(row)
    differs = [name for name in now if now[name] != was[name]]
    if differs:
        _save(row)
        record_target(
            "content_rule.changed", actor, row, organization_id=row.organization_id,
            before={name: was[name] for name in differs}, after={name: now[name] for name in differs},
        )  # fmt: skip
    return row


@transaction.atomic
def delete_rule(rule: ContentRule, actor: Actor) -> None:
    """Delete a rule; what it refused stays as it is."""
    Organization.objects.select_for_update(no_key=True).get(pk=cast(uuid.UUID, rule.organization_id))
    row = ContentRule.objects.select_for_update().get(pk=rule.pk)
    record_target("content_rule.deleted", actor, row, organization_id=row.organization_id, before=in_words(row))
    row.delete()


@dataclass(frozen=True, slots=True)
class Tried:
    """What would happen to a text: the shortener it links to, the rules that refuse it, the rules that ask."""

    shortener: str
    refusing: list[Rule]
    asking: list[Rule]


def try_text(organization: Organization, body: str) -> Tried:
    """Hold a text against the rules as they are saved now. Nothing is kept of it."""
    rows = rules_shown_to(organization).filter(active=True).order_by("name", "pk")
    hits = hits_of(body.replace("\r\n", "\n"), usable(rows))
    return Tried(
        shortener=shortener_in(body),
        refusing=[rule for rule in hits if rule.action == RuleAction.BLOCK],
        asking=[rule for rule in hits if rule.action == RuleAction.CONFIRM],
    )


def lock_provided() -> None:
    """Take turns with everybody who writes a rule of the provider, in the caller's transaction."""
    list(
        ContentRule.objects.select_for_update(no_key=True)
        .filter(organization__isnull=True)
        .order_by("pk")
        .values_list("pk")
    )  # fmt: skip


def next_change(organization_id: uuid.UUID | None) -> datetime:
    """When an owner's rules change next: now, by the clock that all servers share, and later than they ever did."""
    latest = ContentRule.objects.filter(organization=organization_id).aggregate(at=Max("changed_at"))["at"]
    now = clock.database_now()
    return max(now, latest + timedelta(microseconds=1)) if latest else now


def stamp(row: ContentRule, at: datetime) -> None:
    """Put the database's clock in the place of this server's."""
    row.changed_at = at
    ContentRule.objects.filter(pk=row.pk).update(changed_at=at)


def state_of(row: ContentRule) -> dict[str, Any]:
    """What a page of the rule shows, for fingerprints."""
    return {name: getattr(row, name) for name in FIELDS}


def in_words(row: ContentRule) -> dict[str, Any]:
    """The rule as the audit log tells it."""
    return {
        "name": row.name,
        "kind": str(RuleKind(row.kind).label),
        "pattern": row.pattern if row.kind == RuleKind.EXPRESSION else ", ".join(row.pattern.splitlines()),
        "action": str(RuleAction(row.action).label),
        "advice": row.advice,
        "active": row.active,
    }


def check_pattern(kind: str, pattern: str) -> str:
    """The pattern as it is stored: keywords one a line, without blanks around them and none twice.

    Refusal, with `field`: rule_without_words, expression_invalid (with RE2's words), expression_too_broad, too_long,
    control_characters.
    """
    refuse_unstorable("pattern", pattern, LONGEST_PATTERN)
    return _checked_expression(pattern) if kind == RuleKind.EXPRESSION else _checked_keywords(pattern)


def refuse_unstorable(field: str, text: str, longest: int) -> None:
    """Refusal, with `field`: too_long, control_characters."""
    if len(text) > longest:
        sentence = _("At most %(longest)s characters fit here. Shorten it, or make two rules of it.")
        raise Refusal("too_long", sentence % {"longest": f"{longest:,}"}, field=field)
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\r\n\t" for character in text):
        raise Refusal("control_characters", _("There is a control character in it. Remove it."), field=field)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a rule as they are stored."""
    kind = values.get("kind") or RuleKind.KEYWORDS
    name, advice = (" ".join(values.get(part, "").split()) for part in ("name", "advice"))
    if not name:
        raise Refusal("rule_name_missing", _("Enter a name, which senders are told too."), field="name")
    refuse_unstorable("name", name, LONGEST_NAME)
    refuse_unstorable("advice", advice, LONGEST_ADVICE)
    pattern = check_pattern(kind, values.get("pattern", ""))
    return {**values, "name": name, "advice": advice, "kind": kind, "pattern": pattern}


def _checked_keywords(pattern: str) -> str:
    lines = list(dict.fromkeys(" ".join(line.split()) for line in pattern.splitlines() if line.strip()))
    if not lines:
        raise Refusal("rule_without_words", _("Enter at least one word, one a line."), field="pattern")
    for line in lines:
        if not words_of(line).strip():
            sentence = _("“%(line)s” has no letter or digit. Write a word, or use a regular expression.")
            raise Refusal("rule_without_words", sentence % {"line": line}, field="pattern")
    return "\n".join(lines)


def _checked_expression(pattern: str) -> str:
    pattern = pattern.strip("\r\n")
    if not pattern.strip():
        raise Refusal("rule_without_words", _("Enter an expression."), field="pattern")
    try:
        expression = expression_of(pattern)
    except re2.error as error:
        sentence = _("This expression doesn’t work: %(why)s. The syntax is RE2’s, which has no lookaround and no \\1.")
        raise Refusal("expression_invalid", sentence % {"why": _reason(error)}, field="pattern") from None
    if expression.search("") is not None:
        sentence = _("This expression also matches nothing at all, so that every text would break the rule.")
        raise Refusal("expression_too_broad", sentence, field="pattern")
    return pattern


def _reason(error: re2.error) -> str:
    """RE2's own words, which come as bytes."""
    why = error.args[0] if error.args else ""
    return why.decode(errors="replace") if isinstance(why, bytes) else str(why)


def _save(row: ContentRule) -> None:
    at = next_change(row.organization_id)
    try:
        with transaction.atomic():
            row.save()
            stamp(row, at)
    except IntegrityError:
        sentence = _("There is a rule called %(name)s already. Choose another name.")
        raise Refusal("name_taken", sentence % {"name": row.name}, http_status=409, field="name") from None
