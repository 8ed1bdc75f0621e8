"""An officer's look at retained texts. No look without its trace.

What must never happen: somebody reads a text and the audit log does not say so. The texts are read and the event
`messages.read` (content_access) is written in one transaction, before any of it is shown: who, from where, what was
searched for, how many texts came up and from which to which. If the event can't be written, nothing is shown. Every
page of results is a look of its own. Officers see every text of their own organization, withheld ones included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import ngettext

from compliance.keyset import Page, page_of
from compliance.selection import organization_of
from messaging.models import Message
from provisioning.changes import Actor, Change, record
from provisioning.models import User
from provisioning.models.choices import fold
from provisioning.user_filters import matching

COUNT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Criteria:
    """What to look for; empty does not narrow. Days are whole UTC days, the last one included.

    `number` is what a number at either end ends with (all of it, or its last digits).
    """

    person: str = ""
    number: str = ""
    words: str = ""
    first_day: date | None = None
    last_day: date | None = None

    def said(self) -> dict[str, Any]:
        """For the audit log."""
        return {
            "person": self.person,
            "number": self.number,
            "words": self.words,
            "from": self.first_day and self.first_day.isoformat(),
            "to": self.last_day and self.last_day.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Look:
    """One page of texts, newest first, and how many match: "10,000+" beyond that."""

    page: Page
    total: str


def look(officer: User, actor: Actor, criteria: Criteria, *, older: str = "", newer: str = "") -> Look:
    """Read one page and record it, in one transaction."""
    found = retained(officer).filter(_condition(officer, criteria))
    # Counting shows no text, and SQLite's one write lock is not held for it.
    total = capped(found)
    with transaction.atomic():
        page = page_of(found.select_related("user"), "accepted_at", older=older, newer=newer)
        _record(officer, actor, criteria, page, total)
    return Look(page, total)


def retained(officer: User) -> QuerySet[Message]:
    """Every text of the officer's organization."""
    return Message.objects.filter(organization_id=organization_of(officer))


def people(officer: User, typed: str) -> QuerySet[User]:
    """Users of the officer's organization by name, e-mail address or primary number; deactivated ones too."""
    own = organization_of(officer)
    return User.objects.filter(matching(typed, own), organization_id=own)


def beginning(day: date) -> datetime:
    """The first moment of a UTC day."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def end(day: date) -> datetime:
    """The first moment after a UTC day."""
    return beginning(day) + timedelta(days=1)


def _condition(officer: User, criteria: Criteria) -> Q:
    condition = Q()
    if criteria.person:
        condition &= Q(user_id__in=people(officer, criteria.person).values("pk"))
    if criteria.number:
        condition &= Q(own_e164__endswith=criteria.number) | Q(counterpart__endswith=criteria.number)
    if criteria.first_day:
        condition &= Q(accepted_at__gte=beginning(criteria.first_day))
    if criteria.last_day:
        condition &= Q(accepted_at__lt=end(criteria.last_day))
    for word in fold(criteria.words).split():
        condition &= Q(search_text__contains=word)
    return condition


def capped(found: QuerySet[Message]) -> str:
    """How many, counted up to 10,000: "10,000+" beyond."""
    counted = found.order_by().values("pk")[: COUNT_LIMIT + 1].count()
    return f"{COUNT_LIMIT:,}+" if counted > COUNT_LIMIT else f"{counted:,}"


def _record(officer: User, actor: Actor, criteria: Criteria, page: Page, total: str) -> None:
    shown = len(page.rows)
    record(
        Change(
            action="messages.read",
            actor=actor,
            organization_id=organization_of(officer),
            target_type="message",
            target_id=str(page.rows[0].pk) if shown else "",
            target_label=ngettext("%(count)s message", "%(count)s messages", shown) % {"count": shown},
            after={
                "criteria": criteria.said(),
                "shown": shown,
                "matching": total,
                "newest": str(page.rows[0].pk) if shown else None,
                "oldest": str(page.rows[-1].pk) if shown else None,
            },
            content_access=True,
        )
    )
