"""The provider's alert for what a carrier says and nobody understands: an unknown code, or kind of receipt."""

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
KEPT: Final = timedelta(days=1)

register(
    Kind(
        CODE,
        title=_("A carrier says something we do not know"),
        sentence=_("%(account)s said %(said)s, a code that is in no table. Last at %(last)s; %(times)s so far."),
        remedy=_(
            "Such texts say that the carrier refused them. Look the code up at the carrier, and have its meaning added "
            "to the carrier’s table. This goes away a day after the code was last seen."
        ),
        severity=Severity.WARNING,
    )
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


def clear_old(now: datetime) -> None:
    """What was not seen for a day."""
    old = Alert.objects.filter(code=CODE, cleared_at__isnull=True, seen_at__lt=now - KEPT)
    old.update(cleared_at=now)
