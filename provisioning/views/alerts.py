"""Alerts: what needs a person now, and what did before."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from provisioning import heartbeats
from provisioning.alert_words import words
from provisioning.alerts import visible_to
from provisioning.clock import database_now
from provisioning.models import Alert
from provisioning.roles import Permission, requires

PAGE_SIZE = 50


@requires(Permission.VIEW_ALERTS)
@require_GET
def alerts(request: HttpRequest) -> HttpResponse:
    """Open alerts, or with `?earlier` those whose cause is gone; fifty a page, newest first."""
    reader: Any = request.user
    mine, earlier = visible_to(reader), "earlier" in request.GET
    shown = _older_than(request.GET.get("before", ""), mine.filter(cleared_at__isnull=not earlier))
    found = list(shown.order_by("-pk")[: PAGE_SIZE + 1])
    context = {
        "earlier": earlier,
        "rows": [(alert, words(alert)) for alert in found[:PAGE_SIZE]],
        "older": found[PAGE_SIZE - 1].pk if len(found) > PAGE_SIZE else None,
        "open_count": mine.filter(cleared_at__isnull=True).count(),
        "watch": heartbeats.of_the_watch(database_now()),
    }
    return render(request, "provisioning/alerts.html", context)


def _older_than(place: str, rows: QuerySet[Alert]) -> QuerySet[Alert]:
    """Ids are UUIDv7: in order of their time. What is no id begins at the newest."""
    try:
        return rows.filter(pk__lt=uuid.UUID(place)) if place else rows
    except (ValueError, ValidationError):
        return rows
