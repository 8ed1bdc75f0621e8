"""What people type into the pages of this app."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from provisioning.enablement import Source
from provisioning.models import Location, Organization, TextingSetting
from provisioning.models.choices import fold
from provisioning.refusals import Refusal
from provisioning.standing_words import STATUSES

if TYPE_CHECKING:
    LocationChoiceField = forms.ModelChoiceField[Location]
else:
    LocationChoiceField = forms.ModelChoiceField


class SignInForm(AuthenticationForm):
    """E-mail address and password. Every failure reads the same, whether or not the account exists."""

    error_messages = {
        "invalid_login": _("This e-mail address and password don’t match. Check both, then try again."),
        "inactive": _("This e-mail address and password don’t match. Check both, then try again."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("E-mail address")
        self.fields["username"].widget = forms.EmailInput(
            attrs={"class": "input", "autocomplete": "username", "autofocus": True, "maxlength": 254}
        )
        self.fields["password"].widget.attrs.update({"class": "input", "autocomplete": "current-password"})


class UsersFilter(forms.Form):
    """Search, filters, order and place of the Users list, all in the address. What is unknown is left out."""

    q = forms.CharField(required=False, max_length=200)
    location = LocationChoiceField(Location.objects.none(), required=False, empty_label=_("All locations"))
    status = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Any status")), ("on", _("On")), ("off", _("Off")), ("not_eligible", _("Not eligible")),
        ],
    )  # fmt: skip
    source = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Any source")),
            (Source.ORGANIZATION.value, _("Organization default")),
            (Source.LOCATION.value, _("Location")),
            (Source.USER.value, _("Override")),
        ],
    )
    sort = forms.ChoiceField(required=False, choices=[("", ""), ("-name", "")])
    after = forms.UUIDField(required=False)
    before = forms.UUIDField(required=False)

    def __init__(self, *args: Any, locations: QuerySet[Location], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["location"]
        field.queryset = locations
        for name in ("location", "status", "source"):
            self.fields[name].widget.attrs["class"] = "input"

    @property
    def _values(self) -> dict[str, Any]:
        return getattr(self, "cleaned_data", {})

    @property
    def descending(self) -> bool:
        return bool(self._values.get("sort"))

    @property
    def narrows(self) -> bool:
        """Whether anything is searched or filtered."""
        return any(self._values.get(name) for name in ("q", "location", "status", "source"))

    def cursor(self, name: str) -> uuid.UUID | None:
        """`after` or `before`."""
        return self._values.get(name)

    def narrow(self, users: QuerySet[Any]) -> QuerySet[Any]:
        """`users` comes from annotate_standing(), which adds what is filtered by."""
        values = self._values
        if values.get("q"):
            users = users.filter(matching(values["q"]))
        if values.get("location"):
            users = users.filter(location=values["location"])
        if values.get("status"):
            users = users.filter(STATUSES[values["status"]])
        if values.get("source"):
            users = users.filter(enablement_source=values["source"])
        return users


def matching(typed: str) -> Q:
    """Every word in the name or e-mail address, without regard to case; or the digits in the primary number."""
    words = Q()
    for word in fold(typed).split():
        words &= Q(search_text__contains=word)
    digits = re.sub(r"\D", "", typed)
    if len(digits) >= 3 and not re.search(r"[^\d\s()+./-]", typed):
        return words | Q(primary_number__e164__contains=digits)
    return words


class RefusableForm(forms.Form):
    """A form that shows what the domain refused, and answers with its status."""

    http_status = 422

    def refuse(self, refusal: Refusal) -> None:
        """Show why, and what to do, beside the form."""
        self.http_status = refusal.http_status
        for sentence in filter(None, (refusal.sentence, refusal.extra.get("remedy"))):
            self.add_error(None, forms.ValidationError(sentence, code=refusal.code))


class TextingSettingForm(RefusableForm):
    """The two radios of a user's page, and the override's toggle. `was` is what the page showed when opened."""

    DEFAULT, OVERRIDE = "default", "override"

    mode = forms.ChoiceField(
        choices=[
            (DEFAULT, _("Use the default configuration for the organization")),
            (OVERRIDE, _("Override settings")),
        ],
        error_messages={"required": _("Choose the default configuration or an override, then save.")},
    )
    own_on = forms.BooleanField(required=False)
    was = forms.ChoiceField(choices=TextingSetting.choices)

    @classmethod
    def showing(cls, setting: str) -> TextingSettingForm:
        """The form as it stands in the database."""
        mode = cls.DEFAULT if setting == TextingSetting.DEFAULT else cls.OVERRIDE
        return cls(initial={"mode": mode, "own_on": setting == TextingSetting.ON, "was": setting})

    @property
    def setting(self) -> str:
        """What was chosen, as a TextingSetting."""
        if self.cleaned_data["mode"] == self.DEFAULT:
            return TextingSetting.DEFAULT
        return TextingSetting.ON if self.cleaned_data["own_on"] else TextingSetting.OFF

    def kept(self, setting: str) -> TextingSettingForm:
        """Keep what was typed, over what stands in the database now."""
        self.data = {**{name: self.data[name] for name in ("mode", "own_on") if name in self.data}, "was": setting}
        return self


class SwitchForm(RefusableForm):
    """The organization's switch: switching on takes the acceptable use policy and, in healthcare, the attestation."""

    to = forms.ChoiceField(choices=[("on", "on"), ("off", "off")])
    agree = forms.BooleanField(required=False)
    attest = forms.BooleanField(required=False)

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization

    @property
    def turns_on(self) -> bool:
        """What is asked for; a first look at the page offers the opposite of what is so."""
        asked = self.data.get("to") or self.initial.get("to")
        return asked == "on" if asked in ("on", "off") else not self.organization.texting_enabled

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("to") == "on" and not values.get("agree"):
            self.add_error("agree", _("Accept the acceptable use policy to switch Business Texting on."))
        return values
