"""The numbers of a campaign: linked and unlinked, a few or all that match a search."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning import number_inventory
from provisioning.changes import Actor
from provisioning.eligibility.facts import CAMPAIGN_NUMBERS_LIMIT
from provisioning.forms.campaign_numbers import LINKED, NumbersFilter, chosen_ids, query_of, wants_all
from provisioning.models import Campaign, PhoneNumber, RowOutcome
from provisioning.refusals import Refusal
from provisioning.registration.drafts import refuse_without_addon
from provisioning.roles import Permission, permissions_of, requires
from provisioning.scoping import campaigns_in_reach

NUMBERS_A_PAGE: Final = 100
MOST_AT_ONCE: Final = 5000


@requires(Permission.VIEW_REGISTRATION)
def campaign_numbers(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Full administrators link and unlink; others look."""
    user: Any = request.user
    row = get_object_or_404(campaigns_in_reach(user).select_related("organization"), pk=campaign_id)
    try:
        refuse_without_addon(row.organization)
    except Refusal:
        row = get_object_or_404(Campaign.objects.none())
    filters = NumbersFilter(request.GET)
    if request.method != "POST":
        return _page(request, row, filters)
    if Permission.CHANGE_REGISTRATION not in permissions_of(user):
        raise PermissionDenied
    return _change(request, row, filters)


def _change(request: HttpRequest, row: Campaign, filters: NumbersFilter) -> HttpResponse:
    found = filters.numbers(row)
    chosen = found if wants_all(request.POST) else found.filter(pk__in=chosen_ids(request.POST)[:MOST_AT_ONCE])
    numbers = list(chosen[:MOST_AT_ONCE])
    if not numbers:
        refusal = Refusal("nothing_chosen", _("Choose at least one number."))
        return _page(request, row, filters, refusal)
    links = filters.shown != LINKED
    done, refusal_of_one = link_all(numbers, row if links else None, Actor.of_request(request))
    if refusal_of_one is not None:
        left = len(numbers) - done
        words = ngettext("%(count)s number was not linked.", "%(count)s numbers were not linked.", left)
        sentence = f"{refusal_of_one.sentence} {words % {'count': left}}"
        return _page(request, row, filters, Refusal(refusal_of_one.code, sentence, http_status=422))
    _tell(request, done, links=links)
    return redirect(f"{reverse('campaign_numbers', args=[row.pk])}?{urlencode(query_of(filters))}")


def link_all(numbers: Sequence[PhoneNumber], campaign: Campaign | None, actor: Actor) -> tuple[int, Refusal | None]:
    """How many were linked (to None: unlinked), and why the first was not that wasn't. 500 a transaction."""
    done, refused, left = 0, None, iter(numbers)
    while batch := list(islice(left, number_inventory.BATCH)):
        results = number_inventory.link(batch, campaign, actor, timezone.now())
        done += sum(result.outcome != RowOutcome.REFUSED for result in results)
        refused = refused or next((result.refusal for result in results if result.refusal is not None), None)
    return done, refused


def _tell(request: HttpRequest, done: int, *, links: bool) -> None:
    if links:
        words = ngettext("Linked %(count)s number.", "Linked %(count)s numbers.", done)
    else:
        words = ngettext("Unlinked %(count)s number.", "Unlinked %(count)s numbers.", done)
    messages.success(request, words % {"count": done})


def _page(request: HttpRequest, row: Campaign, filters: NumbersFilter, refusal: Refusal | None = None) -> HttpResponse:
    user: Any = request.user
    page = Paginator(filters.numbers(row), NUMBERS_A_PAGE).get_page(request.GET.get("page"))
    linked = PhoneNumber.objects.filter(campaign=row, active=True).count()
    context = {
        "campaign": row,
        "filters": filters,
        "linked": linked,
        "left": None if row.number_pool else max(0, CAMPAIGN_NUMBERS_LIMIT - linked),
        "limit": CAMPAIGN_NUMBERS_LIMIT,
        "page": page,
        "shows_linked": filters.shown == LINKED,
        "query": urlencode(query_of(filters)),
        "refusal": refusal,
        "can_change": Permission.CHANGE_REGISTRATION in permissions_of(user),
    }
    status = refusal.http_status if refusal is not None else 200
    return render(request, "provisioning/campaign_numbers.html", context, status=status)
