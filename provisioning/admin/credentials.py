"""Credentials of carriers and registries in the admin: they go in, are sealed, and never come out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    _Form = forms.ModelForm[Any]
else:
    _Form = forms.ModelForm


class WriteOnlyTextarea(forms.Textarea):
    """Shows nothing of what it was given, not even after a mistake elsewhere in the form."""

    def format_value(self, value: Any) -> str:
        return ""


class CredentialsForm(_Form):
    """A form with a field `credentials`: a JSON object of texts; empty keeps what is stored."""

    credentials = forms.CharField(
        label=gettext_lazy("Credentials"),
        required=False,
        widget=WriteOnlyTextarea(attrs={"rows": 4, "cols": 60, "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            'A JSON object, as in {"api_key": "…", "webhook_secret": "…"}. '
            "It is encrypted and never shown again. Leave this empty to keep what is stored."
        ),
    )

    def clean_credentials(self) -> dict[str, str]:
        typed = self.cleaned_data["credentials"]
        if not typed:
            return {}
        try:
            values = json.loads(typed)
        except ValueError:
            values = None
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise forms.ValidationError(_("Enter a JSON object whose values are texts."))
        return values
