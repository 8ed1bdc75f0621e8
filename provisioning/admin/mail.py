"""What became of mail. Its text is nobody's to read: it can hold a link as good as a password."""

from __future__ import annotations

from django.contrib import admin

from provisioning.models import Mail
from provisioning.operators import ReadOnlyAdmin


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "address", "kind", "state", "attempts", "error", "sent_at")
    list_filter = ("state", "kind")
    list_select_related = ("organization",)
    search_fields = ("address",)
    fields = (
        "organization", "address", "kind", "subject", "state", "attempts", "next_attempt_at", "error", "created_at",
        "sent_at",
    )  # fmt: skip
    ordering = ("-created_at",)
