"""Services > Calling > Service Settings: the organization's switch, its requirements, its locations."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning import policies
from provisioning.changes import Actor
from provisioning.eligibility import (
    KnownRoot,
    LocationReach,
    able_to_text_by_location,
    check_organization,
    switch_reach,
)
from provisioning.forms.texting import SwitchForm
from provisioning.location_settings import LocationRow, read_choices, save_choices
from provisioning.models import Organization
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of, requires
from provisioning.texting import set_organization_texting

LOCATIONS_A_PAGE = 50


@requires(Permission.VIEW_ORGANIZATION)
def service_settings(request: HttpRequest) -> HttpResponse:
    """Everyone who administers the organization sees it; full administrators change it."""
    if request.method == "POST":
        return _save_locations(request)
    return _page(request)


def _save_locations(request: HttpRequest) -> HttpResponse:
    organization = _organization(request)
    if not _can_change(request):
        raise PermissionDenied
    choices = read_choices(request.POST, organization)
    try:
        changed = save_choices(choices, Actor.of_request(request), timezone.now())
    except Refusal as refusal:
        typed = {choice.location_id: choice.setting for choice in choices}
        return _page(request, refusal=refusal, typed=typed, status=refusal.http_status)
    if changed:
        words = ngettext("Saved. %(count)s location changed.", "Saved. %(count)s locations changed.", changed)
        messages.success(request, words % {"count": changed})
    return redirect(request.get_full_path())


@requires(Permission.CHANGE_ORGANIZATION)
def organization_texting(request: HttpRequest) -> HttpResponse:
    """Ask before switching, as a page; the dialogs of Service Settings post to the same address."""
    if request.method == "POST":
        form = SwitchForm(request.POST, organization=_organization(request))
        if form.is_valid():
            try:
                return _switch(request, form)
            except Refusal as refusal:
                form.refuse(refusal)
        return _confirm(request, form, status=form.http_status)
    return _confirm(request, SwitchForm(initial={"to": request.GET.get("to")}, organization=_organization(request)))


def _switch(request: HttpRequest, form: SwitchForm) -> HttpResponse:
    enabled = form.turns_on
    set_organization_texting(
        _organization(request),
        enabled,
        Actor.of_request(request),
        timezone.now(),
        accept_policy=enabled and form.cleaned_data["agree"],
        attest=enabled and form.cleaned_data.get("attest", False),
    )
    messages.success(
        request,
        _("Business Texting is on for this organization.")
        if enabled
        else _("Business Texting is off for this organization."),
    )
    return redirect("service_settings")


def _confirm(request: HttpRequest, form: SwitchForm, status: int = 200) -> HttpResponse:
    context = {
        **_switch_context(request, KnownRoot.of(_organization(request))),
        "form": form,
        "errors": [error for errors in form.errors.values() for error in errors],
    }
    return render(request, "provisioning/organization_texting.html", context, status=status)


def _page(
    request: HttpRequest, *, refusal: Refusal | None = None, typed: dict[Any, str] | None = None, status: int = 200
) -> HttpResponse:
    organization, root = _organization(request), KnownRoot.of(_organization(request))
    locations = organization.locations.order_by("sort_name", "pk")
    page = Paginator(locations, LOCATIONS_A_PAGE).get_page(request.GET.get("page"))
    reach = able_to_text_by_location(organization, among=[row.pk for row in page], root=root)
    nobody = LocationReach(able=0, users=0)
    context = {
        **_switch_context(request, root),
        "page": page,
        "rows": [LocationRow.of(row, reach.get(row.pk, nobody), (typed or {}).get(row.pk)) for row in page],
        "refusal": refusal,
        "can_change": _can_change(request),
    }
    return render(request, "provisioning/service_settings.html", context, status=status)


def _switch_context(request: HttpRequest, root: KnownRoot) -> dict[str, Any]:
    """What the switch and its dialogs say: what it takes, who is affected, and what stays."""
    organization = _organization(request)
    requirements = check_organization(organization, facts=root.facts)
    by_code = {requirement.code: requirement for requirement in requirements}
    return {
        "organization": organization,
        "requirements": requirements,
        "met": sum(requirement.met for requirement in requirements),
        "eligible": not any(item.stops_texting and item.code != "healthcare" for item in requirements),
        "causes": [item for item in requirements if item.stops_texting],
        "registration": by_code["registration"],
        "reach": switch_reach(organization, root=root),
        "must_attest": organization.healthcare,
        **policies.context(),
        "retention_days": settings.MESSAGE_RETENTION_DAYS,
    }


def _organization(request: HttpRequest) -> Organization:
    """The signed-in administrator's own; read once a request."""
    user: Any = request.user
    organization: Organization = user.organization
    return organization


def _can_change(request: HttpRequest) -> bool:
    user: Any = request.user
    return Permission.CHANGE_ORGANIZATION in permissions_of(user)
