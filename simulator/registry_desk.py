"""The registry's desk: what came in, decided by hand, and what happens to the next submissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from simulator.carrier import the_carrier
from simulator.models import Registration
from simulator.registrar import STEPS, TREATMENTS, UnknownDecisionError, objection, the_registrar
from simulator.reviewer import REASONS

SHOWN = 30
BUTTONS = {
    "verified": gettext_lazy("Approve"),
    "active": gettext_lazy("Approve or renew"),
    "rejected": gettext_lazy("Reject"),
    "suspended": gettext_lazy("Suspend"),
    "expired": gettext_lazy("Expire"),
}
PILLS = {"verified": "pill-ok", "active": "pill-ok", "rejected": "pill-err", "suspended": "pill-err"}


@dataclass(frozen=True, slots=True)
class Line:
    """One registration of the list."""

    row: Registration
    title: str
    step: str
    pill: str
    buttons: list[tuple[str, str]]
    reasons: dict[str, Any]


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return _page(request)


def _page(request: HttpRequest, error: str = "") -> HttpResponse:
    rule = async_to_sync(the_registrar().rule)()
    context = {
        "lines": _lines(),
        "treatments": TREATMENTS.values(),
        "rule": rule,
        "reasons": REASONS,
        "log": the_carrier().log.lines(),
        "hub_url": settings.HUB_URL,
        "error": error,
    }
    return render(request, "simulator/registry.html", context, status=422 if error else 200)


def _lines() -> list[Line]:
    """The newest of each registration: a correction stands for what it corrects."""
    newest: dict[str, Registration] = {}
    for row in Registration.objects.order_by("-id")[:SHOWN]:
        newest.setdefault(row.registry_id, row)
    return [_line(row) for row in newest.values()]


def _line(row: Registration) -> Line:
    """A decision that is not due yet has not been made."""
    step = row.step if row.step_at <= timezone.now() else "pending"
    names = [str(row.document.get(name) or "") for name in ("legal_name", "description", "use_case")]
    title = next((name for name in names if name), row.registry_id)
    buttons = [(key, str(BUTTONS[key])) for key in STEPS[row.kind] if key != step or key == "active"]
    of_brands = row.kind == Registration.BRAND
    reasons = {code: text for code, text in REASONS.items() if code.startswith("6") == of_brands}
    return Line(row, title[:80], step, PILLS.get(step, "pill-warn" if step == "expired" else ""), buttons, reasons)


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """What happens to the next submissions."""
    treatment = TREATMENTS.get(request.POST.get("treatment", ""))
    if treatment is None:
        return _page(request, _("Choose one of these."))
    reason = request.POST.get("reason", "")
    async_to_sync(the_registrar().set_rule)(treatment, reason if reason in REASONS else "", None, 0.0)
    return redirect("registry")


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """One registration, now."""
    step, reason = request.POST.get("step", ""), request.POST.get("reason", "")
    reasons: list[Any] = [objection(reason)] if step in ("rejected", "suspended") else []
    try:
        async_to_sync(the_registrar().decide)(request.POST.get("reference", ""), step, reasons)
    except UnknownDecisionError:
        return _page(request, _("This registration is not there, or can’t be decided like this. Reload the page."))
    return redirect("registry")
