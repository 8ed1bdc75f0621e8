"""Giving a role, and the filters of the Administrators page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from provisioning.forms.refusable import RefusableForm
from provisioning.models import Location, Role, RoleAssignment, User
from provisioning.models.choices import fold
from provisioning.refusals import Refusal

if TYPE_CHECKING:
    LocationChoiceField = forms.ModelChoiceField[Location]
else:
    LocationChoiceField = forms.ModelChoiceField

MEANINGS = {
    Role.FULL_ADMIN: _("Changes everything of the organization, and gives roles. Reads no texts."),
    Role.READ_ONLY_ADMIN: _("Sees what a full administrator sees, and changes nothing."),
    Role.USER_ADMIN: _("Creates, changes and deactivates users, and gives them numbers."),
    Role.LOCATION_ADMIN: _("Does the same for the users, numbers and settings of named locations only."),
    Role.COMPLIANCE_OFFICER: _("Searches and exports retained texts. Every look is recorded, all officers are told."),
}
"""What each role does, beside its radio button."""


class RoleForm(RefusableForm):
    """One role, and the location of a location administrator."""

    role = forms.ChoiceField(
        choices=Role.choices, error_messages={"required": _("Choose a role, then add it.")}, widget=forms.RadioSelect
    )
    location = LocationChoiceField(
        Location.objects.none(), label=_("Location"), required=False, empty_label=_("The whole organization"),
        help_text=_("For a location administrator: add the role once for each location."),
        error_messages={"invalid_choice": _("There is no such location among yours.")},
    )  # fmt: skip

    def __init__(self, *args: Any, locations: QuerySet[Location], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["location"]
        field.queryset = locations
        field.widget.attrs["class"] = "input"

    def refuse(self, refusal: Refusal) -> None:
        """Beside the field it is about."""
        field = refusal.extra.get("field")
        if field not in self.fields:
            super().refuse(refusal)
            return
        self.http_status = refusal.http_status
        sentences = [refusal.sentence, str(refusal.extra.get("remedy", ""))]
        self.add_error(field, forms.ValidationError(" ".join(filter(None, sentences)), code=refusal.code))


class AdministratorsFilter(forms.Form):
    """Search, filters and place of the Administrators page. What is unknown is left out."""

    q = forms.CharField(required=False, max_length=200)
    role = forms.ChoiceField(required=False, choices=[("", _("Any role")), *Role.choices])
    location = LocationChoiceField(Location.objects.none(), required=False, empty_label=_("Any location"))

    def __init__(self, *args: Any, locations: QuerySet[Location], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["location"]
        field.queryset = locations
        for name in ("role", "location"):
            self.fields[name].widget.attrs["class"] = "input"

    @property
    def narrows(self) -> bool:
        """Whether anything is searched or filtered."""
        return any(self.cleaned_data.get(name) for name in ("q", "role", "location"))

    def narrow(self, users: QuerySet[User], held: QuerySet[RoleAssignment]) -> QuerySet[User]:
        """Those of `users` who have one of the roles of `held` that is asked for."""
        if self.cleaned_data.get("role"):
            held = held.filter(role=self.cleaned_data["role"])
        if self.cleaned_data.get("location"):
            held = held.filter(location=self.cleaned_data["location"])
        for word in fold(self.cleaned_data.get("q", "")).split():
            users = users.filter(search_text__contains=word)
        return users.filter(pk__in=held.values("user_id"))
