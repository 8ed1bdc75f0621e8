"""The form that makes an API token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from provisioning.forms.refusable import RefusableForm
from provisioning.tokens import LONGEST_DAYS, SCOPES

DAYS = (30, 90, 180, LONGEST_DAYS)


class NewTokenForm(RefusableForm):
    """What the token is for, what it may do, and how long it lasts."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What it is for, to tell it from others."),
        error_messages={"required": _("Give the token a name that says what it is for.")},
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=list(SCOPES.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Never more than you may do yourself."),
        error_messages={"required": _("Choose at least one thing that the token may do.")},
    )
    days = forms.TypedChoiceField(
        label=_("It ends after"),
        coerce=int,
        initial=90,
        choices=[(days, _("%(days)s days") % {"days": days}) for days in DAYS],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "days"):
            self.fields[name].widget.attrs["class"] = "input"

    def expires_at(self, now: datetime) -> datetime:
        """When it ends."""
        return now + timedelta(days=self.cleaned_data["days"])
