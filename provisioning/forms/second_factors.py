"""Forms of second factors: a code, a passkey's answer, a name."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from provisioning.forms.passwords import LONGEST
from provisioning.forms.refusable import RefusableForm

LONGEST_CREDENTIAL: Final = 64 * 1024
"""Of JSON, with room for a passkey's attestation."""


class CodeForm(RefusableForm):
    """The app's six digits, or a recovery code."""

    code = forms.CharField(
        label=_("Code of your authenticator app, or a recovery code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "class": "input code-input", "autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True,
                "spellcheck": "false",
            }
        ),
    )  # fmt: skip


class NewAppForm(CodeForm):
    """The first code of an authenticator app, with the sealed secret that the page showed."""

    sealed = forms.CharField(max_length=1000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("Code that the app shows")


class PasswordForm(RefusableForm):
    """The person's password, asked for once more."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=LONGEST,
        widget=forms.PasswordInput(attrs={"class": "input", "autocomplete": "current-password", "autofocus": True}),
    )


class CredentialField(forms.JSONField):
    """JSON of the size and depth that browsers send: anybody may post here, and deep nesting is no ValueError."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > LONGEST_CREDENTIAL:
            raise self._nonsense()
        try:
            return super().to_python(value)
        except RecursionError:
            raise self._nonsense() from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was no JSON is not shown again: the browser makes a new answer."""
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return None

    def _nonsense(self) -> ValidationError:
        return ValidationError(self.error_messages["invalid"], code="invalid")


class CredentialForm(RefusableForm):
    """What the browser's passkey answered, as JSON."""

    credential = CredentialField(widget=forms.HiddenInput)


class PasskeyForm(CredentialForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        help_text=_("Where it is kept, so that you know it again: “Work laptop”, “Blue key”."),
        widget=forms.TextInput(attrs={"class": "input", "autofocus": True}),
    )
    field_order = ["name", "credential"]


class PasskeyNameForm(RefusableForm):
    name = forms.CharField(label=_("Name"), max_length=60, widget=forms.TextInput(attrs={"class": "input"}))
