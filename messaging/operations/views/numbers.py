"""Numbers of every organization, the troubled ones first; and the pause of one."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from messaging import clock, routing
from messaging.models import SendingNumber
from messaging.operations import figures, number_figures
from messaging.operations.forms import NumberReasonForm, NumbersForm
from provisioning.changes import Actor
from provisioning.models import Organization
from provisioning.numbers import display
from provisioning.roles import Permission, requires

ORGANIZATIONS_OFFERED = 500


@requires(Permission.OPERATE)
@never_cache
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """At most a hundred numbers: of all organizations or of one, paused ones alone if asked."""
    filters = NumbersForm(request.GET)
    found = number_figures.figures(
        clock.database_now(), filters.organization_id, filters.only_paused, filters.chosen_order
    )
    context = {
        "rows": found,
        "filters": filters,
        "organizations": Organization.objects.order_by("name", "pk")[:ORGANIZATIONS_OFFERED],
        "shown": number_figures.SHOWN,
        "days": number_figures.DAYS,
        "most": figures.MOST,
    }
    return render(request, "messaging/operations/numbers.html", context)


@requires(Permission.OPERATE)
@never_cache
def pause(request: HttpRequest, number_id: uuid.UUID) -> HttpResponse:
    """Asks why; posted, pauses the number. Its organization's administrators are alerted by the watch."""
    number = _number(number_id)
    form = NumberReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        words = {"number": display(number.number.e164)}
        if routing.pause_number(number, Actor.of_request(request), form.cleaned_data["reason"]):
            messages.success(request, _("%(number)s is paused.") % words)
        else:
            messages.warning(request, _("%(number)s was paused already; the reason given then stays.") % words)
        return redirect("operations_numbers")
    status = 422 if form.is_bound else 200
    return render(request, "messaging/operations/pause_number.html", {"row": number, "form": form}, status=status)


@requires(Permission.OPERATE)
@require_POST
def resume(request: HttpRequest, number_id: uuid.UUID) -> HttpResponse:
    """Texts that waited go out."""
    number = _number(number_id)
    routing.resume_number(number, Actor.of_request(request), clock.database_now())
    messages.success(request, _("%(number)s sends again.") % {"number": display(number.number.e164)})
    return redirect("operations_numbers")


def _number(number_id: uuid.UUID) -> SendingNumber:
    return get_object_or_404(SendingNumber.objects.select_related("number", "organization"), pk=number_id)
