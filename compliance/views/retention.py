"""Compliance > Messages > Retention: what the purge did, what it does next."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from compliance.certificates import certificate
from compliance.keyset import cursors, page_of
from compliance.models import PurgeRun
from compliance.retention import cutoff_at
from compliance.search import capped, retained
from compliance.selection import organization_of
from messaging import clock
from provisioning.roles import Permission, requires

PURGE_AT = time(2, 0, tzinfo=UTC)
"""When the beat starts it (texting_hub/celery.py)."""
SOON = timedelta(days=7)
A_PAGE = 30


@requires(Permission.READ_RETAINED_MESSAGES)
@require_GET
def retention(request: HttpRequest) -> HttpResponse:
    """How long texts are kept, the next purge, and every purge so far with its certificate."""
    officer: Any = request.user
    now = clock.database_now()
    runs = PurgeRun.objects.filter(organization_id=organization_of(officer)).select_related("previous")
    texts = retained(officer)
    leaving = texts.filter(accepted_at__lt=cutoff_at(now) + SOON)
    context = {
        "days": settings.MESSAGE_RETENTION_DAYS,
        "next_purge": next_purge(now),
        "cutoff": cutoff_at(next_purge(now)),
        "page": page_of(runs, "night", size=A_PAGE, **cursors(request.GET)),
        "last": runs.filter(finished_at__isnull=False).order_by("-night", "-pk").first(),
        "oldest": texts.order_by("accepted_at", "pk").values_list("accepted_at", flat=True).first(),
        "leaving": capped(leaving) if leaving.exists() else "",
        "leaving_last_day": cutoff_at(now) + SOON,
    }
    return render(request, "compliance/retention.html", context)


@requires(Permission.READ_RETAINED_MESSAGES)
@require_GET
def purge_certificate(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """One certificate as a file: what compliance/certificates.py seals, and the seal."""
    officer: Any = request.user
    runs = PurgeRun.objects.filter(organization_id=organization_of(officer), finished_at__isnull=False)
    run = get_object_or_404(runs.select_related("previous"), pk=run_id)
    response = JsonResponse(certificate(run) | {"digest": run.digest}, json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="{_file_name(run)}"'
    return response


def _file_name(run: PurgeRun) -> str:
    """`purge-2026-11-24.json`; that of a restore has its time, too."""
    return f"purge-{run.started_at:%Y-%m-%d-%H%M%S}.json" if run.after_restore else f"purge-{run.night:%Y-%m-%d}.json"


def next_purge(now: datetime) -> datetime:
    """The next time the beat starts it."""
    tonight = datetime.combine(now.astimezone(UTC).date(), PURGE_AT)
    return tonight if tonight > now else tonight + timedelta(days=1)
