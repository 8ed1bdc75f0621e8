"""Forms of second factors: a code, a passkey's answer, a name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from provisioning.forms.passwords import LONGEST
from provisioning.forms.refusable import RefusableForm


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


class CredentialForm(RefusableForm):
    """What the browser's passkey answered, as JSON."""

    credential = forms.JSONField(widget=forms.HiddenInput)


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
