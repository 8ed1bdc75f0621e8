"""Sessions past their end."""

from __future__ import annotations

from celery import shared_task

from provisioning.clock import database_now
from provisioning.models import Session


@shared_task(name="provisioning.clear_sessions")
def clear_sessions() -> None:
    """Delete what has expired: it lets nobody in any more, but it lies about."""
    expired = Session.objects.filter(expire_date__lt=database_now())
    while keys := list(expired.values_list("pk", flat=True)[:500]):
        Session.objects.filter(pk__in=keys).delete()
