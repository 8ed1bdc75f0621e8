"""Services > 10DLC registration: the overview, brands, campaigns. Only with the Business Texting add-on."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning.changes import Actor
from provisioning.eligibility.facts import CAMPAIGN_NUMBERS_LIMIT
from provisioning.forms.registration import BrandForm, CampaignForm
from provisioning.models import Brand, Campaign, Organization
from provisioning.models.registry_terms import COUNTRIES, EXCHANGES, USE_CASES, VERTICALS
from provisioning.refusals import Refusal
from provisioning.registration import drafts, guidance, submissions
from provisioning.registration.checks import problems_of
from provisioning.registration.reading import unlinked_numbers, with_numbers
from provisioning.roles import Permission, permissions_of, requires
from provisioning.scoping import brands_in_reach, campaigns_in_reach

MOST_SHOWN = 200
OFTEN_FOR = timedelta(minutes=10)


@requires(Permission.VIEW_REGISTRATION)
def registration(request: HttpRequest) -> HttpResponse:
    """Where brands and campaigns stand, what to do next, which numbers have no campaign."""
    organization = _organization(request)
    brands = list(brands_in_reach(_administrator(request)).order_by("created_at")[:MOST_SHOWN])
    campaigns = list(with_numbers(campaigns_in_reach(_administrator(request))).order_by("created_at")[:MOST_SHOWN])
    context = {
        "organization": organization,
        "brands": [(brand, guidance.next_step(brand)) for brand in brands],
        "campaigns": campaigns,
        "verified": any(brand.status == "verified" for brand in brands),
        "unlinked": unlinked_numbers(organization).count(),
        "limit": CAMPAIGN_NUMBERS_LIMIT,
        **_frame(request),
    }
    return render(request, "provisioning/registration.html", context)


@requires(Permission.CHANGE_REGISTRATION)
def new_brand(request: HttpRequest) -> HttpResponse:
    """Begin a brand; an unfinished one is kept as a draft."""
    organization = _organization(request)
    if request.method != "POST":
        return _brand_form(request, BrandForm(initial=_first_guess(organization)), None)
    return _save_brand(request, BrandForm(request.POST), None)


def _first_guess(organization: Organization) -> dict[str, Any]:
    return {"legal_name": organization.name, "country": "US", "tax_id_country": "US"}


@requires(Permission.VIEW_REGISTRATION)
def brand(request: HttpRequest, brand_id: uuid.UUID) -> HttpResponse:
    """Where one brand stands, its history, its campaigns, what was registered."""
    row = _brand(request, brand_id)
    if _is_seen(request, row):
        return HttpResponse(status=204)
    context = {
        "brand": row,
        "next": guidance.next_step(row),
        "timeline": guidance.timeline(row),
        "campaigns": list(with_numbers(row.campaigns.all()).order_by("created_at")[:MOST_SHOWN]),
        "vertical": VERTICALS.get(row.vertical, ""),
        "exchange": EXCHANGES.get(row.stock_exchange, ""),
        "country": COUNTRIES.get(row.country, ""),
        "tax_id_country": COUNTRIES.get(row.tax_id_country, ""),
        "limit": CAMPAIGN_NUMBERS_LIMIT,
        **_polling(row),
        **_frame(request),
    }
    return render(request, "provisioning/brand.html", context)


@requires(Permission.CHANGE_REGISTRATION)
def edit_brand(request: HttpRequest, brand_id: uuid.UUID) -> HttpResponse:
    """Correct what was not submitted, or was rejected."""
    row = _brand(request, brand_id)
    if request.method != "POST":
        return _brand_form(request, BrandForm.showing(row), row)
    return _save_brand(request, BrandForm(request.POST), row)


def _save_brand(request: HttpRequest, form: BrandForm, row: Brand | None) -> HttpResponse:
    """`action=check` saves only what could be submitted, and goes on to that."""
    checks = request.POST.get("action") == "check"
    if form.check_complete() if checks else form.is_valid():
        actor, now = Actor.of_request(request), timezone.now()
        try:
            if row is None:
                row = drafts.create_brand(_organization(request), form.values, actor, now)
            else:
                row = drafts.edit_brand(row, form.values, actor, now, revision=form.cleaned_data["was"])
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect("submit_brand" if checks else "brand", brand_id=row.pk)
    return _brand_form(request, form, row, status=form.http_status)


def _brand_form(request: HttpRequest, form: BrandForm, row: Brand | None, status: int = 200) -> HttpResponse:
    context = {"form": form, "brand": row, "checks": request.POST.get("action") == "check", **_frame(request)}
    return render(request, "provisioning/brand_form.html", context, status=status)


@requires(Permission.CHANGE_REGISTRATION)
def submit_brand(request: HttpRequest, brand_id: uuid.UUID) -> HttpResponse:
    """Ask before submitting: it is charged."""
    row = _brand(request, brand_id)
    return _submit(request, row, "brand", {"brand_id": row.pk})


@requires(Permission.CHANGE_REGISTRATION)
def new_campaign(request: HttpRequest) -> HttpResponse:
    """Begin a campaign of one of the brands (`brand`, the first one if not given)."""
    _organization(request)
    brands = brands_in_reach(_administrator(request)).order_by("created_at")
    asked = request.POST.get("brand") or request.GET.get("brand")
    found = _among(brands, asked) if asked else (brands.filter(status="verified").first() or brands.first())
    if found is None:
        messages.info(request, _("A campaign belongs to a brand. Register the brand first."))
        return redirect("new_brand")
    if request.method != "POST":
        return _campaign_form(request, CampaignForm.empty(), found, None)
    return _save_campaign(request, CampaignForm(request.POST), found, None)


def _among(brands: QuerySet[Brand], asked: str) -> Brand:
    try:
        key = uuid.UUID(asked)
    except ValueError:
        raise Http404 from None
    return get_object_or_404(brands, pk=key)


@requires(Permission.VIEW_REGISTRATION)
def campaign(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Where one campaign stands, its history, its numbers, what was registered."""
    row = _campaign(request, campaign_id)
    if _is_seen(request, row):
        return HttpResponse(status=204)
    names = [row.use_case, *row.sub_use_cases]
    context = {
        "campaign": row,
        "next": guidance.next_step(row),
        "timeline": guidance.timeline(row),
        "use_cases": [USE_CASES.get(name, name) for name in names if name],
        "replies": [
            (_("Opt-in"), row.opt_in_keywords, row.opt_in_message, row.opt_in_message_fr),
            (_("Opt-out"), row.opt_out_keywords, row.opt_out_message, row.opt_out_message_fr),
            (_("Help"), row.help_keywords, row.help_message, row.help_message_fr),
        ],
        "limit": CAMPAIGN_NUMBERS_LIMIT,
        **_polling(row),
        **_frame(request),
    }
    return render(request, "provisioning/campaign.html", context)


@requires(Permission.CHANGE_REGISTRATION)
def edit_campaign(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Correct what was not submitted, was rejected, or has expired."""
    row = _campaign(request, campaign_id)
    if request.method != "POST":
        return _campaign_form(request, CampaignForm.showing(row), row.brand, row)
    return _save_campaign(request, CampaignForm(request.POST), row.brand, row)


def _save_campaign(request: HttpRequest, form: CampaignForm, of: Brand, row: Campaign | None) -> HttpResponse:
    checks = request.POST.get("action") == "check"
    if form.check_complete(of) if checks else form.is_valid():
        actor, now = Actor.of_request(request), timezone.now()
        try:
            if row is None:
                row = drafts.create_campaign(of, form.values, actor, now)
            else:
                row = drafts.edit_campaign(row, form.values, actor, now, revision=form.cleaned_data["was"])
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect("submit_campaign" if checks else "campaign", campaign_id=row.pk)
    return _campaign_form(request, form, of, row, status=form.http_status)


def _campaign_form(
    request: HttpRequest, form: CampaignForm, of: Brand, row: Campaign | None, status: int = 200
) -> HttpResponse:
    checks = request.POST.get("action") == "check"
    context = {"form": form, "brand": of, "campaign": row, "checks": checks, **_frame(request)}
    return render(request, "provisioning/campaign_form.html", context, status=status)


@requires(Permission.CHANGE_REGISTRATION)
def submit_campaign(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Ask before submitting: it is charged."""
    row = _campaign(request, campaign_id)
    return _submit(request, row, "campaign", {"campaign_id": row.pk})


def _submit(request: HttpRequest, row: Brand | Campaign, page: str, address: dict[str, Any]) -> HttpResponse:
    refusal = None
    if request.method == "POST":
        try:
            submissions.submit(row, Actor.of_request(request), timezone.now())
        except Refusal as error:
            refusal = error
        else:
            messages.success(request, _("Submitted. The registry’s answer shows up here."))
            return redirect(reverse(page, kwargs=address))
    context = {
        "row": row,
        "kind": page,
        "problems": problems_of(row) if row.is_editable else [],
        "waits": isinstance(row, Campaign) and row.brand.status != "verified",
        "refusal": refusal,
        **_frame(request),
    }
    status = refusal.http_status if refusal is not None else 200
    return render(request, "provisioning/registration_submit.html", context, status=status)


def _organization(request: HttpRequest) -> Organization:
    """The administrator's own. Without the add-on there are no such pages."""
    organization = _administrator(request).organization
    if not organization.addon_licenses:
        raise Http404
    return organization  # type: ignore[no-any-return]


def _administrator(request: HttpRequest) -> Any:
    return request.user


def _brand(request: HttpRequest, brand_id: uuid.UUID) -> Brand:
    _organization(request)
    found = brands_in_reach(_administrator(request)).select_related("submission")
    return get_object_or_404(found, pk=brand_id)


def _campaign(request: HttpRequest, campaign_id: uuid.UUID) -> Any:
    _organization(request)
    return get_object_or_404(with_numbers(campaigns_in_reach(_administrator(request))), pk=campaign_id)


def _frame(request: HttpRequest) -> dict[str, Any]:
    return {"can_change": Permission.CHANGE_REGISTRATION in permissions_of(_administrator(request))}


def _polling(row: Brand | Campaign) -> dict[str, Any]:
    """While the registry has it, the page looks again by itself: often at first."""
    if row.status not in ("submitting", "pending"):
        return {"polls": 0}
    fresh = row.status_at is not None and timezone.now() - row.status_at < OFTEN_FOR
    return {"polls": 2 if fresh else 30, "stamp": _stamp(row)}


def _stamp(row: Brand | Campaign) -> str:
    """Another one whenever the page would look otherwise."""
    trouble = f"{row.submission.state}{bool(row.submission.looks)}{row.submission.trouble}" if row.submission else ""
    return f"{row.status} {row.status_at} {row.revision} {trouble}"


def _is_seen(request: HttpRequest, row: Brand | Campaign) -> bool:
    """Whether the page that asks shows this already: then nothing is swapped under the reader's hands."""
    return "HX-Request" in request.headers and request.GET.get("seen") == _stamp(row)
