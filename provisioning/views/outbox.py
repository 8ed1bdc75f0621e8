"""The demonstration's outbox: every mail, which stays here instead of being sent."""

from __future__ import annotations

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from provisioning.models import Mail
from provisioning.roles import public

A_PAGE = 20


@public
@never_cache
@require_safe
def outbox(request: HttpRequest) -> HttpResponse:
    """Public, in the demonstration only: a mail is read by who can't sign in yet. Elsewhere there is no such page."""
    if not settings.DEMONSTRATION:
        raise Http404
    mails = Paginator(Mail.objects.order_by("-created_at", "-pk"), A_PAGE)
    return render(request, "provisioning/outbox.html", {"page": mails.get_page(request.GET.get("page"))})
