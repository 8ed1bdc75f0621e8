"""Management > Administrators, and a user's Roles tab."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from provisioning.changes import Actor
from provisioning.forms.roles import MEANINGS, AdministratorsFilter, RoleForm
from provisioning.models import Role, RoleAssignment, User
from provisioning.people_mail import officers_of
from provisioning.refusals import Refusal
from provisioning.role_assignments import assign_role, remove_role
from provisioning.roles import Permission, permissions_of, requires
from provisioning.scoping import locations_in_reach, roles_in_reach, users_in_reach
from provisioning.views.user_head import administrator, head

A_PAGE = 50
"""There are as many administrators as people can know: numbered pages do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person of the Administrators page, with every role in words."""

    person: User
    roles: list[str]


@requires(Permission.VIEW_ROLES)
def administrators(request: HttpRequest) -> HttpResponse:
    """Who has which role, fifty a page; filtered by role and location."""
    looking = administrator(request)
    held = roles_in_reach(looking)
    filters = AdministratorsFilter(request.GET, locations=locations_in_reach(looking))
    filters.is_valid()
    found = filters.narrow(users_in_reach(looking), held)
    in_words = Prefetch("role_assignments", queryset=held.select_related("location"), to_attr="held_roles")
    people: Any = found.prefetch_related(in_words).order_by("sort_name", "pk")
    page = Paginator(people, A_PAGE).get_page(request.GET.get("page"))
    context = {
        "filters": filters,
        "page": page,
        "rows": [Row(person, _in_words(person.held_roles)) for person in page],
        "can_assign": Permission.ASSIGN_ROLES in permissions_of(looking),
    }
    return render(request, "provisioning/administrators.html", context)


@requires(Permission.VIEW_ROLES)
def user_roles(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """The Roles tab: what the user has, and one role more."""
    person = _person(request, user_id)
    if request.method != "POST":
        return _page(request, person, _form(request))
    if not _can_assign(request):
        raise PermissionDenied
    form = _form(request, request.POST)
    if form.is_valid():
        try:
            assigned = assign_role(
                person, form.cleaned_data["role"], form.cleaned_data["location"], Actor.of_request(request),
                timezone.now(),
            )  # fmt: skip
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            words = {"user": person.display_name, "role": assigned.get_role_display()}
            messages.success(request, _("%(user)s has the role %(role)s.") % words)
            return redirect("user_roles", user_id=person.pk)
    return _page(request, person, form, status=form.http_status)


@requires(Permission.ASSIGN_ROLES)
def remove_role_of_user(request: HttpRequest, user_id: uuid.UUID, assignment_id: uuid.UUID) -> HttpResponse:
    """Say what ends, then end it."""
    person = _person(request, user_id)
    assignment = get_object_or_404(_held(person), pk=assignment_id)
    refusal = None
    if request.method == "POST":
        try:
            remove_role(assignment, Actor.of_request(request), timezone.now())
        except Refusal as found:
            refusal = found
        else:
            words = {"user": person.display_name, "role": assignment.get_role_display()}
            messages.success(request, _("%(user)s no longer has the role %(role)s.") % words)
            return _back(request, person)
    context = {
        **head(request, person, "user_roles"),
        "assignment": assignment,
        "refusal": refusal,
        "own": person.pk == administrator(request).pk,
        "officers_left": _officers_left(assignment),
    }
    status = refusal.http_status if refusal else 200
    return render(request, "provisioning/role_remove.html", context, status=status)


def _back(request: HttpRequest, person: User) -> HttpResponse:
    """Whoever took away what let them see roles can't go back to where they were."""
    lost = person.pk == administrator(request).pk
    return redirect("home") if lost else redirect("user_roles", user_id=person.pk)


def _person(request: HttpRequest, user_id: uuid.UUID) -> User:
    people = users_in_reach(administrator(request)).select_related("organization", "location", "primary_number")
    return get_object_or_404(people, pk=user_id)


def _held(person: User) -> QuerySet[RoleAssignment]:
    held = RoleAssignment.objects.filter(user=person, organization=person.organization_id)
    return held.select_related("location").order_by("role", "location__name", "pk")


def _page(request: HttpRequest, person: User, form: RoleForm, status: int = 200) -> HttpResponse:
    context = {
        **head(request, person, "user_roles"),
        "rows": _held(person),
        "form": form,
        "role_choices": [(role.value, role.label, MEANINGS[role]) for role in Role],
        "can_assign": _can_assign(request),
    }
    return render(request, "provisioning/user_roles.html", context, status=status)


def _form(request: HttpRequest, posted: Any = None) -> RoleForm:
    return RoleForm(posted, locations=locations_in_reach(administrator(request)))


def _can_assign(request: HttpRequest) -> bool:
    return Permission.ASSIGN_ROLES in permissions_of(administrator(request))


def _in_words(held: list[RoleAssignment]) -> list[str]:
    rows = sorted(held, key=lambda row: (Role.values.index(row.role), row.location.name if row.location else ""))
    return [f"{row.get_role_display()}, {row.location}" if row.location else row.get_role_display() for row in rows]


def _officers_left(assignment: RoleAssignment) -> int | None:
    """How many active officers would be left; None where the role is another one."""
    if assignment.role != Role.COMPLIANCE_OFFICER:
        return None
    return len([officer for officer in officers_of(assignment.organization_id) if officer.pk != assignment.user_id])
