"""Management > Account: what was sold to the organization, what it accepted, what it sets itself."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning import countries, policies
from provisioning.account import addon_licenses, edit_organization
from provisioning.changes import Actor
from provisioning.forms.account import AccountForm
from provisioning.models import Organization
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of, requires


@requires(Permission.VIEW_ORGANIZATION)
def account(request: HttpRequest) -> HttpResponse:
    """Everyone who administers the organization sees it; full administrators change what is the organization's own."""
    organization = _organization(request)
    if request.method != "POST":
        return _page(request, AccountForm(organization=organization))
    if not _can_change(request):
        raise PermissionDenied
    form = AccountForm(request.POST, organization=organization)
    if form.is_valid():
        try:
            _save(request, organization, form)
        except Refusal as refusal:
            form.refuse(refusal)
            if refusal.code == "changed_meanwhile":
                form.looked_again(_organization(request))
        else:
            messages.success(request, _("Saved. The organization’s settings are changed."))
            return redirect("account")
    return _page(request, form, status=form.http_status)


def _save(request: HttpRequest, organization: Organization, form: AccountForm) -> None:
    wanted = dict(form.cleaned_data)
    seen = wanted.pop("seen")
    edit_organization(organization, wanted, Actor.of_request(request), timezone.now(), seen=seen)


def _page(request: HttpRequest, form: AccountForm, status: int = 200) -> HttpResponse:
    organization = form.organization
    plans = organization.calling_plans.values_list("country", flat=True)
    context = {
        "organization": organization,
        "form": form,
        "plans": sorted(countries.name_of(country) for country in plans),
        "licenses": addon_licenses(organization),
        "can_change": _can_change(request),
        "can_see_log": _can_see_log(request),
        **policies.context(),
    }
    return render(request, "provisioning/account.html", context, status=status)


def _organization(request: HttpRequest) -> Organization:
    """As it stands now, with who accepted and attested."""
    user: Any = request.user
    accepted = Organization.objects.select_related("acceptable_use_accepted_by", "phi_attested_by")
    return accepted.get(pk=user.organization_id)


def _can_change(request: HttpRequest) -> bool:
    user: Any = request.user
    return Permission.CHANGE_ORGANIZATION in permissions_of(user)


def _can_see_log(request: HttpRequest) -> bool:
    user: Any = request.user
    return Permission.VIEW_AUDIT_LOG in permissions_of(user)
