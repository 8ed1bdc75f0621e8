"""The exchange log: one text as support sees it, found by its id or the carrier's."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from messaging import asking, clock
from messaging.operations import text_log
from provisioning.changes import Actor
from provisioning.roles import Permission, requires


@requires(Permission.OPERATE)
@never_cache
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Straight to the text when there is one; a carrier's id may be known to several accounts."""
    typed = request.GET.get("q", "")[:200]
    found = text_log.find(typed)
    if len(found) == 1:
        return redirect("operations_text", text_id=found[0].pk)
    return render(request, "messaging/operations/texts.html", {"typed": typed, "found": found})


@requires(Permission.OPERATE)
@never_cache
@require_GET
def text(request: HttpRequest, text_id: uuid.UUID) -> HttpResponse:
    """The look is audited in the transaction that reads, or there is none."""
    with transaction.atomic():
        row = get_object_or_404(text_log.texts().select_related("organization", "carrier_account"), pk=text_id)
        log = text_log.read(row, Actor.of_request(request))
    return render(request, "messaging/operations/text.html", {"log": log, "text": row, "why_not": asking.why_not(row)})


@requires(Permission.OPERATE)
@require_POST
def ask(request: HttpRequest, text_id: uuid.UUID) -> HttpResponse:
    """Ask the carrier what became of the text. Posted twice it asks twice, and takes an answer over once."""
    row = get_object_or_404(text_log.texts().select_related("carrier_account"), pk=text_id)
    answer = asking.ask(row, Actor.of_request(request), clock.database_now())
    told = messages.success if answer in (asking.Answer.NEWS, asking.Answer.NOTHING_NEW) else messages.warning
    told(request, asking.why_not(row) or str(asking.SENTENCES[answer]))
    return redirect("operations_text", text_id=row.pk)
