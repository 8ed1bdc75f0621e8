"""A user's Calling tab: Business Texting, its result, and every requirement."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning.changes import Actor
from provisioning.eligibility import check_user
from provisioning.enablement import resolve_default
from provisioning.forms.texting import TextingSettingForm
from provisioning.models import User
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of, requires
from provisioning.scoping import users_in_reach
from provisioning.standing_words import pill, source_line
from provisioning.texting import set_user_texting
from provisioning.views.user_head import administrator, head, people_with_standing


@requires(Permission.VIEW_USERS)
def user_calling(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Default or override, what comes of it, and why."""
    reach = users_in_reach(administrator(request))
    if request.method == "POST":
        return _save(request, get_object_or_404(reach, pk=user_id))
    person = _person(reach, user_id)
    return _page(request, person, TextingSettingForm.showing(person.texting_setting))


def _save(request: HttpRequest, target: User) -> HttpResponse:
    if Permission.CHANGE_USERS not in permissions_of(administrator(request)):
        raise PermissionDenied
    form = TextingSettingForm(request.POST)
    if form.is_valid():
        try:
            _write(target, form, Actor.of_request(request))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Saved. Business Texting of %(user)s is set.") % {"user": target.display_name})
            return redirect("user_calling", user_id=target.pk)
    person = _person(users_in_reach(administrator(request)), target.pk)
    return _page(request, person, form.kept(person.texting_setting), status=form.http_status)


@transaction.atomic
def _write(target: User, form: TextingSettingForm, actor: Actor) -> None:
    """Refused with `changed_meanwhile` when someone else saved after this page was opened."""
    current = User.objects.select_for_update(no_key=True).only("texting_setting").get(pk=target.pk)
    if current.texting_setting != form.cleaned_data["was"]:
        raise Refusal(
            "changed_meanwhile",
            _("Someone else changed this setting while you had the page open. Check it, then save again."),
            http_status=409,
        )
    set_user_texting(target, form.setting, actor, timezone.now())


def _person(reach: QuerySet[User], user_id: uuid.UUID) -> Any:
    return get_object_or_404(people_with_standing(reach), pk=user_id)


def _page(request: HttpRequest, person: Any, form: TextingSettingForm, status: int = 200) -> HttpResponse:
    requirements = check_user(person)
    default = resolve_default(person)
    location = person.location.name if person.location else ""
    context = {
        **head(request, person, "user_calling"),
        "form": form,
        "pill": pill(person, name_location=True),
        "requirements": requirements,
        "met": sum(requirement.met for requirement in requirements),
        "unmet": next((item for item in requirements if item.code == person.first_unmet), None),
        "default": default,
        "default_source": source_line(default.source, location),
        "can_assign_number": Permission.ASSIGN_NUMBERS in permissions_of(administrator(request)),
    }
    return render(request, "provisioning/user_calling.html", context, status=status)
