"""The sign-in form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _


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
