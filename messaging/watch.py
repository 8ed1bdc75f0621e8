"""What this app raises alerts for, looked at once a minute: the relay, carriers, numbers. See provisioning/alerts.py.

Each look is over what is open or due, never over all messages.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from messaging import health
from messaging.models import CarrierAccount, SendingNumber
from messaging.models.messages import Withheld
from provisioning import heartbeats
from provisioning.alert_words import Kind, Severity, register
from provisioning.alerts import Cause, clear_alert, observe, raise_alert
from provisioning.eligibility import standings
from provisioning.models import Alert, Organization, PhoneNumber

STALLED_AFTER: Final = timedelta(minutes=5)
UNREAD_FOR: Final = timedelta(days=7)
"""A number that nobody wrote to for so long needs nobody's attention."""
UNKNOWN_FROM: Final = 0.1
NOBODY_READS: Final = (Withheld.UNASSIGNED, Withheld.TEXTING_OFF)

register(
    Kind(
        "relay_stalled",
        title=_("Texts are not going out"),
        sentence=_("%(numbers)s numbers have texts that should have gone out; the oldest since %(since)s."),
        remedy=_(
            "Nothing is lost: the texts are kept, and go out once the relay runs again. "
            "The provider checks that the relay’s worker and the database are running."
        ),
    ),
    Kind(
        "carrier_failing",
        title=_("The carrier does not take texts"),
        sentence=_("%(account)s did not take, or did not answer, %(troubled)s of %(texts)s texts in 15 minutes."),
        remedy=_(
            "Texts that the carrier cannot have are kept and tried again. Those whose outcome is unknown say so, and "
            "are never sent again by themselves. The provider asks the carrier, and checks the account’s credentials."
        ),
    ),
    Kind(
        "relay_silent",
        title=_("The relay gives no sign of life"),
        sentence=_("The relay’s worker last said that it lives at %(since)s."),
        remedy=_(
            "Check that the relay worker and beat are running, and that Redis answers. Nothing is lost: texts wait in "
            "the database, and fail only when they have waited for 24 hours."
        ),
    ),
    Kind(
        "receipts_slow",
        title=_("Receipts come late"),
        sentence=_("Half of the receipts of %(account)s came more than %(seconds)s seconds after the text was taken."),
        remedy=_(
            "Texts go out; what became of them is told late. Ask the carrier, and check that its webhooks reach the "
            "hub: the account’s page says how many were refused."
        ),
        severity=Severity.WARNING,
    ),
    Kind(
        "texts_unconfirmed",
        title=_("Many texts have an unknown outcome"),
        sentence=_("%(account)s did not say what became of %(unknown)s of %(texts)s texts in 15 minutes."),
        remedy=_(
            "They are never sent again by themselves, as the carrier may have them; receipts may still say. If it goes "
            "on, pause or drain the account, and move its numbers to another one."
        ),
    ),
    Kind(
        "number_paused",
        title=_("A number is paused"),
        sentence=_(
            "%(number)s sends nothing. Its texts wait, and fail when they have waited for 24 hours. The provider "
            "paused it for this reason: %(reason)s"
        ),
        remedy=_("Ask the provider to resume it."),
        severity=Severity.WARNING,
        link=lambda facts: reverse("number", args=[facts["id"]]) if facts.get("id") else reverse("numbers"),
    ),
    Kind(
        "texts_unread",
        title=_("Texts that nobody reads"),
        sentence=_("People wrote to %(number)s, whose user is gone or can’t text. Last at %(last)s; %(times)s so far."),
        remedy=_(
            "Give the number a user, or switch texting on for the one it has. Until then the organization can have "
            "such texts answered automatically."
        ),
        severity=Severity.WARNING,
    ),
)


def look(now: datetime) -> None:
    """One round of everything."""
    observe("relay_stalled", _stalled(now), now)
    observe("carrier_failing", _failing(now), now)
    observe("number_paused", _paused(), now)
    observe("relay_silent", _silent(now), now)
    observe("receipts_slow", _slow_receipts(now), now)
    observe("texts_unconfirmed", _unconfirmed(now), now)
    clear_read(now)


def _silent(now: datetime) -> Mapping[Cause, dict[str, Any]]:
    """A worker that lived once and says nothing: one that never did was not set up yet, which `relay_stalled` tells."""
    sign = heartbeats.sign_of(heartbeats.RELAY, health.SILENT_AFTER, now)
    return {(None, ""): {"since": _time(sign.at)}} if sign.at is not None and sign.late else {}


def _slow_receipts(now: datetime) -> Mapping[Cause, dict[str, Any]]:
    """Accounts whose median over the last hour is too long, told to the provider."""
    names = dict(CarrierAccount.objects.values_list("pk", "name"))
    return {
        (None, str(account_id)): {"account": names[account_id], "seconds": round(delay.median)}
        for account_id, delay in health.receipt_delays(now)[1].items()
        if delay.receipts >= health.ENOUGH and delay.median > health.SLOW_RECEIPTS.total_seconds()
    }


def _unconfirmed(now: datetime) -> Mapping[Cause, dict[str, Any]]:
    """Accounts that left a tenth of what they were handed open, and no fewer than ENOUGH; told to the provider."""
    names = dict(CarrierAccount.objects.values_list("pk", "name"))
    return {
        (None, str(account_id)): {"account": names[account_id], "unknown": unknown, "texts": texts}
        for account_id, (unknown, texts) in health.unknown_of(names, now).items()
        if unknown >= health.ENOUGH and unknown >= texts * UNKNOWN_FROM
    }


def _stalled(now: datetime) -> Mapping[Cause, dict[str, Any]]:
    """Numbers that should have been looked at minutes ago; what is paced, held or paused means to look later."""
    overdue = SendingNumber.objects.filter(
        next_due_at__lt=now - STALLED_AFTER, paused=False, carrier_account__paused=False
    ).order_by()
    rows = list(overdue.values("organization_id").annotate(numbers=Count("pk"), since=Min("next_due_at")))
    causes: dict[Cause, dict[str, Any]] = {
        (row["organization_id"], ""): {"numbers": row["numbers"], "since": _time(row["since"])} for row in rows
    }
    if rows:
        oldest = min(row["since"] for row in rows)
        causes[None, ""] = {"numbers": sum(row["numbers"] for row in rows), "since": _time(oldest)}
    return causes


def _failing(now: datetime) -> Mapping[Cause, dict[str, Any]]:
    """Accounts that fail at least half of what they are handed: told to the provider and to whom they serve."""
    accounts = {account.pk: account for account in CarrierAccount.objects.all()}
    causes: dict[Cause, dict[str, Any]] = {}
    for account_id, answers in health.answers_of(accounts, now).items():
        if answers.failing:
            facts = {"account": str(accounts[account_id]), "troubled": answers.troubled, "texts": answers.texts}
            for organization_id in (None, *_served_by(account_id)):
                causes[organization_id, str(account_id)] = facts
    return causes


def _served_by(account_id: uuid.UUID) -> list[uuid.UUID]:
    numbers = SendingNumber.objects.filter(carrier_account_id=account_id, number__released_at__isnull=True).order_by()
    return list(numbers.values_list("organization_id", flat=True).distinct())


def _paused() -> Mapping[Cause, dict[str, Any]]:
    numbers = SendingNumber.objects.filter(paused=True, number__released_at__isnull=True)
    paused = numbers.values_list("organization_id", "pk", "number__e164", "pause_reason")
    return {
        (organization_id, str(key)): {"number": e164, "id": str(key), **({"reason": reason} if reason else {})}
        for organization_id, key, e164, reason in paused
    }


def note_unread(number: PhoneNumber, withheld: str, now: datetime) -> None:
    """A text arrived that nobody can read; in the transaction that files it."""
    if withheld in NOBODY_READS:
        raise_alert("texts_unread", number.organization, key=str(number.pk), number=number.e164, last=_time(now))


def clear_read(now: datetime) -> None:
    """Clear the alerts of numbers whose user can read texts again, and of those nobody wrote to for a week."""
    alerts = list(Alert.objects.filter(code="texts_unread", cleared_at__isnull=True).select_related("organization"))
    users = dict(PhoneNumber.objects.filter(pk__in=[alert.key for alert in alerts]).values_list("pk", "user_id"))
    reading = standings(user for user in users.values() if user is not None)
    for alert in alerts:
        standing = reading.get(users.get(uuid.UUID(alert.key)) or uuid.UUID(int=0))
        if alert.seen_at < now - UNREAD_FOR or (standing is not None and standing.can_receive):
            _clear(alert.organization, alert.key)


def _clear(organization: Organization | None, key: str) -> None:
    clear_alert("texts_unread", organization, key=key)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
