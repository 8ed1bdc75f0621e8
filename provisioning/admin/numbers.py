"""Phone numbers: typed in any human format, stored as E.164. messaging/admin.py adds the carrier and registers this."""

from __future__ import annotations

from typing import Any

import phonenumbers
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.campaigns import refuse_if_full
from provisioning.models import PhoneNumber
from provisioning.operators import AnyModelForm, RecordedAdmin
from provisioning.refusals import Refusal


def e164_of(typed: str) -> str:
    """`(415) 555-0101` or `+1 415 555 0101` as `+14155550101`; without a country code it is read as a US number."""
    try:
        number = phonenumbers.parse(typed, "US")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise forms.ValidationError(_("This is not a phone number. Enter it as in +1 415 555 0101."))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class PhoneNumberForm(AnyModelForm):
    e164 = forms.CharField(label=gettext_lazy("Number"), max_length=40, help_text=gettext_lazy("+1 415 555 0101"))

    class Meta:
        model = PhoneNumber
        fields = ("organization", "e164", "location", "source", "capability", "campaign", "user", "active")

    def clean_e164(self) -> str:
        return e164_of(self.cleaned_data["e164"])

    def clean(self) -> dict[str, Any]:
        """Everything the number is linked to is of its own organization."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        organization = values.get("organization") or self.instance.organization
        for name in ("location", "campaign", "user"):
            linked = values.get(name)
            if linked is not None and organization is not None and linked.organization_id != organization.pk:
                self.add_error(name, _("This is another organization’s."))
        self._refuse_if_campaign_full(values)
        return values

    def _refuse_if_campaign_full(self, values: dict[str, Any]) -> None:
        """The admin saves in the transaction that this locks the campaign in."""
        if values.get("campaign") is None:
            return
        try:
            refuse_if_full(values["campaign"], PhoneNumber(pk=self.instance.pk, active=values["active"]))
        except Refusal as refusal:
            self.add_error("campaign", refusal.sentence)


class PhoneNumberAdmin(RecordedAdmin):
    form = PhoneNumberForm
    fixed_fields = ("organization", "e164")
    list_display = ("e164", "organization", "location", "user", "capability", "campaign", "active")
    list_filter = ("capability", "source", "active")
    list_select_related = ("organization", "location", "user", "campaign")
    search_fields = ("e164", "organization__name", "user__search_text")
    autocomplete_fields = ("organization", "location", "campaign", "user")
