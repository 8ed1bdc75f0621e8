"""Forms in which people choose their password, or ask for a link to do so."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from provisioning.forms.refusable import RefusableForm

LONGEST = 1000


def _password(label: Any, autocomplete: str, **more: Any) -> forms.CharField:
    attrs = {"class": "input", "autocomplete": autocomplete, **more.pop("attrs", {})}
    return forms.CharField(
        label=label, strip=False, max_length=LONGEST, widget=forms.PasswordInput(attrs=attrs), **more
    )  # fmt: skip


class ForgotPasswordForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"class": "input", "autocomplete": "username", "autofocus": True}),
    )


class ChoosePasswordForm(RefusableForm):
    """A new password, twice: it can't be seen while it is typed."""

    new_password = _password(
        _("New password"),
        "new-password",
        help_text=_("At least 12 characters. Not your name, not your address, and nothing that everybody uses."),
    )
    again = _password(_("New password again"), "new-password")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        first, second = values.get("new_password"), values.get("again")
        if first and second and first != second:
            self.add_error("again", _("The two passwords differ. Type the same one twice."))
        return values


class ChangePasswordForm(ChoosePasswordForm):
    """The same for who is signed in, with the password in use."""

    current_password = _password(_("Current password"), "current-password")
    field_order = ["current_password", "new_password", "again"]
