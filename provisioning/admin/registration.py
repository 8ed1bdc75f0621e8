"""10DLC brands and campaigns, as the registry reports them; what was submitted; the registry's accounts.

Operators say where a registration stands only for what they registered elsewhere: the status goes the same way as the
registry's own word (registration/states.py). Limits are the carriers', so they are set here and not in the portal.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning import vault
from provisioning.admin.credentials import CredentialsForm
from provisioning.changes import Actor
from provisioning.models import Brand, Campaign, RegistrationEvent, RegistryAccount, RegistryNotice, RegistrySubmission
from provisioning.models.registration import BrandStatus
from provisioning.models.registry_terms import SEGMENTS_A_DAY, THROUGHPUT_CLASSES, BrandTier
from provisioning.operators import AnyModelForm, ReadOnlyAdmin, RecordedAdmin
from provisioning.registration import states
from provisioning.registration.registries import ADAPTERS

UNDER_WAY = BrandStatus.SUBMITTING
"""Only a submission brings a registration there."""


class StatusForm(AnyModelForm):
    """`status` is written by registration/states.py, after the other fields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields.get("status")
        if field is not None:
            kept = self.instance.status
            field.choices = [(key, word) for key, word in field.choices if key in (kept, "") or key != UNDER_WAY]

    def _post_clean(self) -> None:
        """The instance keeps the status that it has: choosing another one is a word on it, not a column."""
        before = self.instance.status
        super()._post_clean()  # type: ignore[misc]
        self.instance.status = before


class StatusAdmin(RecordedAdmin):
    """A registration whose status an operator may speak on."""

    def save_model(self, request: HttpRequest, obj: Any, form: AnyModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        states.set_by_operator(
            obj, form.cleaned_data["status"], Actor.of_request(request, via="admin"), timezone.now()
        )  # fmt: skip


class BrandForm(StatusForm):
    class Meta:
        model = Brand
        fields = ("organization", "legal_name", "registry_id", "status", "tier", "segments_a_day")

    def clean(self) -> dict[str, Any]:
        """Another tier brings its own cap, unless one is given with it."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if "tier" in self.changed_data and "segments_a_day" not in self.changed_data and values.get("tier"):
            values["segments_a_day"] = SEGMENTS_A_DAY[BrandTier(values["tier"])]
        return values


@admin.register(Brand)
class BrandAdmin(StatusAdmin):
    form = BrandForm
    fixed_fields = ("organization",)
    list_display = ("legal_name", "organization", "registry_id", "status", "tier", "segments_a_day")
    list_filter = ("status", "tier")
    list_select_related = ("organization",)
    search_fields = ("legal_name", "registry_id", "organization__name")
    autocomplete_fields = ("organization",)


class CampaignForm(StatusForm):
    throughput_class = forms.ChoiceField(
        label=gettext_lazy("Throughput class"), required=False,
        choices=[("", "---------"), *((name, f"{name} ({pace:,})") for name, pace in THROUGHPUT_CLASSES.items())],
        help_text=gettext_lazy("AT&T’s message class, and its segments a minute."),
    )  # fmt: skip

    class Meta:
        model = Campaign
        fields = (
            "brand", "name", "registry_id", "use_case", "status", "number_pool", "expires_at", "throughput_class",
            "segments_a_minute", "opt_out_message", "opt_in_message", "help_message", "opt_out_message_fr",
            "opt_in_message_fr", "help_message_fr",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Another class brings its own pace, unless one is given with it."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if "throughput_class" in self.changed_data and "segments_a_minute" not in self.changed_data:
            values["segments_a_minute"] = THROUGHPUT_CLASSES.get(values.get("throughput_class", ""))
        return values


@admin.register(Campaign)
class CampaignAdmin(StatusAdmin):
    """A campaign belongs to its brand's organization; there is nothing to choose."""

    form = CampaignForm
    fixed_fields = ("brand",)
    list_display = ("name", "registry_id", "organization", "brand", "status", "expires_at", "throughput_class")
    list_filter = ("status", "throughput_class", "number_pool")
    list_select_related = ("organization", "brand")
    search_fields = ("name", "registry_id", "organization__name")
    autocomplete_fields = ("brand",)

    def save_model(self, request: HttpRequest, obj: Any, form: AnyModelForm, change: bool) -> None:
        obj.organization_id = obj.brand.organization_id
        super().save_model(request, obj, form, change)


class RegistryAccountForm(CredentialsForm):
    registry = forms.ChoiceField(label=gettext_lazy("Registry"), choices=lambda: [(name, name) for name in ADAPTERS])
    base_url = forms.URLField(label=gettext_lazy("Address of the registry’s API"), assume_scheme="https")

    class Meta:
        model = RegistryAccount
        fields = ("name", "registry", "base_url", "active")


@admin.register(RegistryAccount)
class RegistryAccountAdmin(RecordedAdmin):
    form = RegistryAccountForm
    secret_fields = ("credentials",)
    fixed_fields = ("registry",)
    readonly_fields = ("webhook_address", "has_credentials", "rejected_webhooks")
    list_display = ("name", "registry", "base_url", "active", "rejected_webhooks")
    search_fields = ("name",)

    def save_model(self, request: HttpRequest, obj: Any, form: AnyModelForm, change: bool) -> None:
        if form.cleaned_data["credentials"]:
            obj.sealed_credentials = vault.seal(form.cleaned_data["credentials"])
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("Webhook address to give to the registry"))
    def webhook_address(self, account: RegistryAccount) -> str:
        if account._state.adding:
            return _("Shown once the account is saved.")
        return f"{settings.PUBLIC_URL}{reverse('registry_webhook', args=[account.pk])}"

    @admin.display(description=gettext_lazy("Credentials are stored"), boolean=True)
    def has_credentials(self, account: RegistryAccount) -> bool:
        return bool(account.sealed_credentials)


@admin.register(RegistrySubmission)
class RegistrySubmissionAdmin(ReadOnlyAdmin):
    """What was handed in, and how far it came: its id is the reference to ask the registry for."""

    list_display = ("id", "organization", "brand", "campaign", "state", "attempts", "trouble", "created_at")
    list_filter = ("state", "account")
    list_select_related = ("organization", "brand", "campaign")
    search_fields = ("id", "organization__name")


@admin.register(RegistrationEvent)
class RegistrationEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "organization", "brand", "campaign", "step", "source")
    list_filter = ("step", "source")
    list_select_related = ("organization", "brand", "campaign")
    search_fields = ("organization__name",)


@admin.register(RegistryNotice)
class RegistryNoticeAdmin(ReadOnlyAdmin):
    """Webhooks as they came; those without an organization concern nothing of ours."""

    list_display = ("received_at", "account", "kind", "organization", "event_id")
    list_filter = ("account", "kind")
    list_select_related = ("account", "organization")
    search_fields = ("event_id",)
