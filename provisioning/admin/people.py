"""Users. Operators make them and deactivate them; nobody sets anybody's password, and nobody becomes another."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from provisioning.models import User
from provisioning.models.choices import fold
from provisioning.operators import AnyModelForm, RecordedAdmin


class UserForm(AnyModelForm):
    """A member of an organization. Operators themselves come from `./hub manage createsuperuser`."""

    class Meta:
        model = User
        fields = ("organization", "location", "email", "first_name", "last_name", "license", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "organization" in self.fields:
            self.fields["organization"].required = True

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip()
        if User.objects.filter(email_key=fold(email)).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("A user with this e-mail address exists already."))
        return email

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        organization = values.get("organization") or self.instance.organization
        location = values.get("location")
        if location is not None and organization is not None and location.organization_id != organization.pk:
            self.add_error("location", _("This location is another organization's."))
        return values


@admin.register(User)
class UserAdmin(RecordedAdmin):
    """The e-mail address is fixed: whoever could change it could become that user."""

    form = UserForm
    fixed_fields = ("organization", "email")
    readonly_fields = ("texting_setting", "last_login")
    list_display = ("sort_name", "email", "organization", "location", "license", "is_active")
    list_display_links = ("sort_name", "email")
    list_filter = ("is_active", "license")
    list_select_related = ("organization", "location")
    search_fields = ("search_text", "organization__name")
    autocomplete_fields = ("organization", "location")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Members only: operators are no part of what operators manage here."""
        members: QuerySet[User] = super().get_queryset(request).filter(organization__isnull=False)
        return members

    def save_model(self, request: HttpRequest, obj: User, form: AnyModelForm, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
