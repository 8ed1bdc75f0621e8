"""Compliance > Messages > Exports: the list with its progress, a new export, the download."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compliance import exports as domain
from compliance import packages
from compliance.downloads import attachment
from compliance.export_words import card
from compliance.forms import ExportForm
from compliance.keyset import cursors, page_of
from compliance.models import Export
from compliance.search import people
from compliance.selection import organization_of
from messaging import clock
from provisioning.changes import Actor
from provisioning.refusals import Refusal
from provisioning.roles import Permission, requires

A_PAGE = 20
PREFILLED = ("numbers", "first_day", "last_day")


@requires(Permission.READ_RETAINED_MESSAGES)
@require_GET
@never_cache
def exports(request: HttpRequest) -> HttpResponse:
    """Newest first. What runs reports its progress by itself."""
    return _list(request)


@requires(Permission.READ_RETAINED_MESSAGES)
@require_GET
@never_cache
def export_card(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    """One export of the list again, for htmx: it asks every two seconds while the export moves."""
    export = get_object_or_404(_exports(request), pk=export_id)
    return render(request, "compliance/_export.html", {"card": card(export, clock.database_now())})


@requires(Permission.READ_RETAINED_MESSAGES)
@require_http_methods(["GET", "HEAD", "POST"])
def export_new(request: HttpRequest) -> HttpResponse:
    """Choose, then ask. A search hands over what it was narrowed to."""
    officer: Any = request.user
    if request.method != "POST":
        return _form(request, ExportForm(officer=officer, initial=_handed_over(request)))
    form = ExportForm(request.POST, officer=officer)
    if not form.is_valid():
        return _form(request, form, status=422)
    domain.request_export(officer, Actor.of_request(request), now=clock.database_now(), **form.chosen())
    messages.success(request, _("The export is being made. You can leave this page."))
    return redirect("exports")


@requires(Permission.READ_RETAINED_MESSAGES)
@require_POST
def export_start_again(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    """Make a failed export anew."""
    export = get_object_or_404(_exports(request), pk=export_id)
    try:
        domain.start_again(export, Actor.of_request(request), now=clock.database_now())
    except Refusal as refusal:
        return _list(request, refusal)
    return redirect("exports")


@requires(Permission.READ_RETAINED_MESSAGES)
@require_GET
@never_cache
def export_download(request: HttpRequest, export_id: uuid.UUID) -> HttpResponseBase:
    """The package. That it was taken is recorded before the first byte goes out."""
    export = get_object_or_404(_exports(request), pk=export_id)
    try:
        name = domain.download(export, Actor.of_request(request), now=clock.database_now())
    except Refusal as refusal:
        return _list(request, refusal)
    return attachment(request, packages.package_of(export.pk), name)


def _exports(request: HttpRequest) -> QuerySet[Export]:
    """Those of the officer's organization; everybody else's are not there."""
    officer: Any = request.user
    return Export.objects.filter(organization_id=organization_of(officer)).select_related("requested_by")


def _list(request: HttpRequest, refusal: Refusal | None = None) -> HttpResponse:
    page = page_of(_exports(request), "created_at", size=A_PAGE, **cursors(request.GET))
    now = clock.database_now()
    context = {"page": page, "cards": [card(export, now) for export in page.rows], "refusal": refusal}
    return render(request, "compliance/exports.html", context, status=refusal.http_status if refusal else 200)


def _form(request: HttpRequest, form: ExportForm, status: int = 200) -> HttpResponse:
    return render(request, "compliance/export_new.html", {"form": form}, status=status)


def _handed_over(request: HttpRequest) -> dict[str, str]:
    officer: Any = request.user
    handed = {name: request.GET[name] for name in PREFILLED if request.GET.get(name)}
    person = request.GET.get("person", "").strip()
    if person:
        found = people(officer, person).order_by("sort_name", "pk")[:50]
        handed["addresses"] = "\n".join(user.email for user in found)
    return handed
