"""Compliance > Messages > Audit log: who did what, newest first."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from compliance.audit_words import line
from compliance.keyset import cursors, page_of
from compliance.models import AuditEvent
from compliance.selection import organization_of
from provisioning.roles import Permission, requires


@requires(Permission.READ_RETAINED_MESSAGES)
@require_GET
@never_cache
def audit_log(request: HttpRequest) -> HttpResponse:
    """Every event of the organization's chain, looks at contents included: officers alone see those."""
    officer: Any = request.user
    events = AuditEvent.objects.filter(organization_id=organization_of(officer))
    page = page_of(events, "sequence", **cursors(request.GET))
    context = {"page": page, "lines": [line(event) for event in page.rows]}
    return render(request, "compliance/audit_log.html", context)
