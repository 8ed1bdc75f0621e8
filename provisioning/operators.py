"""The provider operators' admin: who gets in, and what every page of it keeps to.

- Nothing is deleted that messages, holds or audit events point to: no delete permission, no delete action.
- Every write is recorded (admin.<model>_<added|changed|removed>) with the fields that changed, in its own transaction
  (Django's change view is atomic). A field that holds a secret says "replaced", never its value.
- Only columns that the operator changed are written: a form is of the moment when its page was opened, and must not
  take back what others did since (a pause, the relay's own columns).
- No admin shows a message body: Message, Conversation and Receipt are registered nowhere.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from provisioning.changes import Actor, record_target

# Django's own classes take their type parameters only while types are checked.
if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    AnyModelForm = ModelForm[Any]
    Inline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, AnyModelForm, Inline = admin.ModelAdmin, ModelForm, admin.TabularInline

Snapshot = dict[str, Any]


class OperatorSite(admin.AdminSite):
    """Django's admin behind the hub's own sign-in page."""

    site_header = _("Texting Hub for provider operators")
    site_title = _("Texting Hub")
    index_title = _("Customers, numbers, carriers")
    site_url = None
    enable_nav_sidebar = False

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    @method_decorator(never_cache)
    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """To the sign-in page, and back. Someone signed in without being an operator is told so."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        following = request.GET.get("next", reverse("admin:index"))
        if self.has_permission(request):
            return redirect("admin:index")
        return redirect_to_login(following, reverse("sign_in"))

    @method_decorator(never_cache)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The hub's own sign-out; 307 keeps it a POST."""
        return HttpResponseRedirect(reverse("sign_out"), preserve_request=True)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The hub's own page, which ends the other sessions and writes it down."""
        return redirect("change_password")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("security")


class RecordedAdmin(ModelAdmin):
    """A model as operators see it: nothing is deleted, every write is recorded."""

    secret_fields: tuple[str, ...] = ()
    fixed_fields: tuple[str, ...] = ()
    """Chosen when the row is made, read-only from then on: other rows and history rely on them."""
    show_full_result_count = False
    list_per_page = 50

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = self.fixed_fields if obj is not None else ()
        return (*super().get_readonly_fields(request, obj), *fixed)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is fixed stands first, as it did when the row was made."""
        fields = list(super().get_fields(request, obj))
        return [*self.fixed_fields, *(name for name in fields if name not in self.fixed_fields)]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row, which remembers what it was read as: what differs when it is saved is what the form changed."""
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            row.as_read = columns(row)
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: AnyModelForm, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            self.record_write(request, obj, {}, replaced=_replaced(form, self.secret_fields))
            return
        before = snapshot(type(obj)._default_manager.get(pk=obj.pk))
        obj.save(update_fields=[name for name, value in columns(obj).items() if value != obj.as_read[name]])
        self.record_write(request, obj, before, replaced=_replaced(form, self.secret_fields))

    def save_formset(
        self, request: HttpRequest, form: AnyModelForm, formset: BaseModelFormSet[Any, Any], change: bool
    ) -> None:
        """Rows inside a row (a calling plan, a sending number): each is recorded by itself."""
        known = [row.pk for row in formset.get_queryset()]  # these rows bear the form's values by now
        kept = {row.pk: snapshot(row) for row in formset.model._default_manager.filter(pk__in=known)}
        for removed in formset.deleted_forms:
            self.record_removal(request, removed.instance, kept[removed.instance.pk])
        formset.save(commit=False)
        for removed in formset.deleted_objects:
            removed.delete()
        for row in formset.new_objects:
            row.save()
            self.record_write(request, row, {})
        for row, fields in formset.changed_objects:
            row.save(update_fields=fields)
            self.record_write(request, row, kept[row.pk])

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.record_removal(request, obj, snapshot(obj))
        super().delete_model(request, obj)

    def record_removal(self, request: HttpRequest, row: Any, before: Snapshot) -> None:
        """Before the row goes: afterwards it has no key to be named by."""
        record_target(
            f"admin.{row._meta.model_name}_removed",
            Actor.of_request(request, via="admin"),
            row,
            organization_id=organization_of(row),
            before=before,
        )

    def record_write(self, request: HttpRequest, row: Any, before: Snapshot, replaced: tuple[str, ...] = ()) -> None:
        """One change, with only what differs. A save that changed nothing leaves no event."""
        after = snapshot(type(row)._default_manager.get(pk=row.pk))
        old, new = difference(before, after)
        new.update(dict.fromkeys(replaced, "replaced"))
        if before and not new:
            return
        record_target(
            f"admin.{row._meta.model_name}_{'changed' if before else 'added'}",
            Actor.of_request(request, via="admin"),
            row,
            organization_id=organization_of(row),
            before=old,
            after=new,
        )


def knowing_actor(form: type[AnyModelForm], request: HttpRequest) -> type[AnyModelForm]:
    """The form class with `actor`: the operator, for forms that ask the domain what it would refuse."""
    return type(form.__name__, (form,), {"actor": Actor.of_request(request, via="admin")})


class ReadOnlyAdmin(RecordedAdmin):
    """Rows that operators may look at, and nothing more."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def columns(row: models.Model) -> dict[str, Any]:
    """The row's own columns as they are on the instance."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def snapshot(row: models.Model) -> Snapshot:
    """The row's own columns, JSON-ready, without secrets and without the columns derived from others."""
    hidden = {"password", "sealed_credentials", "email_key", "sort_name", "search_text", "last_login"}
    return {
        field.name: _plain(field.value_from_object(row))
        for field in row._meta.concrete_fields
        if field.name not in hidden and not field.primary_key
    }


def difference(before: Snapshot, after: Snapshot) -> tuple[Snapshot, Snapshot]:
    """The values that differ, old and new. A row that was just made has only new ones."""
    changed = {name for name in after if name not in before or before[name] != after[name]}
    return {name: before[name] for name in changed if name in before}, {name: after[name] for name in changed}


def organization_of(row: Any) -> uuid.UUID | None:
    """The organization whose audit log tells of the row; None is the platform's."""
    if row._meta.model_name == "organization":
        found: uuid.UUID = row.pk
        return found
    return getattr(row, "organization_id", None)


def _replaced(form: AnyModelForm, secrets: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in secrets if form.cleaned_data.get(name))


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
