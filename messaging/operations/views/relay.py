"""The relay in pictures: the page, and the part of it that is asked for again every ten seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from messaging import clock, health
from messaging.models.messages import Status
from messaging.operations import figures, minutes
from messaging.operations.charts import lines, stack, ticks
from provisioning import alerts
from provisioning.roles import Permission, requires

TICKS: Final = {"hour": figures.QUARTER, "day": timedelta(hours=6)}
"""Round times below a drawing; the small ones have half as many."""


@requires(Permission.OPERATE)
@never_cache
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; with `?part` only what changes."""
    template = "messaging/operations/_relay.html" if "part" in request.GET else "messaging/operations/relay.html"
    return render(request, template, {**context(), "tables": "tables" in request.GET})


def context() -> dict[str, Any]:
    """Everything on the page: at most eighteen queries, and one for each account that is being drained."""
    now = clock.database_now()
    hour, day, queue = figures.flow(now, figures.HOUR, figures.MINUTE), figures.day_flow(now), figures.queue(now)
    delay, delays = health.receipt_delays(now)
    outcomes = figures.outcomes_today(now)
    looks = {"hour": minutes.course(now, figures.HOUR, figures.MINUTE), "day": minutes.day_course(now)}
    return {
        "now": now,
        "alerts": alerts.of_the_provider().count(),
        "queue": queue,
        "delay": delay,
        "oldest_seconds": queue.oldest_seconds(now),
        "charts": [(name, stack(found, TICKS[name]), found) for name, found in (("hour", hour), ("day", day))],
        "courses": [
            (name, lines(found), ticks([look.at for look in found], 2 * TICKS[name]), minutes.noted(found))
            for name, found in looks.items()
        ],
        "outcomes": [
            (Status(status).label, reason, texts, share) for status, reason, texts, share in _shares(outcomes)
        ],
        "unconfirmed": sum(texts for status, _reason, texts in outcomes if status == Status.UNCONFIRMED),
        "orphans": figures.orphans(),
        "accounts": figures.accounts(now, queue.by_account, delays),
        "signs": figures.signs(now),
        "most": figures.MOST,
    }


def _shares(outcomes: list[tuple[str, str, int]]) -> list[tuple[str, str, int, int]]:
    most = max((texts for _status, _reason, texts in outcomes), default=1)
    return [(status, reason, texts, max(1, round(texts * 100 / most))) for status, reason, texts in outcomes]
