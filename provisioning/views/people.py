"""One user: summary, profile, deactivated and reactivated; a new one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from provisioning import account_life
from provisioning.changes import Actor
from provisioning.client_version import NEEDED, parse, too_old
from provisioning.eligibility import check_user
from provisioning.forms.people import DeactivateForm, NewUserForm, ProfileForm
from provisioning.models import Role, RoleAssignment, User
from provisioning.people import (
    create_person,
    deactivate_person,
    lock_people,
    plan_edit,
    reactivate_person,
    refusals_to_deactivate,
    write_edits,
)
from provisioning.refusals import Refusal
from provisioning.roles import Permission, administered_locations, permissions_of, requires
from provisioning.scoping import locations_in_reach, users_in_reach
from provisioning.standing_words import pill
from provisioning.views.user_head import administrator, head, person_in_reach


@requires(Permission.VIEW_USERS)
def user_profile(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """The Summary tab: who, where, whether texting works and why not, roles, the account, the Webex app."""
    person = person_in_reach(request, user_id)
    return render(request, "provisioning/user_summary.html", _summary(request, person))


@requires(Permission.CHANGE_USERS)
def edit_user(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """The Profile tab: names, e-mail address, location, license."""
    person = person_in_reach(request, user_id)
    if request.method != "POST":
        return _profile_page(request, person, ProfileForm.showing(person, **_choices(request)))
    form = ProfileForm(request.POST, **_choices(request))
    if form.is_valid():
        try:
            saved = _save(person, form, Actor.of_request(request))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Saved. The profile of %(user)s is up to date.") % {"user": saved.display_name})
            return redirect("edit_user" if saved.location_id == person.location_id else "user_profile", user_id)
    return _profile_page(request, person, form, status=form.http_status)


@requires(Permission.CHANGE_USERS)
def new_user(request: HttpRequest) -> HttpResponse:
    """Create a user, and invite them."""
    form = NewUserForm(request.POST if request.method == "POST" else None, **_choices(request))
    if form.is_valid():
        try:
            person = _create(request, form)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return redirect("user_profile", user_id=person.pk)
    status = form.http_status if form.is_bound else 200
    return render(request, "provisioning/user_new.html", {"form": form}, status=status)


@requires(Permission.CHANGE_USERS)
def deactivate_user(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Say what happens, ask what becomes of the number, then do it."""
    person = person_in_reach(request, user_id)
    actor = Actor.of_request(request)
    form = DeactivateForm(request.POST if request.method == "POST" else None)
    refusal = None
    if form.is_bound and form.is_valid():
        try:
            deactivate_person(person, actor, timezone.now(), release_number=form.releases)
        except Refusal as found:
            refusal = found
        else:
            messages.success(request, _("%(user)s is deactivated.") % {"user": person.display_name})
            return redirect("user_profile", user_id=person.pk)
    elif not form.is_bound:
        (refusal,) = refusals_to_deactivate([person], actor)
    status = (refusal.http_status if refusal else form.http_status) if form.is_bound else 200
    context = {**head(request, person, ""), "form": form, "refusal": refusal, "officers_left": _officers_left(person)}
    return render(request, "provisioning/user_deactivate.html", context, status=status)


@requires(Permission.CHANGE_USERS)
def reactivate_user(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Say what comes back and what does not, then do it."""
    person = person_in_reach(request, user_id)
    refusal = None
    if request.method == "POST":
        try:
            reactivate_person(person, Actor.of_request(request), timezone.now())
        except Refusal as found:
            refusal = found
        else:
            messages.success(request, _("%(user)s is active again.") % {"user": person.display_name})
            return redirect("user_profile", user_id=person.pk)
    context = {**head(request, person, ""), "refusal": refusal}
    status = refusal.http_status if refusal else 200
    return render(request, "provisioning/user_reactivate.html", context, status=status)


@requires(Permission.CHANGE_USERS)
@require_POST
def invite_user(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Send the invitation, or send it again: the links before it stop working."""
    person = get_object_or_404(users_in_reach(administrator(request)), pk=user_id)
    try:
        account_life.invite_again(person, Actor.of_request(request), timezone.now())
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, _("An invitation is on its way to %(address)s.") % {"address": person.email})
    return redirect("user_profile", user_id=person.pk)


@transaction.atomic
def _save(person: User, form: ProfileForm, actor: Actor) -> User:
    """Only what was changed on the page, on the locked row."""
    (row,) = lock_people([person.pk])
    form.refuse_if_stale(row)
    edit = plan_edit(row, form.wanted())
    if edit is not None:
        write_edits([edit], actor, timezone.now())
    return row


def _create(request: HttpRequest, form: NewUserForm) -> User:
    organization: Any = administrator(request).organization
    invite = form.cleaned_data["invite"]
    person = create_person(organization, form.wanted(), Actor.of_request(request), timezone.now(), invite=invite)
    words = {"user": person.display_name, "address": person.email}
    if invite:
        sentence = _("%(user)s was created. An invitation is on its way to %(address)s.") % words
    else:
        sentence = _("%(user)s was created, and is not invited yet.") % words
    messages.success(request, sentence)
    return person


def _choices(request: HttpRequest) -> dict[str, Any]:
    """The locations to choose from; one has to be chosen by whoever is bound to some."""
    looking = administrator(request)
    return {"locations": locations_in_reach(looking), "required": administered_locations(looking) is not None}


def _profile_page(request: HttpRequest, person: Any, form: ProfileForm, status: int = 200) -> HttpResponse:
    context = {**head(request, person, "edit_user"), "form": form}
    return render(request, "provisioning/user_profile.html", context, status=status)


def _summary(request: HttpRequest, person: Any) -> dict[str, Any]:
    requirements = check_user(person)
    return {
        **head(request, person, "user_profile"),
        "pill": pill(person, name_location=True),
        "unmet": next((item for item in requirements if item.code == person.first_unmet), None),
        "roles": _roles(request, person),
        "sees_roles": Permission.VIEW_ROLES in permissions_of(administrator(request)),
        "awaits_activation": account_life.awaits_activation(person),
        "client": _client(person),
    }


def _roles(request: HttpRequest, person: User) -> list[str]:
    """In words; the locations of a location administrator are for those who may see roles."""
    held = RoleAssignment.objects.filter(user=person, organization=person.organization_id).select_related("location")
    rows = sorted(held, key=lambda row: Role.values.index(row.role))
    if Permission.VIEW_ROLES not in permissions_of(administrator(request)):
        return list(dict.fromkeys(str(Role(row.role).label) for row in rows))
    return [f"{Role(row.role).label}, {row.location}" if row.location else str(Role(row.role).label) for row in rows]


def _client(person: User) -> dict[str, Any] | None:
    """The Webex app last seen, and the version it would take where it is too old."""
    try:
        platform, numbers = parse(person.client_version)
    except Refusal:
        return None
    return {
        "platform": _("desktop") if platform == "desktop" else _("mobile"),
        "version": ".".join(map(str, numbers)),
        "seen_at": person.client_seen_at,
        "needed": ".".join(map(str, NEEDED[platform])) if too_old(person.client_version) else "",
    }


def _officers_left(person: User) -> int | None:
    """How many active officers would be left; None where the person is none."""
    officers = User.objects.filter(
        organization=person.organization, is_active=True, role_assignments__role=Role.COMPLIANCE_OFFICER
    ).values_list("pk", flat=True)
    found = set(officers)
    return len(found - {person.pk}) if person.pk in found else None
