"""The audit log, searched: whose events somebody may see, narrowed by actor, action, object and time.

Who sees what
- Administrators see what administrators and the system did. Never a look at contents, and nothing of the officers' own
  desk (exports, purges): `of_administrators`.
- Officers see every event of their organization: `of_officers`.

Actor and object are single ones, so that every filter is a look into one index (compliance/models.py), however many
events there are. What somebody typed is turned into one first: `actors()` and `objects()` say who and what it may mean.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from compliance.audit_words import ACTIONS, OPERATOR_WRITES, action_in_words, model_names
from compliance.models import AuditEvent
from provisioning.models import Brand, Campaign, Location, Organization, PhoneNumber, User
from provisioning.models.choices import fold
from provisioning.numbers import display

SYSTEM: Final = "system"
"""As an actor: what nobody signed in did (jobs, the command line, failed sign-ins)."""
PROVIDER: Final = "admin"
"""As an action: everything that the provider wrote."""
DESK: Final = ("purge.run",)
"""Of the officers' desk without being a look at contents. Exports are looks at contents."""
MOST_MEANINGS: Final = 8
SCANNED_DELETIONS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Criteria:
    """What to look for; empty does not narrow. `actor_id` may be SYSTEM, `action` PROVIDER; `ends_at` is left out."""

    actor_id: str = ""
    action: str = ""
    target_id: str = ""
    begins_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """One actor or object that what was typed may mean."""

    key: str
    label: str
    note: str


def of_officers(organization_id: uuid.UUID) -> QuerySet[AuditEvent]:
    """Every event of the organization."""
    return AuditEvent.objects.filter(organization_id=organization_id)


def of_administrators(organization_id: uuid.UUID) -> QuerySet[AuditEvent]:
    """Those that are not the officers' alone."""
    return of_officers(organization_id).filter(content_access=False).exclude(action__in=DESK)


def narrowed(events: QuerySet[AuditEvent], criteria: Criteria) -> QuerySet[AuditEvent]:
    """Events that meet all of the criteria."""
    if criteria.actor_id == SYSTEM:
        events = events.filter(actor__isnull=True)
    elif criteria.actor_id:
        events = events.filter(actor_id=uuid.UUID(criteria.actor_id))
    if criteria.action == PROVIDER:
        events = events.filter(action__in=provider_actions())
    elif criteria.action:
        events = events.filter(action=criteria.action)
    if criteria.target_id:
        events = events.filter(target_id=criteria.target_id)
    if criteria.begins_at:
        events = events.filter(happened_at__gte=criteria.begins_at)
    if criteria.ends_at:
        events = events.filter(happened_at__lt=criteria.ends_at)
    return events


def provider_actions() -> list[str]:
    """Every code of an operator's write (provisioning/operators.py)."""
    return [f"admin.{model}_{verb}" for model in sorted(model_names()) for verb in OPERATOR_WRITES]


def actors(organization_id: uuid.UUID, typed: str) -> list[Meaning]:
    """Whom somebody may mean: a person of the organization, the system, or an operator who did something here."""
    if fold(typed.strip()) in (SYSTEM, fold(_("System"))):
        return [Meaning(SYSTEM, _("System"), "")]
    found = _people(organization_id, typed)
    return found or [_person(user) for user in _operators(organization_id, typed)]


def objects(organization_id: uuid.UUID, typed: str) -> list[Meaning]:
    """What somebody may mean: a person, location, number, brand, campaign, the organization; or one that is gone."""
    key = _as_id(typed)
    if key:
        return [Meaning(key, _label_of(organization_id, key), "")]
    found = chain(_people(organization_id, typed), _things(organization_id, typed), _gone(organization_id, typed))
    meanings = list(islice(found, MOST_MEANINGS + 1))
    exact = [meaning for meaning in meanings if fold(meaning.label) == fold(typed.strip())]
    return exact if len(exact) == 1 else meanings


def _people(organization_id: uuid.UUID, typed: str) -> list[Meaning]:
    """By id, by exact e-mail address, or by words of the name and the address."""
    people = User.objects.filter(organization_id=organization_id)
    key = _as_id(typed)
    if key:
        return [_person(user) for user in people.filter(pk=key)]
    exact = people.filter(email_key=fold(typed.strip())).first()
    if exact is not None:
        return [_person(exact)]
    return [_person(user) for user in people.filter(_words(typed)).order_by()[: MOST_MEANINGS + 1]]


def _person(user: User) -> Meaning:
    return Meaning(str(user.pk), user.display_name, user.email)


def _operators(organization_id: uuid.UUID, typed: str) -> Iterator[User]:
    """A provider operator is found by the whole address, and only where the log shows it anyway."""
    for user in User.objects.filter(is_staff=True, email_key=fold(typed.strip())):
        if of_administrators(organization_id).filter(actor=user).exists():
            yield user


def _things(organization_id: uuid.UUID, typed: str) -> Iterator[Meaning]:
    own = {"organization_id": organization_id}
    for location in Location.objects.filter(_words(typed), **own).order_by()[:MOST_MEANINGS]:
        yield Meaning(str(location.pk), location.name, _("Location"))
    for number in _numbers(organization_id, typed):
        yield Meaning(str(number.pk), display(number.e164), _("Number"))
    for brand in Brand.objects.filter(legal_name__icontains=typed.strip(), **own)[:MOST_MEANINGS]:
        yield Meaning(str(brand.pk), brand.legal_name, _("10DLC brand"))
    called = Q(name__icontains=typed.strip()) | Q(registry_id__iexact=typed.strip())
    for campaign in Campaign.objects.filter(called, **own)[:MOST_MEANINGS]:
        yield Meaning(str(campaign.pk), str(campaign), _("10DLC campaign"))
    for organization in Organization.objects.filter(pk=organization_id, name__icontains=typed.strip()):
        yield Meaning(str(organization.pk), organization.name, _("Organization"))


def _numbers(organization_id: uuid.UUID, typed: str) -> QuerySet[PhoneNumber]:
    digits = "".join(character for character in typed if character.isdecimal() and character.isascii())
    numbers = PhoneNumber.objects.filter(organization_id=organization_id).order_by()
    if len(digits) < 4 or any(character.isalpha() for character in typed):
        return numbers.none()
    return numbers.filter(e164__contains=digits)[:MOST_MEANINGS]


def _gone(organization_id: uuid.UUID, typed: str) -> Iterator[Meaning]:
    """Deleted ones, by the name they had: their rows are gone, the events of their deletion stay."""
    deletions = [action for action in ACTIONS if action.endswith(".deleted")]
    rows = of_administrators(organization_id).filter(action__in=deletions).order_by("-happened_at")
    for key, label in rows.values_list("target_id", "target_label")[:SCANNED_DELETIONS]:
        if all(word in fold(label) for word in fold(typed).split()):
            yield Meaning(key, label, _("Deleted"))


def _label_of(organization_id: uuid.UUID, key: str) -> str:
    """What the newest event calls it."""
    events = of_administrators(organization_id).filter(target_id=key).order_by("-happened_at", "-id")
    return events.values_list("target_label", flat=True).first() or key


def _as_id(typed: str) -> str:
    try:
        return str(uuid.UUID(typed.strip()))
    except ValueError:
        return ""


def _words(typed: str) -> Q:
    condition = Q()
    for word in fold(typed).split():
        condition &= Q(search_text__contains=word)
    return condition


def said(criteria: Criteria, who: str, what: str) -> dict[str, Any]:
    """The criteria in words, for the audit log itself."""
    values = {
        "actor": who,
        "action": _("Changed by the provider") if criteria.action == PROVIDER else action_in_words(criteria.action),
        "object": what,
        "from": criteria.begins_at and criteria.begins_at.isoformat(),
        "until": criteria.ends_at and criteria.ends_at.isoformat(),
    }
    return {name: value for name, value in values.items() if value}
