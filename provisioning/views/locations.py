"""Management > Locations: the list, one location, a new one, deleting one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning.changes import Actor
from provisioning.eligibility import able_to_text_by_location
from provisioning.forms.locations import LocationForm, LocationsFilter
from provisioning.location_facts import occupants
from provisioning.location_words import LocationLine, page_context
from provisioning.locations import create_location, delete_location, edit_location
from provisioning.models import Location, Organization
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of, requires
from provisioning.scoping import locations_in_reach

LOCATIONS_A_PAGE = 50


@requires(Permission.VIEW_LOCATIONS)
def locations(request: HttpRequest) -> HttpResponse:
    """The list, fifty a page; a location administrator's has the named locations only."""
    administrator: Any = request.user
    organization: Organization = administrator.organization
    reach = locations_in_reach(administrator)
    used = sorted(reach.order_by().values_list("country", flat=True).distinct())
    filters = LocationsFilter(request.GET, used_countries=used)
    order = ("-sort_name", "-pk") if filters.descending else ("sort_name", "pk")
    found = filters.narrow(reach, organization).select_related("main_number").order_by(*order)
    page = Paginator(found, LOCATIONS_A_PAGE).get_page(request.GET.get("page"))
    able = able_to_text_by_location(organization, among=[row.pk for row in page])
    context = {
        "filters": filters,
        "page": page,
        "lines": [LocationLine.of(row, organization, able.get(row.pk)) for row in page],
        "can_create": Permission.MANAGE_LOCATIONS in permissions_of(administrator),
    }
    return render(request, "provisioning/locations.html", context)


@requires(Permission.MANAGE_LOCATIONS)
def new_location(request: HttpRequest) -> HttpResponse:
    """An empty form; what is refused keeps what was typed."""
    administrator: Any = request.user
    organization: Organization = administrator.organization
    if request.method != "POST":
        return render(request, "provisioning/location_new.html", {"form": LocationForm.empty(organization)})
    form = LocationForm(request.POST, organization=organization)
    if form.is_valid():
        try:
            made = create_location(organization, form.wanted, Actor.of_request(request), timezone.now())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("%(location)s is created. Move users to it next.") % {"location": made.name})
            return redirect("location", location_id=made.pk)
    return render(request, "provisioning/location_new.html", {"form": form}, status=form.http_status)


@requires(Permission.VIEW_LOCATIONS)
def location(request: HttpRequest, location_id: uuid.UUID) -> HttpResponse:
    """Everything about one location; who may change it gets a form."""
    row = get_object_or_404(_whole(request), pk=location_id)
    if request.method != "POST":
        return _page(request, row, LocationForm.showing(row))
    if Permission.CHANGE_LOCATIONS not in _permissions(request):
        raise PermissionDenied
    form = LocationForm(request.POST, organization=row.organization, location=row)
    if form.is_valid():
        try:
            saved = _save(request, row, form)
        except Refusal as refusal:
            form.refuse(refusal)
            fresh = _whole(request).get(pk=row.pk)
            form.location = fresh
            return _page(request, fresh, form, refusal)
        messages.success(request, _("Saved. %(location)s is changed.") % {"location": saved.name})
        return redirect("location", location_id=row.pk)
    return _page(request, row, form)


def _save(request: HttpRequest, row: Location, form: LocationForm) -> Location:
    return edit_location(
        row,
        form.wanted,
        Actor.of_request(request),
        timezone.now(),
        seen=form.cleaned_data["seen"],
        may_stop=form.cleaned_data["may_stop"] or 0,
    )


def _page(request: HttpRequest, row: Location, form: LocationForm, refusal: Refusal | None = None) -> HttpResponse:
    granted = _permissions(request)
    changed = refusal is not None and refusal.code == "changed_meanwhile"
    context = {
        **page_context(row),
        "form": form.looked_again() if changed else form,
        "refusal": refusal,
        "conflicts": form.conflicts if changed else [],
        "can_change": Permission.CHANGE_LOCATIONS in granted,
        "can_delete": Permission.MANAGE_LOCATIONS in granted,
        "can_see_log": Permission.VIEW_AUDIT_LOG in granted,
    }
    return render(request, "provisioning/location.html", context, status=form.http_status if form.is_bound else 200)


@requires(Permission.MANAGE_LOCATIONS)
def location_delete(request: HttpRequest, location_id: uuid.UUID) -> HttpResponse:
    """Ask before deleting; where it is not empty, say who is there."""
    row = get_object_or_404(_whole(request), pk=location_id)
    refusal = None
    if request.method == "POST":
        try:
            delete_location(row, Actor.of_request(request), timezone.now())
        except Refusal as refused:
            refusal = refused
        else:
            messages.success(request, _("%(location)s is deleted.") % {"location": row.name})
            return redirect("locations")
    context = {"location": row, "occupants": occupants(row.pk), "refusal": refusal}
    status = refusal.http_status if refusal is not None else 200
    return render(request, "provisioning/location_delete.html", context, status=status)


def _whole(request: HttpRequest) -> QuerySet[Location]:
    """The locations in reach, with what a page of one needs."""
    administrator: Any = request.user
    reach = locations_in_reach(administrator).select_related("organization", "main_number")
    return reach.prefetch_related("business_hours")


def _permissions(request: HttpRequest) -> frozenset[Permission]:
    administrator: Any = request.user
    return permissions_of(administrator)
