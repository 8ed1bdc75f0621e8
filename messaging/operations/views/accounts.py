"""One carrier account: pause, drain, fail over. What these do is in messaging/routing.py."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from messaging import clock, health, routing
from messaging.models import CarrierAccount
from messaging.operations import figures
from messaging.operations.forms import AccountReasonForm, MoveForm
from provisioning.changes import Actor
from provisioning.refusals import Refusal
from provisioning.roles import Permission, requires


@dataclass(frozen=True, slots=True)
class _Act:
    """What is done, and what is said of it: `beside` where the account's other column (`other`) holds texts, too."""

    do: Callable[[CarrierAccount, Actor, datetime], bool]
    sentence: str | Promise
    other: str
    beside: str | Promise


_DRAIN: Final = _Act(
    routing.drain,
    gettext_lazy("%(account)s is being drained: what is accepted from now on waits for another account."),
    "paused",
    gettext_lazy("%(account)s is being drained, and is still paused: nothing goes out until it is resumed."),
)
_ENDS: Final = {
    "resume": _Act(
        routing.resume,
        gettext_lazy("%(account)s sends again."),
        "draining_since",
        gettext_lazy("%(account)s is resumed, but still being drained: what came after the drain began waits."),
    ),
    "end_draining": _Act(
        routing.end_draining,
        gettext_lazy("%(account)s is not being drained any more."),
        "paused",
        gettext_lazy("%(account)s is not being drained any more, but still paused: nothing goes out."),
    ),
}
"""What nobody is asked about: it lets texts go."""


@requires(Permission.OPERATE)
@never_cache
@require_GET
def page(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
    """Health, what operators can do, and the move to another account."""
    return _page(request, _account(account_id), MoveForm(_account(account_id)))


@requires(Permission.OPERATE)
@never_cache
def pause(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
    """Says whose texts would wait and asks why; posted, pauses the account."""
    account = _account(account_id)
    form = AccountReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        words = {"account": account.name}
        if routing.pause(account, Actor.of_request(request), form.cleaned_data["reason"]):
            told = _("%(account)s is paused. Its texts wait, and fail when they have waited for 24 hours.")
            messages.success(request, told % words)
        else:
            messages.warning(request, _("%(account)s was paused already; the reason given then stays.") % words)
        return redirect("operations_account", account_id=account.pk)
    return _ask(request, account, "pause_account", form=form, status=422 if form.is_bound else 200)


@requires(Permission.OPERATE)
@never_cache
def drain(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
    """Says whose texts would wait; posted, begins to drain the account."""
    account = _account(account_id)
    if request.method == "POST":
        return _done(request, account, _DRAIN)
    return _ask(request, account, "drain_account")


@requires(Permission.OPERATE)
@require_POST
def change(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
    """Resume, or end draining; done twice it says so once."""
    account, wanted = _account(account_id), request.POST.get("to", "")
    if wanted not in _ENDS:
        return redirect("operations_account", account_id=account.pk)
    return _done(request, account, _ENDS[wanted])


@requires(Permission.OPERATE)
@require_POST
def move(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
    """Asks first, with what it would do; posted with `confirmed`, moves the numbers."""
    account = _account(account_id)
    form = MoveForm(account, request.POST)
    if not form.is_valid():
        return _page(request, account, form, status=422)
    target, organization = form.cleaned_data["target"], form.cleaned_data["organization"]
    now = clock.database_now()
    try:
        if "confirmed" not in request.POST:
            context = {"account": account, "target": target, "organization": organization, "most": figures.MOST}
            context["preview"] = routing.preview(account, target, now, organization)
            return render(request, "messaging/operations/move.html", context)
        moved = routing.move(account, target, Actor.of_request(request), now, organization)
    except Refusal as refusal:
        form.add_error("target", refusal.sentence)
        return _page(request, account, form, status=422)
    told = ngettext("%(count)s number moved to %(target)s.", "%(count)s numbers moved to %(target)s.", moved)
    messages.success(request, told % {"count": moved, "target": target.name})
    if target.paused:
        waits = _("%(target)s is paused: nothing of theirs goes out until it is resumed.")
        messages.warning(request, waits % {"target": target.name})
    return redirect("operations_account", account_id=account.pk)


def _ask(
    request: HttpRequest,
    account: CarrierAccount,
    page: str,
    *,
    form: AccountReasonForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"account": account, "form": form, "reach": routing.reach_of(account), "most": figures.MOST}
    return render(request, f"messaging/operations/{page}.html", context, status=status)


def _done(request: HttpRequest, account: CarrierAccount, act: _Act) -> HttpResponse:
    act.do(account, Actor.of_request(request), clock.database_now())
    account.refresh_from_db()
    sentence = act.beside if getattr(account, act.other) else act.sentence
    messages.success(request, str(sentence) % {"account": account.name})
    return redirect("operations_account", account_id=account.pk)


def _account(account_id: uuid.UUID) -> CarrierAccount:
    return get_object_or_404(CarrierAccount, pk=account_id)


def _page(request: HttpRequest, account: CarrierAccount, form: MoveForm, status: int = 200) -> HttpResponse:
    now = clock.database_now()
    queue, (_all, delays) = figures.queue(now), health.receipt_delays(now)
    found = next(one for one in figures.accounts(now, queue.by_account, delays) if one.account.pk == account.pk)
    context = {"account": account, "health": found, "form": form, "most": figures.MOST, "title": _("Carrier account")}
    context["has_others"] = CarrierAccount.objects.exclude(pk=account.pk).exists()
    return render(request, "messaging/operations/account.html", context, status=status)
