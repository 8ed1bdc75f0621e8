"""Alerts: what needs a person, raised by every app through one function.

    raise_alert("number_paused", organization, key=str(number.pk), number=number.e164)
    clear_alert("number_paused", organization, key=str(number.pk))

Raising what is open already only notes that it was seen again: one alert and one mail a cause. Clearing what is not
open does nothing. `organization=None` is the provider's own. Every code has its words in a `Kind` (register()).
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from provisioning.models import Alert, Organization


def raise_alert(code: str, organization: Organization | None, *, key: str = "", **facts: Any) -> None:
    """Raise an alert, or note that its cause was seen again. Facts are what the sentence names: JSON-ready."""
    now = timezone.now()
    open_ones = Alert.objects.filter(organization=organization, code=code, key=key, cleared_at__isnull=True)
    if open_ones.update(seen_at=now, times=F("times") + 1, facts=facts):
        return
    new = Alert(organization=organization, code=code, key=key, facts=facts, raised_at=now, seen_at=now)
    with transaction.atomic():
        Alert.objects.bulk_create([new], ignore_conflicts=True)


def clear_alert(code: str, organization: Organization | None, *, key: str = "") -> None:
    """The cause is gone. Nothing happens when no such alert is open."""
    Alert.objects.filter(organization=organization, code=code, key=key, cleared_at__isnull=True).update(
        cleared_at=timezone.now()
    )
