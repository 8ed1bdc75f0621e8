"""A person's profile, as it is typed: to edit, and for a new user; what to do with the number of one who goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.forms.refusable import RefusableForm
from provisioning.models import Location, User
from provisioning.models.users import License
from provisioning.person_edits import EMAIL_LENGTH, FIELDS, NAME_LENGTH
from provisioning.refusals import Refusal

if TYPE_CHECKING:
    LocationChoiceField = forms.ModelChoiceField[Location]
else:
    LocationChoiceField = forms.ModelChoiceField


class ProfileForm(RefusableForm):
    """Every field carries what it showed when the page was opened: only what was changed there is written."""

    first_name = forms.CharField(
        label=gettext_lazy("First name"), required=False, max_length=NAME_LENGTH, show_hidden_initial=True,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    last_name = forms.CharField(
        label=gettext_lazy("Last name"), required=False, max_length=NAME_LENGTH, show_hidden_initial=True,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    email = forms.CharField(
        label=gettext_lazy("E-mail"), max_length=EMAIL_LENGTH, show_hidden_initial=True,
        error_messages={"required": gettext_lazy("Enter an e-mail address. The user signs in with it.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    location = LocationChoiceField(
        Location.objects.none(), label=gettext_lazy("Location"), required=False, show_hidden_initial=True,
        empty_label=gettext_lazy("No location"),
        error_messages={"invalid_choice": gettext_lazy("There is no such location among yours.")},
    )  # fmt: skip
    license = forms.ChoiceField(label=gettext_lazy("License"), choices=License.choices, show_hidden_initial=True)

    def __init__(self, *args: Any, locations: QuerySet[Location], required: bool = False, **kwargs: Any) -> None:
        """`required`: a location has to be chosen, as by a location administrator."""
        super().__init__(*args, **kwargs)
        field: Any = self.fields["location"]
        field.queryset = locations
        if required:
            field.empty_label = None
            field.required = True
        for name in FIELDS:
            self.fields[name].widget.attrs["class"] = "input"

    @classmethod
    def showing(cls, user: User, **kwargs: Any) -> ProfileForm:
        """As it stands in the database."""
        return cls(initial={name: getattr(user, name) for name in FIELDS}, **kwargs)

    def wanted(self) -> Mapping[str, Any]:
        """What was changed on the page."""
        return {name: self.cleaned_data[name] for name in FIELDS if name in self.changed_data}

    def refuse_if_stale(self, user: User) -> None:
        """Refusal (409) `changed_meanwhile`: a field changed here was changed by someone else after the page opened."""
        for name in self.wanted():
            value = getattr(user, name)
            now = str(value.pk if isinstance(value, Location) else value or "")
            shown = str(self.data.get(self.add_initial_prefix(name), ""))
            if now not in (shown, self._typed(name)):
                self.data = {key: self.data[key] for key in self.data} | {self.add_initial_prefix(name): now}
                raise Refusal(
                    "changed_meanwhile",
                    _("Someone else changed this while you had the page open. It is “%(value)s” now.")
                    % {"value": _worded(name, value)},
                    http_status=409, field=name,
                )  # fmt: skip

    def refuse(self, refusal: Refusal) -> None:
        """Beside the field it is about."""
        field = refusal.extra.get("field")
        if field not in self.fields:
            super().refuse(refusal)
            return
        self.http_status = refusal.http_status
        sentences = [refusal.sentence, str(refusal.extra.get("remedy", ""))]
        self.add_error(field, forms.ValidationError(" ".join(filter(None, sentences)), code=refusal.code))

    def _typed(self, name: str) -> str:
        value = self.cleaned_data[name]
        return str(value.pk if isinstance(value, Location) else value or "")


def _worded(name: str, value: Any) -> str:
    if name == "license":
        return str(License(value).label)
    return str(value) if value else _("nothing")


class NewUserForm(ProfileForm):
    """The same fields, empty."""

    invite = forms.BooleanField(
        label=gettext_lazy("Send an invitation now"), required=False, initial=True,
        help_text=gettext_lazy("A mail with a link to choose a password. You can also send it later."),
    )  # fmt: skip

    def wanted(self) -> Mapping[str, Any]:
        return {name: self.cleaned_data[name] for name in FIELDS}


class DeactivateForm(RefusableForm):
    """What becomes of the primary number."""

    KEEP, RELEASE = "keep", "release"

    number = forms.ChoiceField(
        required=False, choices=[(KEEP, gettext_lazy("Keep it")), (RELEASE, gettext_lazy("Release it"))], initial=KEEP
    )

    @property
    def releases(self) -> bool:
        return bool(self.cleaned_data.get("number") == self.RELEASE)
