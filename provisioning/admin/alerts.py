"""Alerts as provider operators see them: the provider's own and every organization's. Read only: causes clear them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from provisioning.alert_words import words
from provisioning.models import Alert
from provisioning.operators import ReadOnlyAdmin


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("title", "sentence", "organization", "raised_at", "seen_at", "times", "cleared_at")
    list_filter = (("cleared_at", admin.EmptyFieldListFilter), "code")
    list_select_related = ("organization",)
    fields = ("title", "sentence", "remedy", "organization", "raised_at", "seen_at", "times", "cleared_at")
    readonly_fields = ("title", "sentence", "remedy")
    ordering = ("-raised_at",)

    @admin.display(description=_("alert"))
    def title(self, alert: Alert) -> str:
        return words(alert).title

    @admin.display(description=_("what was seen"))
    def sentence(self, alert: Alert) -> str:
        return words(alert).sentence

    @admin.display(description=_("what to do"))
    def remedy(self, alert: Alert) -> str:
        return words(alert).remedy
