"""Overview: the portal's first page for who administers the organization."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from messaging import clock, health, overview
from messaging.charts import line_chart
from provisioning.alerts import visible_to
from provisioning.models import Organization
from provisioning.roles import Permission, requires

DEFAULT_PERIOD = 30


@requires(Permission.VIEW_ORGANIZATION)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Figures of 7, 30 or 90 days; who can text is asked for by the page itself, as it reads every user."""
    organization, now, period = _organization(request), clock.database_now(), _period(request)
    administrator: Any = request.user
    figures = overview.traffic(organization, now, period)
    context = {
        "period": period,
        "periods": overview.PERIODS,
        "organization": organization,
        "figures": figures,
        "chart": line_chart(figures.days),
        "health": health.of_organization(organization, now),
        "registered": overview.registered(organization, now),
        "alerts": visible_to(administrator).filter(cleared_at__isnull=True).count(),
        "now": now,
        "ability": overview.ability(organization) if "whole" in request.GET else None,
    }
    return render(request, "messaging/overview.html", context)


@requires(Permission.VIEW_ORGANIZATION)
@require_GET
def ability(request: HttpRequest) -> HttpResponse:
    """The part of Overview that says who can text."""
    return render(request, "messaging/_ability.html", {"ability": overview.ability(_organization(request))})


def _organization(request: HttpRequest) -> Organization:
    administrator: Any = request.user
    organization: Organization = administrator.organization
    return organization


def _period(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in {str(period) for period in overview.PERIODS} else DEFAULT_PERIOD
