"""Management > Users: one action on many users. Asked for, confirmed with its numbers, then started as a task."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from provisioning import user_filters
from provisioning.bulk_user_actions import ACTIONS, Action
from provisioning.bulk_user_preview import preview
from provisioning.bulk_user_words import selected
from provisioning.bulk_users import start_bulk
from provisioning.clock import database_now
from provisioning.forms.bulk_users import BulkForm
from provisioning.models import User
from provisioning.refusals import Refusal
from provisioning.roles import Permission, requires
from provisioning.scoping import locations_in_reach
from provisioning.user_selection import Selection


@requires(Permission.VIEW_USERS, Permission.CHANGE_USERS)
@require_POST
def bulk_users(request: HttpRequest) -> HttpResponse:
    """Asked for: say what would happen. Confirmed: start the task, once however often it is sent."""
    try:
        action, selection = _action(request), _selection(request)
    except Refusal as refusal:
        context = {"refusal": refusal, "back": _back(request)}
        return render(request, "provisioning/bulk_users.html", context, status=refusal.http_status)
    form = _form(request, action)
    if "confirmed" not in request.POST:
        return _page(request, action, selection, form)
    if not form.is_valid():
        return _page(request, action, selection, form, status=422)
    try:
        task = start_bulk(
            action, selection, _person(request), choice=form.choice, via="portal", ip=request.META.get("REMOTE_ADDR"),
            now=database_now(), idempotency_key=form.cleaned_data["key"],
        )  # fmt: skip
    except Refusal as refusal:
        return _page(request, action, selection, form, refusal=refusal, status=refusal.http_status)
    return redirect("task", task_id=task.pk)


def _person(request: HttpRequest) -> User:
    person: Any = request.user
    return person  # type: ignore[no-any-return]


def _action(request: HttpRequest) -> Action:
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        raise Refusal("unknown_action", _("Choose what to do with the users."))
    return action


def _selection(request: HttpRequest) -> Selection:
    """All that match the filter of the address, or those that were checked."""
    if request.POST.get("all"):
        return Selection.matching(_person(request), request.GET)
    try:
        return Selection.picked(uuid.UUID(each) for each in request.POST.getlist("user"))
    except ValueError:
        raise Refusal("unknown_user", _("Some of the users are not known. Go back and select them again.")) from None


def _form(request: HttpRequest, action: Action) -> BulkForm:
    locations = locations_in_reach(_person(request)).order_by("name", "pk")
    return BulkForm(request.POST, takes=action.takes, locations=locations)


def _page(
    request: HttpRequest, action: Action, selection: Selection, form: BulkForm, *,
    refusal: Refusal | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    found = preview(action, selection, form.chosen, _person(request))
    context = {
        "action": action,
        "selection": selection,
        "users": selected(selection),
        "form": form if status == 422 else form.unbound(),
        "preview": found,
        "refusal": refusal or found.refusal,
        "key": request.POST.get("key") or uuid.uuid4(),
        "dangerous": action.code in ("deactivate", "texting_off"),
        "back": _back(request),
    }
    return render(request, "provisioning/bulk_users.html", context, status=status)


def _back(request: HttpRequest) -> str:
    """The list as it was filtered."""
    kept = {name: request.GET[name] for name in (*user_filters.NAMES, "sort") if request.GET.get(name)}
    return reverse("users") + (f"?{urlencode(kept)}" if kept else "")
