"""Customers, the Calling Plans they bought, and their locations."""

from __future__ import annotations

import zoneinfo
from typing import Any

import phonenumbers
from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from provisioning.models import CallingPlan, Location, Organization
from provisioning.operators import AnyModelForm, Inline, RecordedAdmin


def clean_country(typed: str) -> str:
    """A country code (ISO 3166-1 alpha-2), in capitals."""
    code = typed.strip().upper()
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise forms.ValidationError(_("Enter a two-letter country code, as in US or CA."))
    return code


def clean_time_zone(typed: str) -> str:
    """A name of the IANA time zone database."""
    if typed not in zoneinfo.available_timezones():
        raise forms.ValidationError(_("Enter a time zone name, as in America/Los_Angeles."))
    return typed


class CallingPlanForm(AnyModelForm):
    class Meta:
        model = CallingPlan
        fields = ("country",)

    def clean_country(self) -> str:
        return clean_country(self.cleaned_data["country"])


class CallingPlanInline(Inline):
    model = CallingPlan
    form = CallingPlanForm
    extra = 0


class OrganizationForm(AnyModelForm):
    class Meta:
        model = Organization
        fields = (
            "name", "customer_type", "addon_licenses", "healthcare", "opt_out_scope", "unanswered_reply", "time_zone",
        )  # fmt: skip

    def clean_time_zone(self) -> str:
        return clean_time_zone(self.cleaned_data["time_zone"])


@admin.register(Organization)
class OrganizationAdmin(RecordedAdmin):
    """What was sold. Whether texting is on, and what was attested, is the customer's own and only shown."""

    form = OrganizationForm
    inlines = (CallingPlanInline,)
    list_display = ("name", "customer_type", "addon_licenses", "healthcare", "texting_enabled")
    list_filter = ("customer_type", "texting_enabled", "healthcare")
    search_fields = ("name",)
    readonly_fields = (
        "texting_enabled", "texting_changed_at", "acceptable_use_accepted_at", "acceptable_use_accepted_by",
        "phi_attested_at", "phi_attested_by",
    )  # fmt: skip


class LocationForm(AnyModelForm):
    class Meta:
        model = Location
        fields = ("organization", "name", "country", "pstn_connection", "time_zone")

    def clean_country(self) -> str:
        return clean_country(self.cleaned_data["country"])

    def clean_time_zone(self) -> str:
        return clean_time_zone(self.cleaned_data["time_zone"])


@admin.register(Location)
class LocationAdmin(RecordedAdmin):
    form = LocationForm
    fixed_fields = ("organization",)
    readonly_fields = ("texting_setting",)
    list_display = ("name", "organization", "country", "pstn_connection", "texting_setting")
    list_filter = ("pstn_connection", "country")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__name")
    autocomplete_fields = ("organization",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return super().get_search_results(request, queryset.select_related("organization"), search_term)
