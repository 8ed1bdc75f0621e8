"""An edited limit counts at once: numbers that were told when to look again by the old one look now.

Campaigns' and brands' limits are written by operators and, when the registry decides, by the registry; accounts' by
operators. Whoever writes one saves its row, so the saving is what is listened to.

After the commit, in transactions of its own: the rows of sending numbers are locked last (states.py).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from messaging import clock, pacing
from messaging.models import CarrierAccount, SendingNumber
from provisioning.models import Brand, Campaign

_LIMITS: Final[dict[type, tuple[str, str]]] = {
    CarrierAccount: ("texts_a_second", "carrier_account"),
    Campaign: ("segments_a_minute", "number__campaign"),
    Brand: ("segments_a_day", "number__campaign__brand"),
}
"""The column that holds the limit, and how its numbers are found."""


@receiver(post_save, sender=CarrierAccount, dispatch_uid="account_pace_edited")
@receiver(post_save, sender=Campaign, dispatch_uid="campaign_pace_edited")
@receiver(post_save, sender=Brand, dispatch_uid="brand_cap_edited")
def look_again(sender: type, instance: Any, created: bool, update_fields: Collection[str] | None, **_kept: Any) -> None:
    """Once the edit is committed."""
    limit, path = _LIMITS[sender]
    if created or (update_fields is not None and limit not in update_fields):
        return
    numbers = SendingNumber.objects.filter(**{path: instance.pk})
    transaction.on_commit(lambda: pacing.look_at_waiting(numbers, clock.database_now()), robust=True)
