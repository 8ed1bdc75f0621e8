"""10DLC brands and campaigns, as the registry reports them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from provisioning.models import Brand, Campaign
from provisioning.operators import AnyModelForm, RecordedAdmin


@admin.register(Brand)
class BrandAdmin(RecordedAdmin):
    fields = ("organization", "legal_name", "registry_id", "status")
    fixed_fields = ("organization",)
    list_display = ("legal_name", "organization", "registry_id", "status")
    list_filter = ("status",)
    list_select_related = ("organization",)
    search_fields = ("legal_name", "registry_id", "organization__name")
    autocomplete_fields = ("organization",)


@admin.register(Campaign)
class CampaignAdmin(RecordedAdmin):
    """A campaign belongs to its brand's organization; there is nothing to choose."""

    fields = (
        "brand", "name", "registry_id", "use_case", "status", "number_pool",
        "opt_out_message", "opt_in_message", "help_message",
        "opt_out_message_fr", "opt_in_message_fr", "help_message_fr",
    )  # fmt: skip
    fixed_fields = ("brand",)
    list_display = ("name", "registry_id", "organization", "brand", "status", "number_pool")
    list_filter = ("status",)
    list_select_related = ("organization", "brand")
    search_fields = ("name", "registry_id", "organization__name")
    autocomplete_fields = ("brand",)

    def save_model(self, request: HttpRequest, obj: Any, form: AnyModelForm, change: bool) -> None:
        obj.organization_id = obj.brand.organization_id
        super().save_model(request, obj, form, change)
