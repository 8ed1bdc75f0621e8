"""Compliance > Messages > Search."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from compliance.forms import SearchForm
from compliance.keyset import cursors
from compliance.message_words import row
from compliance.search import look
from provisioning.changes import Actor
from provisioning.roles import Permission, requires


@requires(Permission.READ_RETAINED_MESSAGES)
@require_GET
@never_cache
def retained_messages(request: HttpRequest) -> HttpResponse:
    """The form alone until somebody searches; then each page is read and recorded at once."""
    officer: Any = request.user
    form = SearchForm(request.GET if SearchForm(request.GET).asked else None)
    if not form.is_bound or not form.is_valid():
        return render(request, "compliance/search.html", {"form": form}, status=422 if form.is_bound else 200)
    criteria = form.criteria()
    seen = look(officer, Actor.of_request(request), criteria, **cursors(request.GET))
    now = timezone.now()
    context = {
        "form": form,
        "criteria": criteria,
        "look": seen,
        "exportable": not criteria.words and (not criteria.number or criteria.number.startswith("+")),
        "rows": [row(message, criteria.words, now) for message in seen.page.rows],
    }
    return render(request, "compliance/search.html", context)
