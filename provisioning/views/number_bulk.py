"""One action on many numbers: confirmed first, then done at once, or as a task when they are more than 500."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from provisioning.changes import Actor
from provisioning.forms.numbers import BulkForm
from provisioning.models import RowOutcome, Task
from provisioning.number_actions import ACTIONS, NumberAction, target_of
from provisioning.number_inventory import Result
from provisioning.number_selection import NumberSelection
from provisioning.number_tasks import ChangeNumbers
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of, requires
from provisioning.scoping import campaigns_in_reach, locations_in_reach
from provisioning.task_engine import start
from provisioning.views.numbers import administrator, filter_of

AT_ONCE: Final = 500
"""Numbers changed while somebody waits."""
SAMPLE: Final = 10
MOST_IDS: Final = 1_000


@requires(Permission.VIEW_NUMBERS, Permission.ASSIGN_NUMBERS)
@require_POST
def bulk_numbers(request: HttpRequest) -> HttpResponse:
    """Asked for: say what would happen. Confirmed: do it."""
    user = administrator(request)
    action = ACTIONS.get(request.POST.get("action", ""))
    selection = _selection(request)
    count = selection.numbers(user).order_by().count()
    if action is None or not count:
        sentence = _("Choose what to do with the numbers.") if count else _("Choose at least one number.")
        return _page(request, action, selection, count, refusal=Refusal("nothing_chosen", sentence), status=422)
    if action.permission not in permissions_of(user):
        raise PermissionDenied
    if "confirmed" not in request.POST:
        return _page(request, action, selection, count, form=_form(request, action, bound=False))
    form = _form(request, action, bound=True)
    if not form.is_valid():
        return _page(request, action, selection, count, form=form, status=422)
    try:
        return _do(request, action, selection, count, form.arguments)
    except Refusal as refusal:
        return _page(request, action, selection, count, form=form, refusal=refusal, status=refusal.http_status)


def _selection(request: HttpRequest) -> NumberSelection:
    """All that match the filter of the address, or those that were ticked."""
    if request.POST.get("all"):
        return NumberSelection(filter_of(request).values)
    return NumberSelection(ids=request.POST.getlist("number")[:MOST_IDS])


def _form(request: HttpRequest, action: NumberAction, *, bound: bool) -> BulkForm:
    user = administrator(request)
    campaigns = campaigns_in_reach(user).order_by("name", "pk")
    posted = request.POST if bound else None
    return BulkForm(posted, needs=action.needs, locations=locations_in_reach(user), campaigns=campaigns)


def _do(
    request: HttpRequest, action: NumberAction, selection: NumberSelection, count: int, arguments: dict[str, str]
) -> HttpResponse:
    user, actor, now = administrator(request), Actor.of_request(request), timezone.now()
    target = target_of(action, user, arguments)
    if count > AT_ONCE:
        return redirect("task", task_id=_start(request, action, selection, arguments).pk)
    numbers = list(selection.numbers(user).order_by("e164")[:AT_ONCE])
    results: list[Result] = []
    for begin in range(0, len(numbers), action.batch):
        results += action.run(numbers[begin : begin + action.batch], target, actor, now)
    return _tell(request, action, results)


def _start(
    request: HttpRequest, action: NumberAction, selection: NumberSelection, arguments: dict[str, str]
) -> Task:  # fmt: skip
    user, actor = administrator(request), Actor.of_request(request)
    organization: Any = user.organization
    asked = {"action": action.code, **selection.arguments, **arguments}
    return start(ChangeNumbers.code, organization, user, asked, via=actor.via, ip=actor.ip, now=timezone.now())


def _tell(request: HttpRequest, action: NumberAction, results: list[Result]) -> HttpResponse:
    """Back to the list; where some were refused, which and why, and those are chosen still."""
    changed = sum(result.outcome == RowOutcome.CHANGED for result in results)
    refused = [result for result in results if result.refusal is not None]
    words = {"action": action.title, "count": changed}
    sentence = ngettext("%(action)s: %(count)s number changed.", "%(action)s: %(count)s numbers changed.", changed)
    (messages.success if changed or not refused else messages.warning)(request, sentence % words)
    if not refused:
        return redirect(_back(request))
    context = {"action": action, "refused": refused, "back": _back(request), "changed": changed}
    return render(request, "provisioning/numbers_refused.html", context, status=422)


def _back(request: HttpRequest) -> str:
    """The list as it was narrowed; the number's own page when it was asked for there."""
    ids = request.POST.getlist("number")
    if request.POST.get("from") == "number" and len(ids) == 1 and not request.POST.get("all"):
        one = NumberSelection(ids=ids).numbers(administrator(request)).first()
        if one is not None:
            return reverse("number", args=[one.pk])
    values = filter_of(request).values
    return reverse("numbers") + (f"?{urlencode(values)}" if values else "")


def _page(
    request: HttpRequest,
    action: NumberAction | None,
    selection: NumberSelection,
    count: int,
    *,
    form: BulkForm | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    numbers = selection.numbers(administrator(request))
    assigned = numbers.filter(user__isnull=False).order_by().count() if count else 0
    context = {
        "action": action,
        "selection": selection,
        "count": count,
        "assigned": assigned,
        "sample": list(numbers.order_by("e164")[:SAMPLE]),
        "more": max(0, count - SAMPLE),
        "form": form,
        "refusal": refusal,
        "as_task": count > AT_ONCE,
        "back": _back(request),
        "origin": request.POST.get("from", ""),
    }
    return render(request, "provisioning/numbers_bulk.html", context, status=status)
