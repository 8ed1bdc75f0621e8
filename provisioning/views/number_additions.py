"""Add numbers: what was typed is read and shown line by line, and only then added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning.changes import Actor
from provisioning.forms.numbers import AddNumbersForm
from provisioning.models import RowOutcome, Task
from provisioning.number_additions import BATCH, Addition, add, source_of
from provisioning.number_inventory import Result
from provisioning.number_plans import BAD, GOOD, SAME, Plan, left_over, plan
from provisioning.number_tasks import AddNumbers, as_runs
from provisioning.refusals import Refusal
from provisioning.roles import Permission, requires
from provisioning.scoping import campaigns_in_reach, locations_in_reach
from provisioning.task_engine import start
from provisioning.views.numbers import administrator

SHOWN: Final = {BAD: 500, SAME: 100, GOOD: 100}
"""Lines of a preview: what is wrong is shown (almost) whole, of the rest the beginning."""


@requires(Permission.CHANGE_NUMBERS)
def new_numbers(request: HttpRequest) -> HttpResponse:
    """The form; posted it shows the preview, and with `add` it adds."""
    form = _form(request)
    if request.method != "POST":
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=422)
    values = form.cleaned_data
    try:
        planned = plan(values["numbers"], values["location"], values["campaign"])
        if "add" in request.POST and planned.e164s:
            return _add(request, form, planned)
    except Refusal as refusal:
        form.refuse(refusal)
        return _page(request, form, status=form.http_status)
    return _page(request, form, planned=planned, status=200 if planned.e164s else 422)


def _form(request: HttpRequest) -> AddNumbersForm:
    user = administrator(request)
    campaigns = campaigns_in_reach(user).select_related("brand").order_by("name", "pk")
    posted = request.POST if request.method == "POST" else None
    shown = {"location": request.GET.get("location")}
    return AddNumbersForm(posted, initial=shown, locations=locations_in_reach(user), campaigns=campaigns)


def _add(request: HttpRequest, form: AddNumbersForm, planned: Plan) -> HttpResponse:
    """At once, or as a task when they are many. What could not be added stays in the form."""
    e164s = planned.e164s
    if len(e164s) > BATCH:
        task = _start(request, form, e164s)
        return _finish(request, form, planned, Done([], task))
    actor = Actor.of_request(request)
    return _finish(request, form, planned, Done(add(_addition(form), e164s, actor, timezone.now())))


@dataclass(frozen=True, slots=True)
class Done:
    """What was added at once, or the task that adds them."""

    results: list[Result]
    task: Task | None = None

    @property
    def added(self) -> int:
        return sum(result.outcome == RowOutcome.CHANGED for result in self.results)


def _addition(form: AddNumbersForm) -> Addition:
    values = form.cleaned_data
    return Addition(values["location"], values["source"] or source_of(values["location"]), values["campaign"])


def _start(request: HttpRequest, form: AddNumbersForm, e164s: list[str]) -> Task:
    user, actor, addition = administrator(request), Actor.of_request(request), _addition(form)
    arguments = {
        "location_id": str(addition.location.pk),
        "campaign_id": str(addition.campaign.pk) if addition.campaign else None,
        "source": addition.source,
        "numbers": as_runs(e164s),
    }
    organization: Any = user.organization
    return start(AddNumbers.code, organization, user, arguments, via=actor.via, ip=actor.ip, now=timezone.now())


def _finish(request: HttpRequest, form: AddNumbersForm, planned: Plan, done: Done) -> HttpResponse:
    """To the list, or to the task; back to the form as long as something is left to be corrected."""
    elsewhere = [Result(e164, RowOutcome.REFUSED) for e164 in planned.elsewhere]
    left = left_over(planned.entries, [*done.results, *elsewhere])
    if done.task is None:
        words = {"count": done.added, "location": form.cleaned_data["location"]}
        sentence = ngettext(
            "%(count)s number was added to %(location)s.", "%(count)s numbers were added to %(location)s.", done.added
        )
        (messages.success if done.added else messages.warning)(request, sentence % words)
    if not left:
        return redirect("task", task_id=done.task.pk) if done.task else redirect("numbers")
    refused = [result for result in done.results if result.refusal is not None]
    kept = form.keeping(left)
    return _page(request, kept, refused=refused, task=done.task, left=plan_of_rest(planned), status=422)


def plan_of_rest(planned: Plan) -> list[Any]:
    """The lines that were not even tried."""
    return planned.bad[: SHOWN[BAD]]


def _page(
    request: HttpRequest, form: AddNumbersForm, *, planned: Plan | None = None, status: int = 200, **shown: Any
) -> HttpResponse:
    context = {"form": form, "plan": planned, **shown}
    if planned is not None:
        lines = planned.lines
        groups = {kind: [line for line in lines if line.kind == kind] for kind in (BAD, SAME, GOOD)}
        context["groups"] = [
            {"kind": kind, "count": len(found), "lines": found[: SHOWN[kind]], "more": max(0, len(found) - SHOWN[kind])}
            for kind, found in groups.items()
            if found
        ]
        context["count"] = len(planned.e164s)
        context["as_task"] = len(planned.e164s) > BATCH
        context["nothing"] = _("There is nothing to add.") if not planned.e164s else ""
    return render(request, "provisioning/numbers_new.html", context, status=status)
