"""Roles. Operators name an organization's first administrator and its first compliance officer."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from provisioning.changes import Actor
from provisioning.models import RoleAssignment
from provisioning.models.access import RoleOrigin
from provisioning.operators import AnyModelForm, RecordedAdmin, knowing_actor
from provisioning.refusals import Refusal
from provisioning.role_assignments import assign_role, refusal_to_assign, remove_role


class RoleAssignmentForm(AnyModelForm):
    actor: ClassVar[Actor]

    class Meta:
        model = RoleAssignment
        fields = ("user", "role", "location")

    def clean(self) -> dict[str, Any]:
        """What provisioning/role_assignments.py would refuse, beside the field it is about."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        user, role = values.get("user"), values.get("role")
        if user is not None and role is not None:
            refusal = refusal_to_assign(user, role, values.get("location"), self.actor)
            if refusal is not None:
                sentences = (refusal.sentence, refusal.extra.get("remedy"))
                self.add_error(refusal.extra.get("field"), " ".join(filter(None, sentences)))
        return values


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(RecordedAdmin):
    """Given or taken back as in the portal, never edited: each is an event of its own. Nothing points to these rows."""

    form = RoleAssignmentForm
    list_display = ("user", "role", "location", "organization", "origin", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "location", "organization")
    search_fields = ("user__search_text", "organization__name")
    autocomplete_fields = ("user", "location")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return knowing_actor(super().get_form(request, obj, change=change, **kwargs), request)

    def save_model(self, request: HttpRequest, obj: Any, form: AnyModelForm, change: bool) -> None:
        actor = Actor.of_request(request, via="admin")
        held = assign_role(obj.user, obj.role, obj.location, actor, timezone.now(), origin=RoleOrigin.PROVIDER)
        obj.__dict__.update(held.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        remove_role(obj, Actor.of_request(request, via="admin"), timezone.now())

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The last full administrator, and what a directory gave, stays: said on the list."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refusal as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
            return redirect("admin:provisioning_roleassignment_changelist")
