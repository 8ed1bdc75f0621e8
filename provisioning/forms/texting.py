"""The forms around Business Texting: a user's two radios, the organization's switch."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from provisioning.forms.refusable import RefusableForm
from provisioning.models import Organization, TextingSetting


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
        if values.get("to") == "on" and self.organization.healthcare and not values.get("attest"):
            self.add_error(
                "attest",
                _(
                    "Business texting is not HIPAA compliant. "
                    "Confirm that no protected health information is texted to switch it on."
                ),
            )
        return values
