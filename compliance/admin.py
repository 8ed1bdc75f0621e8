"""What provider operators see of this app: that purges ran, and what operators themselves did.

Exports are not here (their names tell of legal matters), nor is what an organization's own people did: that is for
the organization's administrators and officers. Nothing can be added, changed or deleted.
"""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from compliance.models import AuditEvent, PurgeRun
from provisioning.operators import ReadOnlyAdmin


@admin.register(PurgeRun)
class PurgeRunAdmin(ReadOnlyAdmin):
    list_display = (
        "organization",
        "night",
        "after_restore",
        "started_at",
        "finished_at",
        "messages_deleted",
        "messages_kept",
    )
    list_filter = ("night",)
    list_select_related = ("organization",)
    date_hierarchy = "night"


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    fields = (
        "chain", "sequence", "happened_at", "actor_label", "via", "ip", "action", "target_type", "target_label",
        "previous_hash", "hash",
    )  # fmt: skip
    list_display = ("happened_at", "organization", "action", "target_label", "actor_label", "ip")
    list_select_related = ("organization",)
    search_fields = ("action", "target_label", "actor_label")
    ordering = ("-happened_at", "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """The platform's own chain, and what operators did to organizations; never a look at contents."""
        events: QuerySet[AuditEvent] = super().get_queryset(request)
        return events.filter(Q(organization__isnull=True) | Q(action__startswith="admin."), content_access=False)
