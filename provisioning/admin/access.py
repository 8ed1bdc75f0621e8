"""Roles. Operators name an organization's first administrator and its first compliance officer."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from provisioning.models import Role, RoleAssignment
from provisioning.operators import AnyModelForm, RecordedAdmin


class RoleAssignmentForm(AnyModelForm):
    class Meta:
        model = RoleAssignment
        fields = ("user", "role", "location")

    def clean(self) -> dict[str, Any]:
        """A location administrator has named locations and no other role; every other role has no location."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        user, role, location = values.get("user"), values.get("role"), values.get("location")
        if user is None or role is None:
            return values
        if user.organization_id is None:
            self.add_error("user", _("Provider operators have no role in an organization."))
        elif (role == Role.LOCATION_ADMIN) != (location is not None):
            self.add_error("location", _("Choose a location for a location administrator, and for nobody else."))
        elif location is not None and location.organization_id != user.organization_id:
            self.add_error("location", _("This location is another organization's."))
        elif user.role_assignments.exclude(role=role).filter(_conflicting(role)).exists():
            self.add_error("role", _("A location administrator has no other role. Remove the other role first."))
        return values


def _conflicting(role: str) -> Q:
    return Q() if role == Role.LOCATION_ADMIN else Q(role=Role.LOCATION_ADMIN)


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(RecordedAdmin):
    """Given or taken back, never edited: each is an event of its own. Nothing points to these rows."""

    form = RoleAssignmentForm
    list_display = ("user", "role", "location", "organization", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "location", "organization")
    search_fields = ("user__search_text", "organization__name")
    autocomplete_fields = ("user", "location")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def save_model(self, request: HttpRequest, obj: Any, form: AnyModelForm, change: bool) -> None:
        obj.organization_id = obj.user.organization_id
        super().save_model(request, obj, form, change)
