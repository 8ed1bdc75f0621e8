"""The provider's alerts for what carriers say and nobody can do anything with: an unknown code or kind of event, a text
to a number of nobody."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext_lazy as _

from messaging.models import CarrierAccount
from provisioning.alert_words import Kind, Severity, register
from provisioning.alerts import raise_alert
from provisioning.models import Alert

CODE: Final = "unknown_carrier_code"
STRAY: Final = "texts_to_nobody"
KEPT: Final = timedelta(days=1)

register(
    Kind(
        CODE,
        title=_("A carrier says something we do not know"),
        sentence=_(
            "%(account)s said %(said)s, a code or a kind of event that is in no table. "
            "Last at %(last)s; %(times)s so far."
        ),
        remedy=_(
            "Texts that failed with such a code say that the carrier refused them. Look it up at the carrier, and have "
            "its meaning added to the carrier’s table. This goes away a day after it was last seen."
        ),
        severity=Severity.WARNING,
    ),
    Kind(
        STRAY,
        title=_("Texts to a number of nobody"),
        sentence=_(
            "%(account)s brought a text to %(number)s, which no organization has. Last at %(last)s; %(times)s so far."
        ),
        remedy=_(
            "It was not stored: nobody may read it. Give the number to its organization, or take it out of the "
            "carrier’s account. This goes away a day after the last one."
        ),
        severity=Severity.WARNING,
    ),
)


def note_unknown(account: CarrierAccount, codes: set[str], now: datetime) -> None:
    """In the transaction that stores what was said."""
    for code in sorted(codes):
        key = f"{account.pk.hex}:{code}"[:64]
        raise_alert(CODE, None, key=key, account=str(account), said=code or "-", last=f"{now:%Y-%m-%d %H:%M} UTC")


def note_unknown_answers(codes: dict[uuid.UUID, set[str]], now: datetime) -> None:
    """The same for what accounts answered when texts were handed to them."""
    for account in CarrierAccount.objects.filter(pk__in=codes):
        note_unknown(account, codes[account.pk], now)


def note_stray(account: CarrierAccount, e164: str, now: datetime) -> None:
    """One alert an account, in the transaction that keeps what is kept of the text."""
    raise_alert(STRAY, None, key=account.pk.hex, account=str(account), number=e164, last=f"{now:%Y-%m-%d %H:%M} UTC")


def clear_old(now: datetime) -> None:
    """What was not seen for a day."""
    old = Alert.objects.filter(code__in=(CODE, STRAY), cleared_at__isnull=True, seen_at__lt=now - KEPT)
    old.update(cleared_at=now)
