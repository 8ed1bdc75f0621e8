"""Writing the daily counters: one row per number, user and UTC day, made when it is first needed."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db.models import F

from messaging.models import DailyCount
from provisioning.models import PhoneNumber


def add(number: PhoneNumber, user_id: uuid.UUID | None, now: datetime, **amounts: int) -> None:
    """Add to the counters named (accepted, segments, received, withheld). After conversations are locked, before
    sending numbers are (see messaging/states.py on lock order)."""
    of_number = DailyCount.objects.filter(number=number, day=now.date())
    of_today = of_number.filter(user_id=user_id) if user_id else of_number.filter(user__isnull=True)
    increments = {name: F(name) + amount for name, amount in amounts.items()}
    if of_today.update(**increments):
        return
    new = DailyCount(organization_id=number.organization_id, number=number, user_id=user_id, day=now.date())
    DailyCount.objects.bulk_create([new], ignore_conflicts=True)
    of_today.update(**increments)
