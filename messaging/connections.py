"""Numbers and their carriers: a number that an administrator adds is connected at once, and can send and receive.

It goes out by the account that the organization's newest number goes out by, else by the provider's first one. Where
there is no account yet, the number waits: whoever asks the carrier about it (capabilities.py) tries again.
Numbers of another provider are not connected: they can't text here.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.dispatch import receiver

from messaging.models import CarrierAccount, SendingNumber
from provisioning.changes import Change, changed
from provisioning.models import PhoneNumber
from provisioning.models.numbers import NumberSource
from provisioning.number_additions import ADDED
from provisioning.number_capability import wake_refresh


@receiver(changed, dispatch_uid="connect_numbers")
def connect_added(changes: Sequence[Change], **_kept: Any) -> None:
    """Inside the transaction that adds them."""
    added = [change for change in changes if change.action == ADDED]
    if added:
        connect([uuid.UUID(change.target_id) for change in added])
        wake_refresh()


def connect(number_ids: Collection[uuid.UUID]) -> int:
    """Connect numbers of one organization that are not; how many. Those that came back still are."""
    waiting = PhoneNumber.objects.owned().filter(
        pk__in=number_ids, source=NumberSource.CISCO_CALLING_PLAN, sending__isnull=True
    )
    rows = list(waiting.order_by("pk").values_list("pk", "organization_id"))
    account_id = _account_of(rows[0][1]) if rows else None
    if account_id is None:
        return 0
    SendingNumber.objects.bulk_create(
        [
            SendingNumber(number_id=pk, organization_id=organization_id, carrier_account_id=account_id)
            for pk, organization_id in rows
        ],
        ignore_conflicts=True,
    )
    return len(rows)


def _account_of(organization_id: uuid.UUID) -> uuid.UUID | None:
    newest = SendingNumber.objects.filter(organization_id=organization_id, number__released_at__isnull=True)
    found = newest.order_by("-pk").values_list("carrier_account_id", flat=True).first()
    return found or CarrierAccount.objects.order_by("created_at", "pk").values_list("pk", flat=True).first()
