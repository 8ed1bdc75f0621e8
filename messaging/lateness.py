"""The provider's alert for texts that a relay held for too long and put back unsent, where it happens again and again.

Once is nothing: the machine slept, the database was moved, and the texts went a little later. What comes back within a
quarter of an hour is a relay that leases faster than it gets to send. That may be any worker, so when it last happened
is kept in the database. Late texts of one lease come within its time, and count as one occasion.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from provisioning import heartbeats
from provisioning.alert_words import Kind, Severity, register
from provisioning.alerts import raise_alert
from provisioning.models import Alert

CODE: Final = "texts_too_late"
AGAIN_WITHIN: Final = timedelta(minutes=15)

register(
    Kind(
        CODE,
        title=_("The relay is too slow to send what it takes"),
        sentence=_(
            "Texts were put back unsent because their time with a relay worker ran out: last at %(last)s, and not for "
            "the first time within 15 minutes. Occasions so far: %(times)s."
        ),
        remedy=_(
            "Nothing is lost or sent twice: they are tried again. Look at what holds the relay’s worker up: "
            "a database that commits slowly, long transactions, a disk or processors that are busy."
        ),
        severity=Severity.WARNING,
    )
)


def note(now: datetime) -> None:
    """Texts were put back just now. The second occasion within a quarter of an hour raises the alert."""
    last = heartbeats.last(CODE)
    if last is not None and now - last < timedelta(seconds=settings.RELAY_LEASE_SECONDS):
        return
    heartbeats.beat(CODE, now)
    if last is not None and now - last <= AGAIN_WITHIN:
        raise_alert(CODE, None, last=f"{now:%Y-%m-%d %H:%M} UTC")


def clear_old(now: datetime) -> None:
    """Gone when it did not happen for a quarter of an hour."""
    last = heartbeats.last(CODE)
    if last is None or now - last > AGAIN_WITHIN:
        Alert.objects.filter(code=CODE, cleared_at__isnull=True).update(cleared_at=now)
