"""The audit log, twice: Monitoring > Audit log for administrators, Compliance > Messages > Audit log for officers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from compliance.audit_export import record_export, written
from compliance.audit_forms import AuditFilter
from compliance.audit_search import narrowed, of_administrators, of_officers, said
from compliance.audit_words import line
from compliance.keyset import Page, cursors, page_of
from compliance.models import AuditEvent
from compliance.selection import organization_of
from provisioning.changes import Actor
from provisioning.models import RoleAssignment, User
from provisioning.roles import Permission, requires
from provisioning.streaming import download

SUGGESTED_ACTORS = 100


@requires(Permission.VIEW_AUDIT_LOG)
@require_GET
@never_cache
def admin_audit_log(request: HttpRequest) -> HttpResponse:
    """What administrators and the system did, in the organization's time zone. Nothing that is the officers' alone."""
    return _page(request, _log_of_administrators(request), "compliance/admin_audit_log.html")


@requires(Permission.READ_RETAINED_MESSAGES)
@require_GET
@never_cache
def audit_log(request: HttpRequest) -> HttpResponse:
    """Every event of the organization's chain, looks at contents included, in UTC: officers alone see those."""
    return _page(request, _log_of_officers(request), "compliance/audit_log.html")


@requires(Permission.VIEW_AUDIT_LOG)
@require_POST
def admin_audit_export(request: HttpRequest) -> HttpResponseBase:
    """The administrators' log as CSV, with the filter of the address."""
    return _export(request, _log_of_administrators(request), "compliance/admin_audit_log.html")


@requires(Permission.READ_RETAINED_MESSAGES)
@require_POST
def audit_export(request: HttpRequest) -> HttpResponseBase:
    """The officers' log as CSV, with the filter of the address."""
    return _export(request, _log_of_officers(request), "compliance/audit_log.html")


@dataclass(frozen=True, slots=True)
class _Log:
    """One of the two: its events, the time zone of its times, and whether it is the officers'."""

    events: QuerySet[AuditEvent]
    zone: ZoneInfo
    officers: bool


def _log_of_administrators(request: HttpRequest) -> _Log:
    viewer: Any = request.user
    return _Log(of_administrators(organization_of(viewer)), ZoneInfo(viewer.organization.time_zone), officers=False)


def _log_of_officers(request: HttpRequest) -> _Log:
    officer: Any = request.user
    return _Log(of_officers(organization_of(officer)), ZoneInfo("UTC"), officers=True)


def _filter(request: HttpRequest, log: _Log) -> AuditFilter:
    viewer: Any = request.user
    return AuditFilter(request.GET, organization_id=organization_of(viewer), zone=log.zone, officers=log.officers)


def _page(request: HttpRequest, log: _Log, template: str) -> HttpResponse:
    form = _filter(request, log)
    valid = form.is_valid()
    found = narrowed(log.events, form.criteria()) if valid else log.events.none()
    page = page_of(found, "happened_at", **cursors(request.GET)) if valid else Page([], None, None)
    context = {
        "form": form,
        "page": page,
        "lines": [line(event) for event in page.rows],
        "zone": log.zone.key,
        "officers": log.officers,
        "suggested": _administrators(request),
        "narrows": form.narrows if valid else True,
    }
    return render(request, template, context, status=200 if valid else 422)


def _export(request: HttpRequest, log: _Log, template: str) -> HttpResponseBase:
    form = _filter(request, log)
    if not form.is_valid():
        return _page(request, log, template)
    viewer: Any = request.user
    criteria, now = form.criteria(), timezone.now()
    who, what = ((found[0].label if found else "") for found in (form.who_may_be, form.what_may_be))
    record_export(organization_of(viewer), Actor.of_request(request), said(criteria, who, what), officers=log.officers)
    events = narrowed(log.events, criteria).filter(happened_at__lte=now)
    name = f"audit-log-{now.astimezone(log.zone):%Y-%m-%d}.csv"
    return download(request, written(events, log.zone), name=name, content_type="text/csv; charset=utf-8")


def _administrators(request: HttpRequest) -> list[User]:
    """Who has a role, to choose from while typing."""
    viewer: Any = request.user
    holders = RoleAssignment.objects.filter(organization_id=organization_of(viewer)).values("user_id")
    return list(User.objects.filter(pk__in=holders).order_by("sort_name", "pk")[:SUGGESTED_ACTORS])
