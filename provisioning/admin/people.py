"""Users. Operators make them and deactivate them; nobody sets anybody's password, and nobody becomes another."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning import account_life, second_factors
from provisioning.changes import Actor
from provisioning.models import User
from provisioning.models.choices import fold
from provisioning.operators import AnyModelForm, RecordedAdmin, knowing_actor
from provisioning.people import deactivate_person, reactivate_person, refusals_to_deactivate


class UserForm(AnyModelForm):
    """A member of an organization. Operators themselves come from `./hub manage createsuperuser`."""

    actor: ClassVar[Actor]

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
        if self.goes and (refusal := refusals_to_deactivate([self.instance], self.actor)[0]) is not None:
            self.add_error("is_active", " ".join(filter(None, (refusal.sentence, refusal.extra.get("remedy")))))
        return values

    @property
    def goes(self) -> bool:
        """Whether this deactivates a user there is."""
        known, changed = not self.instance._state.adding, "is_active" in self.changed_data
        return known and changed and not self.cleaned_data.get("is_active")


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
    actions = ("send_invitation_again", "remove_second_factors")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Members only: operators are no part of what operators manage here."""
        members: QuerySet[User] = super().get_queryset(request).filter(organization__isnull=False)
        return members

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return knowing_actor(super().get_form(request, obj, change=change, **kwargs), request)

    def save_model(self, request: HttpRequest, obj: User, form: AnyModelForm, change: bool) -> None:
        """A new user chooses a password through an invitation; who goes and comes back does as in the portal."""
        actor, now = Actor.of_request(request, via="admin"), timezone.now()
        if not change:
            obj.set_unusable_password()
        elif "is_active" in form.changed_data:
            (reactivate_person if obj.is_active else deactivate_person)(obj, actor, now)
        super().save_model(request, obj, form, change)
        if not change:
            account_life.invite([obj], actor, now)

    @admin.action(description=gettext_lazy("Send the invitation again"), permissions=["change"])
    def send_invitation_again(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """To those who have not chosen a password yet; the earlier links are void."""
        actor, now = Actor.of_request(request, via="admin"), timezone.now()
        invited = sum(len(account_life.invite([user], actor, now)) for user in chosen.order_by("pk"))
        self.message_user(request, _("Invited: %(count)d.") % {"count": invited})

    @admin.action(description=gettext_lazy("Remove second factors (devices lost)"), permissions=["change"])
    def remove_second_factors(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """For people who lost every device. They sign in with their password, and set a new one up."""
        actor, now = Actor.of_request(request, via="admin"), timezone.now()
        removed = sum(second_factors.remove_all(user, actor, now) for user in chosen.order_by("pk"))
        self.message_user(request, _("Removed the second factors of: %(count)d.") % {"count": removed})
