"""What operators fill in: where numbers move to, which numbers to look at, why something is paused."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.models import CarrierAccount
from messaging.operations.number_figures import ORDERS
from messaging.routing import LONGEST_REASON
from provisioning.models import Organization

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    AccountChoiceField = forms.ModelChoiceField[CarrierAccount]
else:
    AccountChoiceField = forms.ModelChoiceField


class AccountField(AccountChoiceField):
    """Accounts by name, with what keeps one from sending."""

    def label_from_instance(self, account: CarrierAccount) -> str:
        if account.draining_since is not None:
            return _("%(account)s (being drained)") % {"account": account.name}
        return _("%(account)s (paused)") % {"account": account.name} if account.paused else account.name


class MoveForm(forms.Form):
    """All numbers of an account, or one organization's, to another account."""

    target = AccountField(CarrierAccount.objects.none(), label=_("To the account"), empty_label=None)
    organization = forms.ModelChoiceField(
        Organization.objects.none(), label=_("Numbers of"), required=False, empty_label=_("Every organization")
    )

    def __init__(self, account: CarrierAccount, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].queryset = CarrierAccount.objects.exclude(pk=account.pk)  # type: ignore[attr-defined]
        served = account.sending_numbers.order_by().values("organization")
        self.fields["organization"].queryset = (  # type: ignore[attr-defined]
            Organization.objects.filter(pk__in=served).order_by("name", "pk")
        )
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"


class NumbersForm(forms.Form):
    """Filters of the numbers page. What is not understood filters nothing."""

    organization = forms.UUIDField(required=False)
    order = forms.ChoiceField(choices=[(name, name) for name in ORDERS], required=False)
    paused = forms.BooleanField(required=False)

    @property
    def organization_id(self) -> uuid.UUID | None:
        found: uuid.UUID | None = self._kept("organization")
        return found

    @property
    def chosen_order(self) -> str:
        return str(self._kept("order") or ORDERS[0])

    @property
    def only_paused(self) -> bool:
        return bool(self._kept("paused"))

    def _kept(self, name: str) -> Any:
        self.is_valid()
        return self.cleaned_data.get(name)


def _reason(help_text: StrOrPromise) -> forms.CharField:
    widget = forms.TextInput(attrs={"class": "input", "autocomplete": "off"})
    return forms.CharField(label=_("Reason"), max_length=LONGEST_REASON, help_text=help_text, widget=widget)


class NumberReasonForm(forms.Form):
    """Why a number is paused."""

    reason = _reason(_("Its organization’s administrators read it: in an alert, on its page, in the audit log."))


class AccountReasonForm(forms.Form):
    """Why a carrier account is paused."""

    reason = _reason(_("It is kept in the provider’s audit log."))
