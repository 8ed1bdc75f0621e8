"""What provider operators see of this app: carrier accounts, sending numbers, opt-outs. Never a text.

Message, Conversation and Receipt are registered nowhere, so that no page, search or autocomplete of the admin can
show a body. Carrier credentials go in and never come out: they are sealed, and the form never shows them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging import clock
from messaging.carriers import ADAPTERS, Maker
from messaging.carriers.credentials import problems
from messaging.content_rules import check_pattern, lock_provided, next_change, stamp
from messaging.models import CarrierAccount, ContentRule, OptOut, SendingNumber
from messaging.routing import ask_capability
from provisioning import vault
from provisioning.admin.credentials import CredentialsForm
from provisioning.admin.numbers import PhoneNumberAdmin
from provisioning.models import PhoneNumber
from provisioning.operators import AnyModelForm, Inline, ReadOnlyAdmin, RecordedAdmin
from provisioning.refusals import Refusal


def _carriers() -> list[tuple[str, str]]:
    return [(name, make.label) for name, make in ADAPTERS.items()]


def _addresses() -> str:
    """Help for the address: where each carrier's API is."""
    usual = [f"{make.label}: {make.default_base_url}" for make in ADAPTERS.values() if make.default_base_url]
    return " · ".join(usual)


def _needed() -> str:
    """Help for the credentials: which names each carrier needs, and what they are."""
    return format_html(
        "{}<ul>{}</ul>",
        _(
            "A JSON object of the names below. It is encrypted and never shown again. "
            "Leave this empty to keep what is stored."
        ),
        format_html_join(
            "", "<li><strong>{}</strong>{}</li>", ((make.label, _names(make)) for make in ADAPTERS.values())
        ),
    )


def _names(make: Maker) -> str:
    rows = ((one.name, one.description, "" if one.required else _("(optional)")) for one in make.credentials)
    return format_html("<ul>{}</ul>", format_html_join("", "<li><code>{}</code>: {} {}</li>", rows))


class CarrierAccountForm(CredentialsForm):
    carrier = forms.ChoiceField(label=gettext_lazy("Carrier"), choices=_carriers)
    base_url = forms.URLField(label=gettext_lazy("Address of the carrier’s API"), assume_scheme="https")

    class Meta:
        model = CarrierAccount
        fields = ("name", "carrier", "base_url", "texts_a_second", "answers_keywords")
        help_texts = {
            "paused": gettext_lazy(
                "Nothing goes out, and texts fail when they have waited for 24 hours. "
                "An account is paused and resumed on its page under Provider > Relay."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credentials"].help_text = _needed()
        if "base_url" in self.fields:
            self.fields["base_url"].help_text = _addresses()

    def clean(self) -> dict[str, Any]:
        """The names that the chosen carrier needs must be there, and no others."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        # The carrier of an account never changes, and the form of an existing one shows it as text.
        make = ADAPTERS.get(cleaned.get("carrier") or self.instance.carrier)
        given = cleaned.get("credentials")
        if make is not None and given is not None and (given or not self.instance.sealed_credentials):
            for problem in problems(make.credentials, given):
                self.add_error("credentials", problem)
        return cleaned


@admin.register(CarrierAccount)
class CarrierAccountAdmin(RecordedAdmin):
    form = CarrierAccountForm
    secret_fields = ("credentials",)
    fixed_fields = ("carrier",)
    readonly_fields = ("paused", "webhook_address", "has_credentials", "rejected_webhooks", "draining_since")
    list_display = ("name", "carrier", "base_url", "paused", "draining_since", "rejected_webhooks")
    search_fields = ("name",)

    def save_model(self, request: HttpRequest, obj: CarrierAccount, form: AnyModelForm, change: bool) -> None:
        if form.cleaned_data["credentials"]:
            obj.sealed_credentials = vault.seal(form.cleaned_data["credentials"])
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("Webhook address to give to the carrier"))
    def webhook_address(self, account: CarrierAccount) -> str:
        if account._state.adding:
            return _("Shown once the account is saved.")
        return f"{settings.PUBLIC_URL}{reverse('webhook', args=[account.pk])}"

    @admin.display(description=gettext_lazy("Credentials are stored"), boolean=True)
    def has_credentials(self, account: CarrierAccount) -> bool:
        return bool(account.sealed_credentials)


def _ask_new_carrier(moved: Iterable[SendingNumber]) -> None:
    """Whether these numbers can text is for another carrier to say now; the last one may never have been asked."""
    ids = [row.pk for row in moved]
    if ids:
        ask_capability(ids, clock.database_now())


class SendingNumberForm(AnyModelForm):
    """`paused` is only shown: a page opened before a pause would end it, and nobody is asked for a reason here."""

    class Meta:
        model = SendingNumber
        fields = ("carrier_account", "texts_a_minute", "burst", "texts_a_day")
        help_texts = {
            "paused": gettext_lazy("A number is paused, with a reason, and resumed under Provider > Numbers."),
        }


class SendingNumberInline(Inline):
    """The carrier a number sends through, and how fast. Left empty, a Calling Plan number is connected in a moment."""

    model = SendingNumber
    form = SendingNumberForm
    fields = ("carrier_account", "texts_a_minute", "burst", "texts_a_day", "paused")
    readonly_fields = ("paused",)
    extra = 1
    max_num = 1
    can_delete = False


@admin.register(PhoneNumber)
class TextingNumberAdmin(PhoneNumberAdmin):
    inlines = (SendingNumberInline,)

    def save_formset(self, request: HttpRequest, form: AnyModelForm, formset: Any, change: bool) -> None:
        """A sending number copies the organization of its number."""
        for row in formset.forms:
            row.instance.organization_id = form.instance.organization_id
        super().save_formset(request, form, formset, change)
        _ask_new_carrier(row for row, fields in formset.changed_objects if "carrier_account" in fields)


@admin.register(SendingNumber)
class SendingNumberAdmin(RecordedAdmin):
    """Pace and limits. Rows are made with their phone number."""

    form = SendingNumberForm
    fields = (
        "number", "organization", "carrier_account", "texts_a_minute", "burst", "texts_a_day", "paused", "pause_reason",
    )  # fmt: skip
    readonly_fields = ("number", "organization", "paused", "pause_reason")
    list_display = ("number", "organization", "carrier_account", "texts_a_minute", "burst", "texts_a_day", "paused")
    list_filter = ("paused", "carrier_account")
    list_select_related = ("number", "organization", "carrier_account")
    search_fields = ("number__e164", "organization__name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: SendingNumber, form: AnyModelForm, change: bool) -> None:
        _ask_new_carrier([obj] if "carrier_account" in form.changed_data else [])
        super().save_model(request, obj, form, change)


class ContentRuleForm(AnyModelForm):
    """A rule for every organization."""

    class Meta:
        model = ContentRule
        fields = ("name", "kind", "pattern", "action", "advice", "active")

    def clean(self) -> dict[str, Any]:
        """What an organization's administrator would be told, the operator is told too."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            values["pattern"] = check_pattern(values.get("kind", ""), values.get("pattern", ""))
        except Refusal as refusal:
            self.add_error("pattern", refusal.sentence)
        alike = ContentRule.objects.filter(organization__isnull=True, name=values.get("name", ""))
        if alike.exclude(pk=self.instance.pk).exists():
            self.add_error("name", _("There is a rule of this name already. Choose another one."))
        return values


@admin.register(ContentRule)
class ContentRuleAdmin(RecordedAdmin):
    """The provider's rules. They count for every organization, are shown there, and are switched off, never deleted."""

    form = ContentRuleForm
    list_display = ("name", "kind", "action", "active", "changed_at")
    list_filter = ("active", "action")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """An organization's own rules are its administrators'."""
        return super().get_queryset(request).filter(organization__isnull=True)

    def save_model(self, request: HttpRequest, obj: ContentRule, form: AnyModelForm, change: bool) -> None:
        if change and not form.has_changed():
            return
        lock_provided()
        at = next_change(None)
        super().save_model(request, obj, form, change)
        stamp(obj, at)


@admin.register(OptOut)
class OptOutAdmin(ReadOnlyAdmin):
    list_display = ("counterpart", "organization", "number", "keyword", "opted_out_at", "lifted_at")
    list_filter = ("keyword",)
    list_select_related = ("organization", "number")
    search_fields = ("counterpart", "organization__name")
